"""What a process that lives long does not keep: broken connections, and queries."""

import logging
from typing import Any

from django.conf import settings
from django.db import connections, reset_queries
from django.db.utils import Error as DatabaseFault

logger = logging.getLogger(__name__)


def discard(connection: Any) -> None:
    """Close a connection that may be broken; the next query opens a new one."""
    try:
        connection.close()
    except DatabaseFault as error:
        # Some drivers cannot even close a connection that was lost.
        logger.debug("Cannot close a connection: %s", error)
        connection.connection = None


def discard_all(*, for_fork: bool = False) -> None:
    """
    Close this thread's connections.

    A fork must inherit none, nor a pool of them: both would read from one socket.
    """
    for connection in connections.all(initialized_only=True):
        discard(connection)
        if for_fork and hasattr(connection, "close_pool"):
            connection.close_pool()


def forget_queries() -> None:
    """
    Forget what this thread has asked its databases.

    With DEBUG, Django keeps the text of thousands of queries until a request begins.
    """
    if settings.DEBUG:
        reset_queries()
