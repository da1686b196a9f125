"""The database setting that ends transactions of clients that have vanished."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

#: As `docs/howto/deploy.md` recommends.
SECONDS = 30


@contextmanager
def idle_transactions_end() -> Iterator[None]:
    """
    Let the database end transactions that are idle for SECONDS, in new sessions.

    Without this, the locks of a vanished client remain for hours, and other sessions
    wait for them.
    """
    _limit(SECONDS)
    try:
        yield
    finally:
        _limit(0)


def _limit(seconds: int) -> None:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            database = connection.ops.quote_name(connection.settings_dict["NAME"])
            cursor.execute(
                f"ALTER DATABASE {database}"
                f" SET idle_in_transaction_session_timeout = '{seconds}s'"
            )
        else:
            cursor.execute(f"SET GLOBAL idle_transaction_timeout = {seconds}")
