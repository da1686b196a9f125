"""The database's clock, which is the same for all nodes."""

from datetime import UTC, datetime
from typing import Any

from django.db.models.functions import Now  # noqa: TID251  DatabaseNow replaces it


class DatabaseNow(Now):
    """
    The current time by the database's clock, to compare with times in rows.

    Times in rows are in the connection's zone: UTC, unless `TIME_ZONE` is set in
    `DATABASES`. This time is in the same zone. Django's Now is in the zone of the
    server's session on MariaDB and MySQL, and in UTC on SQLite.

    A `db_default` keeps the offset that the zone has at the time of the migration.
    """

    def as_mysql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """Start from UTC, which does not depend on the session's zone."""
        offset = _seconds_from_utc(connection)
        shift = f" + INTERVAL {offset} SECOND" if offset else ""
        template = f"(UTC_TIMESTAMP(6){shift})"
        return self.as_sql(compiler, connection, template=template, **context)

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """Start from UTC, the only zone of SQLite."""
        offset = _seconds_from_utc(connection)
        shift = f", '{offset} seconds'" if offset else ""
        # Percent signs are doubled for the template, and again for the parameters.
        template = f"STRFTIME('%%%%Y-%%%%m-%%%%d %%%%H:%%%%M:%%%%f', 'NOW'{shift})"
        return self.as_sql(compiler, connection, template=template, **context)


def _seconds_from_utc(connection: Any) -> int:
    """Return by how many seconds the connection's zone is ahead of UTC now."""
    offset = datetime.now(connection.timezone or UTC).utcoffset()
    return int(offset.total_seconds()) if offset else 0
