"""Which database the results are in, for those who share a broker by mistake."""

from typing import Any

from django.db import connections
from django.db.migrations.recorder import MigrationRecorder


def identity_of(using: str) -> str:
    """
    Return a text that no other database with taskhub's tables has; empty if there is
    none.

    It stays the same by whichever name a host reaches the server, and in a copy that
    keeps the database's name.
    """
    connection: Any = connections[using]
    recorder = MigrationRecorder(connection)
    if not recorder.has_table():
        return ""
    # Nobody migrates two databases within the same microsecond.
    own = recorder.migration_qs.filter(app="taskhub").order_by("applied")
    applied = own.values_list("applied", flat=True).first()
    if applied is None:
        return ""
    return f"{applied.isoformat()} {_name_of(connection)}".strip()


def _name_of(connection: Any) -> str:
    names = {
        "postgresql": "SELECT current_database()",
        "mysql": "SELECT DATABASE()",
    }
    if connection.vendor not in names:
        # A file may have another path in each container.
        return ""
    with connection.cursor() as cursor:
        cursor.execute(names[connection.vendor])
        return str(cursor.fetchone()[0])
