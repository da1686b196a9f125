"""The number of statements that the current database needs."""

from django.db import connection

from taskhub.models import TaskResult


def statements_for(rows: int) -> int:
    """
    Return the number of INSERT statements that write `rows` results.

    It is one, unless the database, or Django, limits the parameters of a statement:
    up to Django 5.2, SQLite takes 999.
    """
    fields = TaskResult._meta.concrete_fields
    return -(-rows // connection.ops.bulk_batch_size(fields, [None] * rows))
