"""Rows that people edit while processes write to them."""

from collections.abc import Collection, Iterable
from copy import deepcopy
from typing import Any, ClassVar, Self

from django.db import models

_NEVER_READ = object()
#: Of a result; the rest is as it was asked for, or somebody's own notes.
WRITTEN_BY_WORKERS = frozenset(
    (
        "status",
        "return_value",
        "errors",
        "attempts",
        "worker_ids",
        "run_after",
        "expires_at",
        "started_at",
        "last_attempted_at",
        "finished_at",
        "progress",
        "storage_notes",
        "memory_mib",
        "cause",
        "bulk_action_ids",
        "place",
        "held_by",
        "returned",
    )
)


class SharedRow(models.Model):
    """
    A row whose `save()` undoes nothing that a process has written since it was read.

    Of the columns that processes write, an UPDATE has only those that were changed
    here. A save with `update_fields` writes these, and an INSERT everything, as in any
    model.
    """

    #: The names of the fields that processes write.
    written_by_processes: ClassVar[Collection[str]] = ()

    class Meta:
        abstract = True

    def save(self, *args: Any, **options: Any) -> None:
        """Save it, without what a process may have written since it was read."""
        if not args and options.get("update_fields") is None and self._updates(options):
            options["update_fields"] = self._fields_to_update()
        super().save(*args, **options)
        self._note_read(self.written_by_processes)

    @classmethod
    def from_db(cls, *args: Any, **options: Any) -> Self:
        """Keep what was read, to see later what was changed."""
        row = super().from_db(*args, **options)
        row._note_read(cls.written_by_processes)
        return row

    def refresh_from_db(
        self, using: Any = None, fields: Any = None, from_queryset: Any = None
    ) -> None:
        """Read it again; what is read is not changed here any more."""
        names = None if fields is None else list(fields)
        super().refresh_from_db(using, names, from_queryset)
        own = self.written_by_processes
        self._note_read(own if names is None else [n for n in names if n in own])

    def _updates(self, options: dict[str, Any]) -> bool:
        """Whether a save changes the row that this was read from."""
        is_same = self.__dict__.get("_read", {}).get("pk") == self.pk
        is_here = options.get("using") in (None, self._state.db)
        is_there = not self._state.adding and not options.get("force_insert")
        return is_there and is_here and is_same and self.pk is not None

    def _fields_to_update(self) -> list[str]:
        return [
            field.name
            for field in self._meta.concrete_fields
            if not field.primary_key
            and not getattr(field, "generated", False)
            and field.attname in self.__dict__
            and (field.name not in self.written_by_processes or self._changed(field))
        ]

    def _changed(self, field: "models.Field[Any, Any]") -> bool:
        read = self._read.get(field.attname, _NEVER_READ)
        return bool(read != self.__dict__[field.attname])

    def _note_read(self, names: Iterable[str]) -> None:
        values = self.__dict__
        read = {name: _snapshot(values[name]) for name in names if name in values}
        self._read: dict[str, Any] = values.get("_read", {}) | read | {"pk": self.pk}


def _snapshot(value: Any) -> Any:
    """Return a value that stays as it is when the given one is changed in place."""
    return deepcopy(value) if isinstance(value, list | dict) else value
