"""Constraints and indexes for databases that differ."""

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
    Unique where the condition holds; whole where there are no partial indexes.

    For columns that are NULL where the condition does not hold, which is the same:
    NULLs are never equal. Django's own would leave MariaDB without any constraint.
    """

    def _fitting(self, schema_editor: Any) -> UniqueConstraint:
        if schema_editor.connection.features.supports_partial_indexes:
            return self
        return UniqueConstraint(fields=self.fields, name=self.name)

    def constraint_sql(self, model: Any, schema_editor: Any) -> Any:
        """Return what the statement of a new table says of it."""
        fitting = self._fitting(schema_editor)
        return UniqueConstraint.constraint_sql(fitting, model, schema_editor)

    def create_sql(self, model: Any, schema_editor: Any) -> Any:
        """Return the statement that adds it."""
        fitting = self._fitting(schema_editor)
        return UniqueConstraint.create_sql(fitting, model, schema_editor)

    def remove_sql(self, model: Any, schema_editor: Any) -> Any:
        """Return the statement that takes it away."""
        fitting = self._fitting(schema_editor)
        return UniqueConstraint.remove_sql(fitting, model, schema_editor)


class _IsReadable(Func):
    """Whether a time is one that Python has, from year 1 to year 9999."""

    arity = 1
    output_field = BooleanField()
    template = (
        "%(expressions)s BETWEEN '0001-01-01 00:00:00' AND '9999-12-31 23:59:59.999999'"
    )

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """Say in which zone, which would be that of the session."""
        template = self.template.replace("00:00:00'", "00:00:00Z'")
        template = template.replace("999999'", "999999Z'")
        return self.as_sql(compiler, connection, template=template, **context)

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """Refuse a text that is not as Django writes a time: it is sorted as a text."""
        # A modifier turns the 31st of February into the 3rd of March. Python's own
        # driver adds +00:00; another zone would be sorted as if it were UTC.
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
    The database refuses times that Python cannot read, or none.

    PostgreSQL has 'infinity' and years before Christ, and SQLite takes any text. One
    row with such a time would break every query that comes across it.
    """

    def __init__(self, *, fields: Sequence[str], name: str) -> None:
        self.fields = tuple(fields)
        super().__init__(condition=Q(*map(_IsReadable, fields)), name=name)

    def deconstruct(self) -> Any:
        """Return what a migration needs."""
        path, _args, _options = super().deconstruct()
        return path, (), {"fields": self.fields, "name": self.name}

    def validate(self, *args: Any, **options: Any) -> None:
        """Do nothing: a model's own values are Python's."""


class PartialIndex(Index):
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
        fitting = Index(
            fields=[column, *self.fields], name=self.name, condition=self.condition
        )
        return fitting.create_sql(model, schema_editor, using, **options)
