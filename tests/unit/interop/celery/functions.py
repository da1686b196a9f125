"""Functions that tests make tasks of."""

from itertools import count

from taskhub.interop.celery.exceptions import Reject

_numbers = count()


def another():
    """Return a function that is no task yet."""

    def double(number):
        """Double a number."""
        return 2 * number

    double.__qualname__ = double.__name__ = f"double_{next(_numbers)}"
    return double


def double(number):
    """Double a number."""
    return 2 * number


def tell_self(self, number):
    return self, number


def reject_always():
    raise Reject("not now", requeue=True)


def retry_always(self):
    self.retry(countdown=0)
