"""Reading an entry of `TASKS`; all of its errors are collected."""

from collections.abc import Callable, Collection, Mapping
from typing import Any, get_args

import msgspec
from django.conf import settings

from taskhub.compat import django_tasks as compat
from taskhub.conf.config import Config
from taskhub.conf.hints import TASK_HINTS, hint
from taskhub.conf.options import Options
from taskhub.conf.queue_names import name_fault
from taskhub.conf.task_options import (
    expectation_of,
    is_task_option,
    read_rules,
    read_task_options,
)
from taskhub.foundation.nearest import did_you_mean
from taskhub.messages import derive_key

#: Options that are dicts of options, whose errors name the inner option.
_NESTED: dict[str, Callable[[Any, str, Collection[str], list[str]], Any]] = {
    "task_defaults": read_task_options,
    "task_rules": read_rules,
}

#: What is expected, where the words of msgspec do not say it.
_EXPECTED = {
    "context": "Expected a list of paths of classes",
    "key_prefix": "Expected letters, digits or any of _ - . :",
    "middleware": "Expected a list of paths of classes",
    "task_modules": "Expected a list of names of modules",
}


def read_config(alias: str, params: Mapping[str, Any]) -> Config:
    """Read one entry of `TASKS`; its errors are collected in `faults`."""
    faults: list[str] = []
    place = f"TASKS[{alias!r}]"
    known_keys = {"BACKEND", "QUEUES", "OPTIONS"}
    faults += (
        f"Unknown key {key!r} in {place}{did_you_mean(str(key), known_keys)}"
        for key in params.keys() - known_keys
    )
    queues = _read_queues(
        params.get("QUEUES", [compat.DEFAULT_TASK_QUEUE_NAME]), place, faults
    )
    options = _read_options(
        params.get("OPTIONS", {}), f"{place}['OPTIONS']", queues, faults
    )
    return Config(
        alias=alias,
        queues=queues,
        options=options,
        signing_keys=tuple(
            derive_key(secret)
            for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
        ),
        faults=tuple(faults),
    )


def _read_queues(raw: Any, place: str, faults: list[str]) -> tuple[str, ...]:
    if isinstance(raw, str) or not isinstance(raw, list | tuple | set | frozenset):
        faults.append(f"{place}['QUEUES'] must be a list of names, not {raw!r}.")
        return ()
    name_faults = filter(None, map(name_fault, raw))
    faults += (f"In {place}['QUEUES'], {fault}." for fault in name_faults)
    return tuple(name for name in raw if not name_fault(name))


def _read_options(
    raw: Any, place: str, queues: Collection[str], faults: list[str]
) -> Options:
    if not isinstance(raw, Mapping):
        # The message leaves the value out: it may be a URL with a password.
        faults.append(f"{place} must be a dict, not a {type(raw).__name__}.")
        return Options()
    fields = {field.name: field for field in msgspec.structs.fields(Options)}
    values = {}
    for name, value in raw.items():
        if name not in fields:
            end = (
                ". It is an option of tasks; set it in 'task_defaults'."
                if is_task_option(name)
                else hint(str(name), value, TASK_HINTS, fields)
            )
            faults.append(f"Unknown option {name!r} in {place}{end}")
            continue
        if name in _NESTED:
            values[name] = _NESTED[name](value, f"{place}[{name!r}]", queues, faults)
            continue
        try:
            values[name] = msgspec.convert(value, fields[name].type)
        except msgspec.ValidationError as error:
            shown = "" if name == "broker_url" else f" is {value!r}"
            reason = _reason_of(error, value, fields[name])
            faults.append(f"Option {name!r} in {place}{shown}{reason}")
    return Options(**values)


def _reason_of(
    error: msgspec.ValidationError, value: Any, field: msgspec.structs.FieldInfo
) -> str:
    """Return the end of a sentence that says why a value is refused."""
    choices = [each for each in get_args(field.type) if isinstance(each, str)]
    if choices:
        return did_you_mean(str(value), choices)
    return f": {_EXPECTED.get(field.name) or expectation_of(error)}."
