"""A column of JSON that gives back what it was given, on every database."""

import json
from functools import cached_property
from typing import Any

from django.db.models.expressions import Col
from django.db.models.fields.json import JSONExact

from taskhub.models.fields.shaped_json import ShapedJSONField, is_odd


class ExactJSONField(ShapedJSONField):
    """
    JSON whose keys keep their order, and whose floats stay floats.

    PostgreSQL's jsonb and MySQL's json sort the keys of an object; jsonb also stores
    1e16 as an integer, and -0.0 as 0.0. This field keeps the text: in a column of
    PostgreSQL's json, in one of MySQL's longtext. MariaDB and SQLite keep it anyway.

    Queries are those of a JSONField: on PostgreSQL, a column that is compared, ordered
    by or looked into is cast to jsonb.
    """

    def db_type(self, connection: Any) -> str | None:
        """Return a type that keeps the text."""
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
        """Return the text, without Jsonb around it, for which it would be parsed."""
        if connection.vendor == "postgresql" and not is_odd(value):
            return json.dumps(value, cls=self.encoder)
        return super().get_db_prep_value(value, connection, prepared)

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        """Read the text; psycopg has read it already where the SQL is not Django's."""
        if connection.vendor == "postgresql" and not isinstance(value, str):
            return value
        return super().from_db_value(value, expression, connection)

    def get_col(self, alias: str, output_field: Any = None) -> Col:
        """Return the column, as a query refers to it."""
        if alias == self.model._meta.db_table and output_field in (None, self):
            return self.cached_col
        return _ExactCol(alias, self, output_field)

    @cached_property
    def cached_col(self) -> Col:
        """The column of the model's own table."""
        return _ExactCol(self.model._meta.db_table, self)


class _ExactCol(Col):
    """A column that is read as its text, and used as what its text says."""

    def as_postgresql(
        self, compiler: Any, connection: Any, **_: Any
    ) -> tuple[str, tuple[str | int, ...]]:
        """Return it as jsonb: json cannot be compared, and has fewer operators."""
        sql, params = self.as_sql(compiler, connection)
        return f"({sql})::jsonb", params

    def select_format(
        self, compiler: Any, sql: str, params: Any
    ) -> tuple[str, tuple[str | int, ...]]:
        """
        Return what is selected, or grouped by: the text.

        DISTINCT, GROUP BY and UNION compare what they are given, and json has no
        equality.
        """
        connection = compiler.connection
        sql, params = self.as_sql(compiler, connection)
        return (f"{sql}::text" if connection.vendor == "postgresql" else sql), params


@ExactJSONField.register_lookup
class _Exact(JSONExact):
    """Equality, of values and not of their texts; MySQL's functions parse a text."""

    def process_lhs(
        self, compiler: Any, connection: Any, lhs: Any = None
    ) -> tuple[str, Any]:
        sql, params = super().process_lhs(compiler, connection, lhs)
        return (f"CAST({sql} AS JSON)" if _is_mysql(connection) else sql), params


def _is_mysql(connection: Any) -> bool:
    return connection.vendor == "mysql" and not connection.mysql_is_mariadb
