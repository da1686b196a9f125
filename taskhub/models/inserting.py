"""
Inserting new rows at half the cost of `Model.save()`.

`Model.save()` spends most of its time on compiling the statement. Here, the statement
is compiled once for each slice of the table and each database.
"""

from collections.abc import Sequence
from functools import cache
from operator import attrgetter
from typing import Any

from django.db import connections, transaction
from django.db.models import Model, QuerySet

from taskhub.compat.private_apis import insert_statement
from taskhub.models.batches import batches_of
from taskhub.models.results.slices import NewResult

_statement_of = cache(insert_statement)


def insert(rows: Sequence[NewResult], alias: str) -> None:
    """
    Insert rows of one class, in the open transaction if there is one.

    Block until the rows are inserted. Raise a DatabaseError if a statement fails.
    """
    if len(rows) == 1:
        insert_one(rows[0], alias)
    elif rows:
        queryset: QuerySet[Any] = type(rows[0])._default_manager.using(alias)
        with transaction.atomic(using=alias, savepoint=False):
            for batch in batches_of(rows, attrgetter("size")):
                queryset.bulk_create(batch)


def insert_one(row: Model, alias: str) -> None:
    """Insert one row of any model; see insert()."""
    connection = connections[alias]
    statement = _statement_of(type(row), alias)
    values = [
        field.get_db_prep_save(getattr(row, field.attname), connection)
        for field in row._meta.concrete_fields
    ]
    with (
        # As in Model.save(): if the statement fails, its transaction is rolled back.
        transaction.mark_for_rollback_on_error(alias),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement, values)
    row._state.adding, row._state.db = False, alias
