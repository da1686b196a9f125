"""Schedules of django-celery-beat as schedules of taskhub."""

from collections.abc import Callable
from typing import Any

from taskhub.interop.celery_beat.tables import (
    OldClocked,
    OldCrontab,
    OldInterval,
    OldSchedule,
    OldSolar,
)
from taskhub.interop.crontab import (
    Translation,
    Unreadable,
    Untranslatable,
    translate,
)
from taskhub.schedules import Clocked, Cron, Interval, Schedule, Solar, parse

_MAX_CHARACTERS = 255


class CannotImport(Exception):
    """A value that cannot be imported, with the reason and a remedy."""


def schedule_of(old: OldSchedule) -> tuple[Schedule, str]:
    """
    Return the schedule that fires at the same times, and a remark or "".

    Raise CannotImport if there is none, and InvalidSchedule if `old` has wrong values.
    """
    schedule, remark = _READERS[type(old)](old)
    if len(schedule.text) > _MAX_CHARACTERS:
        raise CannotImport(
            f"{schedule.text!r} is longer than {_MAX_CHARACTERS} characters. Split it "
            "into two periodic tasks."
        )
    # Return the schedule as it will be read from its row: the text rounds coordinates.
    return parse(schedule.text), remark


def _interval(old: OldInterval) -> tuple[Schedule, str]:
    if old.period != "microseconds":
        return Interval(old.every, old.period), ""
    for unit, size in (("seconds", 1_000_000), ("milliseconds", 1_000)):
        if old.every % size == 0:
            return Interval(old.every // size, unit), ""
    raise CannotImport(
        f"{old.every} microseconds are not a whole number of milliseconds. Choose one."
    )


def _crontab(old: OldCrontab) -> tuple[Schedule, str]:
    try:
        translation: Translation = translate(
            old.minute,
            old.hour,
            old.day_of_month,
            old.month_of_year,
            old.day_of_week,
        )
    except Unreadable as error:
        raise CannotImport(
            f"{error}, so it does not fire. Correct the old row, or delete it."
        ) from None
    except Untranslatable as error:
        raise CannotImport(
            f"{error}. Create a periodic task for one of the two by hand, and check "
            "the other one in the task itself."
        ) from None
    schedule = Cron(translation.expression, old.timezone).in_known_zone()
    return schedule, translation.remark


def _solar(old: OldSolar) -> tuple[Schedule, str]:
    return Solar(old.event, float(old.latitude), float(old.longitude)), ""


def _clocked(old: OldClocked) -> tuple[Schedule, str]:
    return Clocked(old.clocked_time), ""


_READERS: dict[type, Callable[[Any], tuple[Schedule, str]]] = {
    OldInterval: _interval,
    OldCrontab: _crontab,
    OldSolar: _solar,
    OldClocked: _clocked,
}
