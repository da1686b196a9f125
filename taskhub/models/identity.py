"""The identity of the results' database, to detect a broker shared by mistake."""

from typing import Any

from django.db import connections
from django.db.migrations.recorder import MigrationRecorder


def identity_of(using: str) -> str:
    """
    Return text that identifies a database with taskhub's tables; "" without tables.

    The text does not depend on the name by which a host reaches the server. A copy of
    the database with the same name has the same identity.
    """
    connection: Any = connections[using]
    recorder = MigrationRecorder(connection)
    if not recorder.has_table():
        return ""
    # Two databases are not migrated within the same microsecond.
    own = recorder.migration_qs.filter(app="taskhub").order_by("applied")
    applied = own.values_list("applied", flat=True).first()
    if applied is None:
        return ""
    return f"{applied.isoformat()} {_name_of(connection)}".strip()


def _name_of(connection: Any) -> str:
    """Return the name of a database on its server; "" for SQLite."""
    queries = {
        "postgresql": "SELECT current_database()",
        "mysql": "SELECT DATABASE()",
    }
    if connection.vendor not in queries:
        # A file may have a different path in each container.
        return ""
    with connection.cursor() as cursor:
        cursor.execute(queries[connection.vendor])
        return str(cursor.fetchone()[0])
