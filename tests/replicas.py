"""A site whose database router reads from a replica."""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections

REPLICA = "replica"


class ReadsReplica:
    """A router that sends reads to the replica and writes to the default database."""

    def db_for_read(self, model: Any, **hints: Any) -> str:
        return REPLICA

    def db_for_write(self, model: Any, **hints: Any) -> str:
        return DEFAULT_DB_ALIAS

    def allow_relation(self, first: Any, second: Any, **hints: Any) -> bool:
        return True


@contextmanager
def replica() -> Iterator[None]:
    """Add a read-only alias of the default database, on PostgreSQL."""
    described = deepcopy(connections[DEFAULT_DB_ALIAS].settings_dict)
    described["OPTIONS"]["options"] = "-c default_transaction_read_only=on"
    connections.settings[REPLICA] = described
    try:
        yield
    finally:
        connections[REPLICA].close()
        del connections[REPLICA]
        del connections.settings[REPLICA]
