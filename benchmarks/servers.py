"""Private servers with the settings of a site."""

from tests.servers import PostgresServer


class DurablePostgres(PostgresServer):
    """A PostgreSQL whose commits are on the disk when they return."""

    fsync = True
