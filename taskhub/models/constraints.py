"""Constraints and indexes that have the same effect on every database."""

from collections.abc import Sequence
from typing import Any

from django.db.models import (
    BooleanField,
    CheckConstraint,
    Func,
    Index,
    Q,
    UniqueConstraint,
)


class PartialUniqueConstraint(UniqueConstraint):
    """
    Unique where the condition holds, also on databases without partial indexes.

    The columns must be NULL elsewhere, so that a constraint without the condition is
    equivalent. Django's UniqueConstraint would create nothing on MariaDB.
    """

    def _supported(self, schema_editor: Any) -> UniqueConstraint:
        """Return an equivalent constraint that the database supports."""
        if schema_editor.connection.features.supports_partial_indexes:
            return self
        return UniqueConstraint(fields=self.fields, name=self.name)

    def constraint_sql(self, model: Any, schema_editor: Any) -> Any:
        """Return the constraint's part of CREATE TABLE."""
        supported = self._supported(schema_editor)
        return UniqueConstraint.constraint_sql(supported, model, schema_editor)

    def create_sql(self, model: Any, schema_editor: Any) -> Any:
        """Return the statement that adds the constraint."""
        supported = self._supported(schema_editor)
        return UniqueConstraint.create_sql(supported, model, schema_editor)

    def remove_sql(self, model: Any, schema_editor: Any) -> Any:
        """Return the statement that removes the constraint."""
        supported = self._supported(schema_editor)
        return UniqueConstraint.remove_sql(supported, model, schema_editor)


class _IsReadable(Func):
    """Whether Python can represent a time: it is in the years 1 to 9999."""

    arity = 1
    output_field = BooleanField()
    template = (
        "%(expressions)s BETWEEN '0001-01-01 00:00:00' AND '9999-12-31 23:59:59.999999'"
    )

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """Add a zone to both bounds, which otherwise are in the session's zone."""
        template = self.template.replace("00:00:00'", "00:00:00Z'")
        template = template.replace("999999'", "999999Z'")
        return self.as_sql(compiler, connection, template=template, **context)

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """Refuse text that is not in Django's format: SQLite sorts times as text."""
        # With a modifier, datetime() returns the 3rd of March for the 31st of February,
        # which then differs from the text. Python's driver adds +00:00. Other offsets
        # are refused, since such times would be sorted wrongly.
        template = (
            f"(%(expressions)s IS NULL OR {self.template}"
            " AND datetime(substr(%(expressions)s, 1, 19), '+0 days')"
            " IS substr(%(expressions)s, 1, 19)"
            " AND time(substr(%(expressions)s, 12)) IS NOT NULL"
            " AND rtrim(replace(substr(%(expressions)s, 20), '+00:00', ''),"
            " '0123456789') IN ('', '.'))"
        )
        return self.as_sql(compiler, connection, template=template, **context)


class ReadableTimes(CheckConstraint):
    """
    A constraint against times that Python cannot represent.

    PostgreSQL's 'infinity' or SQLite's text would break every query that reads the row.
    """

    def __init__(self, *, fields: Sequence[str], name: str) -> None:
        self.fields = tuple(fields)
        super().__init__(condition=Q(*map(_IsReadable, fields)), name=name)

    def deconstruct(self) -> Any:
        """Return what a migration needs."""
        path, _args, _options = super().deconstruct()
        return path, (), {"fields": self.fields, "name": self.name}

    def validate(self, *args: Any, **options: Any) -> None:
        """Do nothing: the values of a model come from Python."""


class PartialIndex(Index):
    """
    An index of the rows in which one column has one value, given by `condition`.

    The column comes first in the index, except on PostgreSQL. MariaDB and MySQL have no
    partial indexes: they index all rows, and need the column. SQLite's planner chooses
    the index more often with the column. PostgreSQL removes the condition from a query
    that uses the index; with the column in front, it would scan the whole index.
    """

    def create_sql(
        self, model: Any, schema_editor: Any, using: str = "", **options: Any
    ) -> Any:
        """Return the statement that adds the index."""
        if schema_editor.connection.vendor == "postgresql":
            return super().create_sql(model, schema_editor, using, **options)
        ((column, _value),) = self.condition.children  # type: ignore[union-attr,misc]
        index = Index(
            fields=[column, *self.fields], name=self.name, condition=self.condition
        )
        return index.create_sql(model, schema_editor, using, **options)
