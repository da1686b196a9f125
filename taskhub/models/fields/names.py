"""Columns of names that every database compares exactly."""

from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models import lookups
from django.db.models.expressions import Combinable

if TYPE_CHECKING:
    _Text = models.CharField[str | Combinable, str]
else:
    _Text = models.CharField


class ComparedExactly:
    """
    A field of text that the database compares as Python does.

    With most collations of MySQL and MariaDB, the tasks `café` and `Cafe` are equal.
    """

    def db_parameters(self, connection: Any) -> Any:
        """Return the type, on MySQL with a collation that compares bytes."""
        parameters = super().db_parameters(connection)  # type: ignore[misc]
        if connection.vendor == "mysql":
            # Both collations distinguish names with and without a trailing space.
            is_mariadb = connection.mysql_is_mariadb
            collation = "utf8mb4_nopad_bin" if is_mariadb else "utf8mb4_0900_bin"
            parameters["collation"] = collation
        return parameters


class NameField(ComparedExactly, _Text):
    """The name of a schedule, task, queue, backend, node or process."""


class _Insensitive:
    """A lookup for searching that ignores case on MySQL, too."""

    def process_lhs(
        self, compiler: Any, connection: Any, *args: Any
    ) -> tuple[str, Any]:
        sql, params = super().process_lhs(compiler, connection, *args)  # type: ignore[misc]
        if connection.vendor == "mysql":
            sql = f"{sql} COLLATE utf8mb4_general_ci"
        return sql, params


for _lookup in (
    lookups.IExact,
    lookups.IContains,
    lookups.IStartsWith,
    lookups.IEndsWith,
    lookups.IRegex,
):
    NameField.register_lookup(type(_lookup.__name__, (_Insensitive, _lookup), {}))
