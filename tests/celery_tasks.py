"""Tasks as a project of Celery declares them; only the imports are taskhub's."""

import os
import signal
import time
from decimal import Decimal

from asgiref.sync import sync_to_async

from taskhub.interop.celery import Celery, Task, current_task, group, shared_task
from taskhub.interop.celery.exceptions import (
    Ignore,
    MaxRetriesExceededError,
    Reject,
    SoftTimeLimitExceeded,
)
from taskhub.interop.celery.result import AsyncResult, allow_join_result
from taskhub.interop.celery.utils.log import get_task_logger
from tests.models import Trace
from tests.tasks import leave_trace

logger = get_task_logger(__name__)

app = Celery("tests", task_track_started=True)


class Hooked(Task):
    """A base class that records its hooks."""

    greeting = "hello"

    def before_start(self, task_id, args, kwargs):
        leave_trace(f"before_start {task_id}")

    def on_success(self, retval, task_id, args, kwargs):
        leave_trace(f"on_success {retval} {args} {kwargs}")

    def on_failure(self, exc, task_id, args, kwargs, einfo):
        leave_trace(f"on_failure {exc!r} {einfo.type.__name__}")

    def on_retry(self, exc, task_id, args, kwargs, einfo):
        leave_trace(f"on_retry {exc!r}")

    def after_return(self, status, retval, task_id, args, kwargs, einfo):
        leave_trace(f"after_return {status}")


class WithTrace(Task):
    """A base class that turns a primary key into an object, as pretix has."""

    def __call__(self, *args, **kwargs):
        if "trace" in kwargs:
            kwargs["trace"] = Trace.objects.get(pk=kwargs["trace"])
        return super().__call__(*args, **kwargs)


@shared_task
def add(a, b=0):
    """Add two numbers."""
    return a + b


@app.task(name="tests.multiply")
def multiply(a, b):
    return a * b


@shared_task(bind=True)
def tell_request(self, value):
    request = self.request
    return {
        "id": request.id,
        "task": request.task,
        "args": request.args,
        "kwargs": request.kwargs,
        "retries": request.retries,
        "headers": request.headers,
        "hostname": request.hostname,
        "eta": request.eta,
        "expires": request.expires,
        "queue": request.delivery_info["routing_key"],
        "called_directly": request.called_directly,
        "is_eager": request.is_eager,
        "parent_id": request.parent_id,
        "root_id": request.root_id,
        "name": self.name,
        "current": current_task.name,
    }


@shared_task(bind=True)
def tell_request_of_child(self):
    return tell_request.delay("child").id


@shared_task
def fail(text):
    leave_trace("fail")
    raise ValueError(text)


def open_nothing(text):
    raise OSError(text)


@shared_task(bind=True, max_retries=2, default_retry_delay=0)
def retry_by_hand(self, text):
    leave_trace(f"try {self.request.retries}")
    try:
        open_nothing(text)
    except OSError as error:
        raise self.retry(exc=error) from error


@shared_task(bind=True, max_retries=1, default_retry_delay=0)
def retry_without_error(self):
    leave_trace(f"try {self.request.retries}")
    try:
        self.retry()
    except MaxRetriesExceededError:
        return "given up"


@shared_task(bind=True, default_retry_delay=0)
def retry_with_more(self, numbers, *, factor=1):
    if self.request.retries < 2:
        more = [*numbers, self.request.retries]
        self.retry(args=[more], kwargs={"factor": Decimal(10)})
    return [int(factor * each) for each in numbers], type(factor).__name__


@shared_task(bind=True, max_retries=0, default_retry_delay=0)
def retry_more_often(self):
    if self.request.retries < 5:
        self.retry(max_retries=5)
    return self.request.retries


@shared_task(bind=True)
def retry_in_an_hour(self):
    self.retry(countdown=3600)


@shared_task(bind=True, default_retry_delay=0)
def retry_at_the_end(self):
    if self.request.retries == 0:
        self.retry(throw=False)
    leave_trace(f"end {self.request.retries}")
    return "returned"


@shared_task(
    autoretry_for=(OSError,),
    dont_autoretry_for=(PermissionError,),
    retry_kwargs={"max_retries": 2, "countdown": 0},
)
def retry_by_itself(kind):
    leave_trace(kind)
    raise {"os": OSError, "permission": PermissionError, "value": ValueError}[kind]


@shared_task(autoretry_for=(OSError,), retry_kwargs={"max_retries": 2, "countdown": 0})
async def retry_by_itself_async():
    await sync_to_async(leave_trace)("async")
    raise OSError


@shared_task(autoretry_for=(OSError,), retry_backoff=7, retry_jitter=False)
def retry_with_backoff():
    raise OSError("later")


@shared_task(base=Hooked, bind=True)
def hooked(self, kind, *, times=1):
    if kind == "retry" and self.request.retries < times:
        self.retry(exc=KeyError("once more"), countdown=0)
    if kind == "fail":
        raise ValueError("no")
    return f"{self.greeting} {kind}"


@app.task(base=WithTrace)
def label_of(prefix, *, trace):
    return f"{prefix} {trace.label}"


class Summing(Task):
    """A task that is a class of its own."""

    name = "tests.summing"

    def run(self, numbers):
        return sum(numbers)


summing = app.register_task(Summing())


@shared_task(soft_time_limit=0.2)
def run_past_the_soft_limit():
    try:
        time.sleep(30)
    except SoftTimeLimitExceeded:
        return "cleaned up"


@shared_task(time_limit=0.4)
def run_past_the_limit():
    time.sleep(30)


@shared_task(soft_time_limit=0.2, base=Hooked)
def hang():
    time.sleep(30)


@shared_task(expires=0.01)
def expire_soon():
    leave_trace("expired")


@shared_task(ignore_result=True)
def forget(fails=False):
    if fails:
        raise ValueError("kept")


@shared_task(throws=(KeyError,))
def expect():
    raise KeyError("expected")


@shared_task(queue="mail")
def send_mail(context):
    return f"{context} sent"


@shared_task(bind=True)
def report(self, gate_is_open=True):
    meta = {"current": 3, "total": 10, "file": "a.csv"}
    self.update_state(state="PROGRESS", meta=meta)
    while gate_is_open and not Trace.objects.filter(label="gate").exists():
        time.sleep(0.02)
    return "reported"


@shared_task(bind=True)
def ignore(self, state=None):
    if state:
        self.update_state(state=state, meta={"reason": "no"})
    raise Ignore


@shared_task(bind=True)
def reject(self, requeue):
    leave_trace("reject")
    if self.request.retries == 0:
        raise Reject("not now", requeue=requeue)
    return "accepted"


@shared_task
def log_a_line(text):
    logger.warning("logged: %s", text)


@shared_task
def fan_out(count):
    return [each.id for each in group(add.s(each, 1) for each in range(count))()]


@shared_task
async def add_async(a, b):
    return a + b


@shared_task
def tell_types(key, *, prices, at):
    return [type(each).__name__ for each in (key, prices[0], at)]


@shared_task(bind=True)
def tell_header(self, name):
    return self.request.get(name), getattr(self.request, name)


@shared_task(bind=True)
def retry_with(self, args):
    self.retry(args=args)


@shared_task(bind=True)
def retry_at(self, moment):
    self.retry(eta=moment)


@shared_task(bind=True, default_retry_delay=None, max_retries=1)
def retry_without_pause(self):
    self.retry(exc=KeyError("soon"))


@shared_task
def find_nothing():
    Trace.objects.get(label="nothing")


class OddError(Exception):
    """Its constructor needs more than a message."""

    def __init__(self, first, second):
        super().__init__(f"{first} and {second}")


@shared_task
def fail_oddly():
    raise OddError(1, 2)


@shared_task(bind=True)
def wait_for_itself(self):
    return self.AsyncResult(self.request.id).get()


@shared_task
def wait_for(result_id):
    with allow_join_result():
        return AsyncResult(result_id).get(timeout=5)


def die_at_first():
    leave_trace("begun")
    if Trace.objects.filter(label="begun").count() == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return "survived"


@shared_task(acks_late=False)
def die():
    return die_at_first()


@shared_task
def die_late():
    return die_at_first()
