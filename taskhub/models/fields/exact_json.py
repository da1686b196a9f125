"""A column of JSON that preserves values exactly on every database."""

import json
from functools import cached_property
from typing import Any

from django.db.models.expressions import Col
from django.db.models.fields.json import JSONExact

from taskhub.models.fields.shaped_json import ShapedJSONField, is_odd


class ExactJSONField(ShapedJSONField):
    """
    JSON that keeps the order of keys, and floats as floats.

    PostgreSQL's jsonb and MySQL's json sort the keys of objects; jsonb also stores 1e16
    as an integer, and -0.0 as 0.0. This field stores the text: in json on PostgreSQL,
    and in longtext on MySQL. Queries are those of a JSONField: on PostgreSQL, a column
    that is compared, sorted or searched is cast to jsonb.
    """

    def db_type(self, connection: Any) -> str | None:
        """Return the type of the column, which stores the text."""
        if connection.vendor == "postgresql":
            return "json"
        if _is_mysql(connection):
            return "longtext"
        return super().db_type(connection)

    def cast_db_type(self, connection: Any) -> str | None:
        """Return a type that a value can be cast to; MySQL has no CAST to longtext."""
        if _is_mysql(connection):
            return "json"
        return super().cast_db_type(connection)

    def get_db_prep_value(
        self, value: Any, connection: Any, prepared: bool = False
    ) -> Any:
        """Return the text, not wrapped in Jsonb, which would parse it."""
        if connection.vendor == "postgresql" and not is_odd(value):
            return json.dumps(value, cls=self.encoder)
        return super().get_db_prep_value(value, connection, prepared)

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        """Parse the text, unless psycopg has done so, as in raw SQL."""
        if connection.vendor == "postgresql" and not isinstance(value, str):
            return value
        return super().from_db_value(value, expression, connection)

    def get_col(self, alias: str, output_field: Any = None) -> Col:
        """Return the column for a query."""
        if alias == self.model._meta.db_table and output_field in (None, self):
            return self.cached_col
        return _ExactCol(alias, self, output_field)

    @cached_property
    def cached_col(self) -> Col:
        """The column of the model's own table."""
        return _ExactCol(self.model._meta.db_table, self)


class _ExactCol(Col):
    """A column that PostgreSQL selects as text, and otherwise uses as jsonb."""

    def as_postgresql(
        self, compiler: Any, connection: Any, **_: Any
    ) -> tuple[str, tuple[str | int, ...]]:
        """Cast the column to jsonb: json has fewer operators, and no equality."""
        sql, params = self.as_sql(compiler, connection)
        return f"({sql})::jsonb", params

    def select_format(
        self, compiler: Any, sql: str, params: Any
    ) -> tuple[str, tuple[str | int, ...]]:
        """Return the text: DISTINCT, GROUP BY and UNION cannot compare json."""
        connection = compiler.connection
        sql, params = self.as_sql(compiler, connection)
        return (f"{sql}::text" if connection.vendor == "postgresql" else sql), params


@ExactJSONField.register_lookup
class _Exact(JSONExact):
    """Equality of values, not of texts."""

    def process_lhs(
        self, compiler: Any, connection: Any, lhs: Any = None
    ) -> tuple[str, Any]:
        sql, params = super().process_lhs(compiler, connection, lhs)
        return (f"CAST({sql} AS JSON)" if _is_mysql(connection) else sql), params


def _is_mysql(connection: Any) -> bool:
    return connection.vendor == "mysql" and not connection.mysql_is_mariadb
