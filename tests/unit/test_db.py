"""Discarding broken connections."""

from django.db.utils import InterfaceError

from taskhub.db import discard


class Unclosable:
    """A connection that cannot be closed, like one that psycopg2 has lost twice."""

    connection = object()

    def close(self):
        raise InterfaceError("connection already closed")


def test_a_connection_that_cannot_be_closed_is_discarded():
    lost = Unclosable()

    discard(lost)

    assert lost.connection is None
