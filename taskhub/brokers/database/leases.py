"""The leases of worker processes, as rows."""

from collections.abc import Collection
from datetime import timedelta
from typing import Any

from taskhub.models import Lease
from taskhub.models.base import results_database
from taskhub.models.clock import DatabaseNow


class Leases:
    """Begins, extends and ends leases, by the database's clock."""

    def __init__(self, lease_seconds: float) -> None:
        self._duration = timedelta(seconds=lease_seconds)

    def of(self, token: Any) -> Any:
        """Return a query for the lease of a token."""
        return self._rows.filter(token=token)

    def begin(self, token: str) -> None:
        """Begin the lease of a token, or extend it."""
        # The lease may exist: the reply to an earlier call may have been lost.
        self._rows.update_or_create(token=token, defaults={"ends_at": self._new_end})

    def extend(self, tokens: Collection[str]) -> set[str]:
        """Extend leases; return the tokens that have no lease any more."""
        leases = self._rows.filter(token__in=tokens)
        leases.update(ends_at=self._new_end)
        return set(tokens) - set(leases.values_list("token", flat=True))

    def ended(self) -> set[str]:
        """Return the tokens whose lease has ended."""
        ended = self._rows.filter(ends_at__lt=DatabaseNow())
        return set(ended.values_list("token", flat=True))

    def end(self, token: str, *, only_if_ended: bool) -> bool:
        """Delete the lease of a token; return whether the token has none now."""
        lease = self.of(token)
        if not only_if_ended:
            lease.delete()
            return True
        # Compare in the statement that deletes: a heartbeat may come at any moment.
        lease.filter(ends_at__lt=DatabaseNow()).delete()
        return not lease.exists()

    @property
    def _new_end(self) -> Any:
        return DatabaseNow() + self._duration

    @property
    def _rows(self) -> Any:
        return Lease.objects.using(results_database())
