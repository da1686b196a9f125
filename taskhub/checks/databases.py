"""Checks of the databases of results and schedules; some query the database."""

from collections.abc import Sequence
from typing import Any

from django.apps import apps
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import DEFAULT_DB_ALIAS, connections, router

#: Two UUIDs of version 7. The second has the later time, but smaller remaining bits.
_IDS_IN_ORDER = (
    "00000000-0000-7000-8000-000000000002",
    "00000000-0001-7000-8000-000000000001",
)


@register("taskhub")
def check_autocommit(**kwargs: Any) -> list[CheckMessage]:
    """Check that AUTOCOMMIT is True, which transaction.on_commit() requires."""
    alias = router.db_for_write(apps.get_model("taskhub.TaskResult"))
    if connections.settings[alias].get("AUTOCOMMIT", True):
        return []
    return [
        Error(
            f"AUTOCOMMIT is False in DATABASES[{alias!r}], where results are written.",
            hint="Leave it at True, and use transaction.atomic() or ATOMIC_REQUESTS.",
            id="taskhub.E006",
        )
    ]


@register("taskhub")
def check_results_database(**kwargs: Any) -> list[CheckMessage]:
    """Check that results are in the default database, and so in its transactions."""
    alias = router.db_for_write(apps.get_model("taskhub.TaskResult"))
    if alias == DEFAULT_DB_ALIAS:
        return []
    return [
        Warning(
            f"Results are written to the database {alias!r}.",
            hint=(
                "A task enqueued in a transaction of another database is not undone "
                "when that is rolled back."
            ),
            id="taskhub.W001",
        )
    ]


@register("taskhub")
def check_schedules_database(**kwargs: Any) -> list[CheckMessage]:
    """Check that a beat can write results and schedules in one transaction."""
    results = router.db_for_write(apps.get_model("taskhub.TaskResult"))
    schedules = router.db_for_write(apps.get_model("taskhub.PeriodicTask"))
    if results == schedules:
        return []
    return [
        Error(
            f"Results are in the database {results!r}, schedules in {schedules!r}.",
            hint="Let the router send all of taskhub's models to the same database.",
            id="taskhub.E003",
        )
    ]


def _results_connection(databases: Sequence[str] | None, vendor: str) -> Any:
    """Return the results' connection, if it is in `databases` and of this vendor."""
    alias = router.db_for_write(apps.get_model("taskhub.TaskResult"))
    connection: Any = connections[alias]
    is_checked = alias in (databases or ()) and connection.vendor == vendor
    return connection if is_checked else None


@register(Tags.database)
def check_sqlite_transactions(
    databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Check that concurrent transactions of SQLite wait for each other."""
    connection = _results_connection(databases, "sqlite")
    if (
        connection is None
        or connection.settings_dict["OPTIONS"].get("transaction_mode") == "IMMEDIATE"
    ):
        return []
    return [
        Warning(
            f"The SQLite database {connection.alias!r} uses deferred transactions.",
            hint=(
                "Set OPTIONS: {'transaction_mode': 'IMMEDIATE', 'timeout': 20} so that "
                "workers and the site wait for each other, and do not fail with "
                "'database is locked'."
            ),
            id="taskhub.W002",
        )
    ]


@register(Tags.database)
def check_order_of_ids(
    databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Check that MariaDB sorts ids by time."""
    connection = _results_connection(databases, "mysql")
    if connection is None or not connection.features.has_native_uuid_field:
        return []
    with connection.cursor() as cursor:
        # A query, since the affected versions differ by series.
        cursor.execute("SELECT CAST(%s AS UUID) < CAST(%s AS UUID)", _IDS_IN_ORDER)
        (is_in_order,) = cursor.fetchone()
    if is_in_order:
        return []
    return [
        Warning(
            f"The database {connection.alias!r} does not sort UUIDs of version 7 by "
            "their time.",
            hint=(
                "Lists are in no order, and since(), before() and the sweep miss rows. "
                "Use MariaDB 10.11.6 or later, and rebuild tables that were made "
                "before: ALTER TABLE taskhub_taskresult FORCE."
            ),
            id="taskhub.W004",
        )
    ]
