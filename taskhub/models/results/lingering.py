"""Lingering runs: tasks that still run although their outcome will be refused."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import models
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext_lazy as _


class Because(models.TextChoices):
    """Why the outcome of a run will be refused."""

    CANCELLED = "cancelled", _("cancelled")
    FINISHED = "finished", _("the result has finished")
    DELETED = "deleted", _("the result was deleted")
    OVERTAKEN = "overtaken", _("another attempt has the result")


@dataclass(frozen=True)
class LingeringRun:
    """A task that still runs although its outcome will be refused."""

    #: The id of the result.
    id: UUID
    attempt: int
    #: Empty if the result was deleted.
    task_path: str
    because: Because
    #: Since when the run has lingered, such as the time of the cancellation.
    since: datetime
    #: The name of the node, and the token and the process id of the worker process.
    node: str
    token: str
    pid: int


def read_entries(node: str, worker: Mapping[str, Any]) -> Iterator[LingeringRun]:
    """Yield the lingering runs in an entry of `Node.workers`; `node` is its name."""
    for entry in worker.get("lingering", []):
        since = parse_datetime(entry["since"])
        if since is not None and timezone.is_aware(since):
            yield LingeringRun(
                id=UUID(entry["id"]),
                attempt=entry["attempt"],
                task_path=entry["task_path"],
                because=Because(entry["because"]),
                since=since,
                node=node,
                token=worker["token"],
                pid=worker["pid"],
            )
