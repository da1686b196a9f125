"""Connections that are of no use any more."""

from django.db.utils import InterfaceError

from taskhub.db import discard


class Unclosable:
    """As psycopg2 leaves a connection that was lost twice."""

    connection = object()

    def close(self):
        raise InterfaceError("connection already closed")


def test_a_connection_that_cannot_even_be_closed_is_let_go():
    lost = Unclosable()

    discard(lost)

    assert lost.connection is None
