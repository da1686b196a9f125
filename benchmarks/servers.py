"""Private servers as a site would have them."""

from tests.servers import PostgresServer


class DurablePostgres(PostgresServer):
    """A commit is on the disk when it returns."""

    fsync = True
