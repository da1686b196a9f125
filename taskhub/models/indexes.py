"""Indexes for databases that differ."""

from typing import Any

from django.db import models


class PartialIndex(models.Index):
    """
    An index of the rows in which one column has one value: `condition` says which.

    It begins with that column, since MariaDB and MySQL have no partial indexes and make
    it whole, and SQLite takes it sooner. On PostgreSQL it does not: what the condition
    of an index says is left out of a search there, which would then go through all of
    an index whose first column is not searched for.
    """

    def create_sql(
        self, model: Any, schema_editor: Any, using: str = "", **options: Any
    ) -> Any:
        """Return the statement that adds it."""
        if schema_editor.connection.vendor == "postgresql":
            return super().create_sql(model, schema_editor, using, **options)
        ((column, _value),) = self.condition.children  # type: ignore[union-attr,misc]
        fitting = models.Index(
            fields=[column, *self.fields], name=self.name, condition=self.condition
        )
        return fitting.create_sql(model, schema_editor, using, **options)
