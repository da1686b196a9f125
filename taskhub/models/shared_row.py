"""Rows that people edit and processes update at the same time."""

from collections.abc import Collection, Iterable
from copy import deepcopy
from typing import Any, ClassVar, Self

from django.db import models

_NEVER_READ = object()
#: The fields of a result that workers write. Users write the others.
WRITTEN_BY_WORKERS = frozenset(
    (
        *("status", "return_value", "errors", "attempts", "worker_ids", "run_after"),
        *("expires_at", "started_at", "last_attempted_at", "finished_at", "progress"),
        *("storage_notes", "memory_mib", "cause", "bulk_action_ids"),
        *("place", "held_by", "returned"),
    )
)


class SharedRow(models.Model):
    """
    A row whose `save()` does not undo what processes have written since it was read.

    An UPDATE contains a field that processes write only if it was changed here. An
    INSERT and a save with `update_fields` work as in any model.
    """

    #: The names of the fields that processes write.
    written_by_processes: ClassVar[Collection[str]] = ()

    class Meta:
        abstract = True

    def save(self, *args: Any, **options: Any) -> None:
        """Save the row, except the processes' fields that were not changed here."""
        if not args and options.get("update_fields") is None and self._updates(options):
            options["update_fields"] = self._fields_to_update()
        super().save(*args, **options)
        self._note_read(self.written_by_processes)

    @classmethod
    def from_db(cls, *args: Any, **options: Any) -> Self:
        """Remember the values, to detect changes later."""
        row = super().from_db(*args, **options)
        row._note_read(cls.written_by_processes)
        return row

    def refresh_from_db(
        self, using: Any = None, fields: Any = None, from_queryset: Any = None
    ) -> None:
        """Read the row again. The fields that were read count as unchanged."""
        names = None if fields is None else list(fields)
        super().refresh_from_db(using, names, from_queryset)
        own = self.written_by_processes
        self._note_read(own if names is None else [n for n in names if n in own])

    def _updates(self, options: dict[str, Any]) -> bool:
        """Whether a save updates the row that this instance was read from."""
        has_same_key = self.__dict__.get("_read", {}).get("pk") == self.pk
        is_same_database = options.get("using") in (None, self._state.db)
        is_update = not self._state.adding and not options.get("force_insert")
        is_same_row = is_same_database and has_same_key and self.pk is not None
        return is_update and is_same_row

    def _fields_to_update(self) -> list[str]:
        """Return the users' fields, and the processes' fields changed here."""
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
        """Remember the current values of these fields as unchanged."""
        values = self.__dict__
        read = {name: _snapshot(values[name]) for name in names if name in values}
        self._read: dict[str, Any] = values.get("_read", {}) | read | {"pk": self.pk}


def _snapshot(value: Any) -> Any:
    """Return a copy of a value that can be changed in place."""
    return deepcopy(value) if isinstance(value, list | dict) else value
