"""How many statements the database at hand needs."""

from django.db import connection

from taskhub.models import TaskResult


def statements_for(rows: int) -> int:
    """
    Return how many INSERTs write so many results.

    One, unless the database, or what Django knows of it, takes only so many parameters
    in a statement: SQLite 999 up to Django 5.2.
    """
    fields = TaskResult._meta.concrete_fields
    return -(-rows // connection.ops.bulk_batch_size(fields, [None] * rows))
