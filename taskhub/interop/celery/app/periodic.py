"""`beat_schedule` and `add_periodic_task`: schedules as declarations, as @periodic."""

from collections.abc import Mapping
from typing import Any

from taskhub.exceptions import InvalidOption
from taskhub.foundation.nearest import did_you_mean
from taskhub.interop.celery.ignored import warn
from taskhub.interop.celery.priorities import priority_of
from taskhub.interop.celery.publishing import span_of
from taskhub.interop.celery.schedules import schedule_of
from taskhub.tasks.calls import check_positional
from taskhub.tasks.declared import Declared, PeriodicOptions, declare_schedule

_KEYS = ("task", "schedule", "args", "kwargs", "options", "relative", "enabled")


def declare_entry(name: str, entry: Mapping[str, Any]) -> None:
    """
    Declare an entry of `beat_schedule`; `migrate` makes a row of it.

    Raise InvalidOption for an unknown key, InvalidSchedule for its schedule, and
    InvalidArguments for its args.
    """
    if not isinstance(entry, Mapping):
        raise InvalidOption(
            f"beat_schedule[{name!r}] must be a dict with a task and a schedule, not "
            f"{entry!r}."
        )
    check_positional(entry.get("args"), f"args of beat_schedule[{name!r}]")
    for key in entry:
        if key not in _KEYS:
            raise InvalidOption(
                f"Unknown key {key!r} in beat_schedule[{name!r}]"
                f"{did_you_mean(str(key), _KEYS)}"
            )
    if not {"task", "schedule"} <= entry.keys():
        raise InvalidOption(f"beat_schedule[{name!r}] needs a task and a schedule.")
    if entry.get("enabled") is False:
        return
    if entry.get("relative"):
        warn(
            f"relative in beat_schedule[{name!r}] has no effect: the ticks of an "
            "interval are counted from its first one."
        )
    options: PeriodicOptions = {
        "args": [*(entry.get("args") or ())],
        "kwargs": {**(entry.get("kwargs") or {})},
        **_options(name, entry.get("options") or {}),  # type: ignore[typeddict-item]
    }
    schedule = schedule_of(entry["schedule"])
    declare_schedule(Declared(name, str(entry["task"]), schedule, options))


def _options(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for option, value in given.items():
        if value is None:
            continue
        if option in ("queue", "routing_key"):
            options["queue_name"] = value
        elif option == "priority":
            options["priority"] = priority_of(value)
        elif option == "expires":
            what = f"expires of beat_schedule[{name!r}]"
            options["expires_after"] = span_of(value, what)
        else:
            warn(f"options[{option!r}] of beat_schedule[{name!r}] has no effect here.")
    return options
