"""
The tables of django-celery-beat 2, as models of a registry of their own.

They are not migrated, and do not conflict with the models of an installed package.
Only `enabled` is written.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from django.apps.registry import Apps
from django.db import connections, models, transaction

from taskhub.exceptions import TablesMissing


class _OldMeta:
    """The Meta options of all these models."""

    managed = False
    app_label = "django_celery_beat"
    apps = Apps()


class OldInterval(models.Model):
    """An interval."""

    every = models.IntegerField()
    period = models.CharField(max_length=24)

    class Meta(_OldMeta):
        db_table = "django_celery_beat_intervalschedule"

    def __str__(self) -> str:
        return f"every {self.every} {self.period}"


class OldCrontab(models.Model):
    """Fields of a crontab in Celery's syntax, and a time zone's name."""

    minute = models.CharField(max_length=240)
    hour = models.CharField(max_length=96)
    day_of_month = models.CharField(max_length=124)
    month_of_year = models.CharField(max_length=64)
    day_of_week = models.CharField(max_length=64)
    timezone = models.CharField(max_length=63)

    class Meta(_OldMeta):
        db_table = "django_celery_beat_crontabschedule"

    def __str__(self) -> str:
        days = f"{self.day_of_month} {self.month_of_year} {self.day_of_week}"
        return f"crontab {self.minute} {self.hour} {days} {self.timezone}"


class OldSolar(models.Model):
    """An event of the sun at a place."""

    event = models.CharField(max_length=24)
    latitude = models.DecimalField(max_digits=9, decimal_places=6)
    longitude = models.DecimalField(max_digits=9, decimal_places=6)

    class Meta(_OldMeta):
        db_table = "django_celery_beat_solarschedule"

    def __str__(self) -> str:
        return f"{self.event} at {self.latitude}, {self.longitude}"


class OldClocked(models.Model):
    """A single time."""

    clocked_time = models.DateTimeField()

    class Meta(_OldMeta):
        db_table = "django_celery_beat_clockedschedule"

    def __str__(self) -> str:
        return f"once at {self.clocked_time.isoformat()}"


class OldRow(models.Model):
    """A periodic task; the key of one of the schedules is set."""

    name = models.CharField(max_length=200)
    task = models.CharField(max_length=200)
    interval_id = models.BigIntegerField(null=True)
    crontab_id = models.BigIntegerField(null=True)
    solar_id = models.BigIntegerField(null=True)
    clocked_id = models.BigIntegerField(null=True)
    #: JSON, as are `kwargs` and `headers`.
    args = models.TextField()
    kwargs = models.TextField()
    queue = models.CharField(max_length=200, null=True)
    exchange = models.CharField(max_length=200, null=True)
    routing_key = models.CharField(max_length=200, null=True)
    headers = models.TextField(null=True)
    priority = models.PositiveIntegerField(null=True)
    expires = models.DateTimeField(null=True)
    expire_seconds = models.PositiveIntegerField(null=True)
    one_off = models.BooleanField()
    start_time = models.DateTimeField(null=True)
    enabled = models.BooleanField()
    last_run_at = models.DateTimeField(null=True)
    total_run_count = models.PositiveIntegerField()
    date_changed = models.DateTimeField()
    description = models.TextField()

    objects: ClassVar[models.Manager["OldRow"]] = models.Manager()

    class Meta(_OldMeta):
        db_table = "django_celery_beat_periodictask"
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name


class OldChange(models.Model):
    """One row; its time tells Celery's beat to reload the schedules."""

    ident = models.SmallIntegerField(primary_key=True)
    last_update = models.DateTimeField()

    objects: ClassVar[models.Manager["OldChange"]] = models.Manager()

    class Meta(_OldMeta):
        db_table = "django_celery_beat_periodictasks"

    def __str__(self) -> str:
        return self.last_update.isoformat()


OldSchedule = OldInterval | OldCrontab | OldSolar | OldClocked

#: Models by the name of the key in a row. Celery uses the first key that is set.
KINDS: dict[str, type[models.Model]] = {
    "interval": OldInterval,
    "crontab": OldCrontab,
    "solar": OldSolar,
    "clocked": OldClocked,
}
_TABLES: tuple[type[models.Model], ...] = (OldRow, OldChange, *KINDS.values())


@dataclass(frozen=True)
class OldTask:
    """A row with its schedule."""

    row: OldRow
    #: The names of the keys that are set, in the order of KINDS.
    kinds: tuple[str, ...]
    #: None if no key is set, or the schedule is gone.
    schedule: OldSchedule | None


def check_tables(alias: str) -> None:
    """Raise TablesMissing with a remedy if a database does not have the tables."""
    connection: Any = connections[alias]
    introspection = connection.introspection
    with connection.cursor() as cursor:
        existing = set(introspection.table_names(cursor))
        for model in _TABLES:
            meta = model._meta
            if meta.db_table not in existing:
                raise TablesMissing(
                    f"The database {alias!r} has no table {meta.db_table}. Choose the "
                    "database of django-celery-beat with --database."
                )
            columns = introspection.get_table_description(cursor, meta.db_table)
            wanted = {str(field.column) for field in meta.concrete_fields}
            missing = wanted - {column.name for column in columns}
            if missing:
                raise TablesMissing(
                    f"{meta.db_table} has no column {min(missing)}, as before "
                    "django-celery-beat 2.0. Install a newer one and run "
                    "`python manage.py migrate django_celery_beat` first."
                )


def read_tasks(alias: str) -> list[OldTask]:
    """Return all rows with their schedules, by name."""
    schedules: Any = {
        kind: model._default_manager.using(alias).in_bulk()
        for kind, model in KINDS.items()
    }
    tasks = []
    for row in OldRow.objects.using(alias):
        keys = {kind: getattr(row, f"{kind}_id") for kind in KINDS}
        kinds = tuple(kind for kind, key in keys.items() if key is not None)
        schedule = schedules[kinds[0]].get(keys[kinds[0]]) if kinds else None
        tasks.append(OldTask(row, kinds, schedule))
    return tasks


def disable(tasks: Collection[OldTask], alias: str, now: datetime) -> int:
    """Disable rows, and let Celery's beat reload. Return how many were enabled."""
    pks = [task.row.pk for task in tasks]
    with transaction.atomic(using=alias):
        rows = OldRow.objects.using(alias).filter(pk__in=pks, enabled=True)
        count = rows.update(enabled=False)
        if count:
            # Otherwise Celery's beat notices after five minutes or, before version 2.9,
            # never.
            OldChange.objects.using(alias).update_or_create(
                ident=1, defaults={"last_update": now}
            )
    return count
