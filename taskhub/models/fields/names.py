"""Columns of names that code compares: exactly, on every database."""

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

    On MySQL and MariaDB most collations take `Export` and `export`, or `café` and
    `cafe`, for the same: a task, queue or schedule would be taken for another one.
    """

    def db_parameters(self, connection: Any) -> Any:
        """Return its type, with a collation that compares bytes where one is needed."""
        parameters = super().db_parameters(connection)  # type: ignore[misc]
        if connection.vendor == "mysql":
            # Neither of them takes a name with a space at its end for one without.
            is_mariadb = connection.mysql_is_mariadb
            collation = "utf8mb4_nopad_bin" if is_mariadb else "utf8mb4_0900_bin"
            parameters["collation"] = collation
        return parameters


class NameField(ComparedExactly, _Text):
    """The name of a schedule, task, queue, backend, node or process."""


class _Insensitive:
    """A look-up that people search with: it takes no heed of case on MySQL either."""

    def process_lhs(
        self, compiler: Any, connection: Any, *args: Any
    ) -> tuple[str, Any]:
        sql, params = super().process_lhs(compiler, connection, *args)  # type: ignore[misc]
        if connection.vendor == "mysql":
            sql = f"{sql} COLLATE utf8mb4_general_ci"
        return sql, params


@NameField.register_lookup
class _IExact(_Insensitive, lookups.IExact):
    pass


@NameField.register_lookup
class _IContains(_Insensitive, lookups.IContains):
    pass


@NameField.register_lookup
class _IStartsWith(_Insensitive, lookups.IStartsWith):
    pass


@NameField.register_lookup
class _IEndsWith(_Insensitive, lookups.IEndsWith):
    pass


@NameField.register_lookup
class _IRegex(_Insensitive, lookups.IRegex):
    pass
