"""
Settings, read once into a frozen value.

taskhub is configured as one of Django's tasks backends and nowhere else: an entry of
`TASKS` whose `BACKEND` is `taskhub.backend.TaskHubBackend`. Errors are collected, so
that a system check can show all of them; see `checks.py`.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

import msgspec
from django.conf import settings

from taskhub.compat import django_tasks as compat
from taskhub.foundation.nearest import did_you_mean
from taskhub.messages import SigningKey, derive_key

Seconds = Annotated[float, msgspec.Meta(gt=0, le=86_400)]
Days = Annotated[float, msgspec.Meta(gt=0, le=36_600)]
Bytes = Annotated[int, msgspec.Meta(ge=1_024, le=512 * 1024 * 1024)]


class BrokerURL(str):
    """A URL that may contain a password; its repr() shows only the scheme."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<BrokerURL {self.partition('://')[0]}://…>"


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """`TASKS[alias]["OPTIONS"]`; docs/reference/settings.md describes each."""

    broker_url: str = "database://"
    #: Who runs tasks: workers, or the process that enqueues them, immediately.
    run: Literal["workers", "immediately"] = "workers"
    #: The prefix of every key in Redis; sites that share a server need different ones.
    key_prefix: Annotated[str, msgspec.Meta(pattern=r"^[\w.:-]+$")] = "taskhub"
    #: How long a node may be silent before other nodes get its messages.
    lease_seconds: Annotated[float, msgspec.Meta(ge=1, le=3_600)] = 30.0
    #: Whether enqueueing wakes idle workers, if the database supports it.
    notify: bool = True
    #: How often an idle worker polls a database that does not notify.
    poll_seconds: Annotated[float, msgspec.Meta(ge=0.01, le=60)] = 0.2
    connect_timeout_seconds: Seconds = 1.0
    socket_timeout_seconds: Seconds = 5.0
    #: The largest arguments and meta of one run, as JSON.
    max_argument_bytes: Bytes = 1024 * 1024
    #: The largest return value that is stored whole, as JSON.
    max_result_bytes: Bytes = 256 * 1024
    #: How long finished and failed results are kept; None is forever.
    keep_days: Days | None = 30
    keep_failed_days: Days | None = 90
    #: How many finished results are kept; None is all of them.
    keep_most: Annotated[int, msgspec.Meta(ge=0, le=10**12)] | None = None
    #: How many times a message is given to another worker after its worker has died.
    max_redeliveries: Annotated[int, msgspec.Meta(ge=0, le=1_000)] = 2
    #: The modules with tasks, imported from every installed app.
    task_modules: tuple[str, ...] = ("tasks",)

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "broker_url", BrokerURL(self.broker_url))


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """One backend's settings, validated."""

    alias: str
    #: Empty if any queue name is allowed.
    queues: tuple[str, ...]
    options: Options
    #: The first key signs messages. A message may be signed with any of them.
    signing_keys: tuple[SigningKey, ...]
    #: One line for each error in the settings; a backend with faults runs nothing.
    faults: tuple[str, ...] = ()


def read_config(alias: str, params: Mapping[str, Any]) -> Config:
    """Read one entry of `TASKS`; its errors are collected in `faults`."""
    faults: list[str] = []
    place = f"TASKS[{alias!r}]"
    known_keys = {"BACKEND", "QUEUES", "OPTIONS"}
    faults += (
        f"Unknown key {key!r} in {place}{did_you_mean(key, known_keys)}"
        for key in params.keys() - known_keys
    )
    return Config(
        alias=alias,
        queues=_read_queues(
            params.get("QUEUES", [compat.DEFAULT_TASK_QUEUE_NAME]), place, faults
        ),
        options=_read_options(params.get("OPTIONS", {}), f"{place}['OPTIONS']", faults),
        signing_keys=tuple(
            derive_key(secret)
            for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
        ),
        faults=tuple(faults),
    )


def configs() -> list[Config]:
    """Return the configuration of every taskhub backend in `TASKS`."""
    found = [config_of(backend) for backend in compat.task_backends.all()]
    return [config for config in found if config is not None]


def find_config(alias: str) -> Config | None:
    """Return a backend's configuration; None if it is unknown, or not taskhub's."""
    if alias not in compat.task_backends.settings:
        return None
    return config_of(compat.task_backends[alias])


def config_of(backend: object) -> Config | None:
    """Return the configuration of a tasks backend; None if it is not taskhub's."""
    config = getattr(backend, "config", None)
    return config if isinstance(config, Config) else None


def name_fault(queue_name: object) -> str | None:
    """Return what is wrong with a queue's name, or None."""
    if isinstance(queue_name, str) and re.fullmatch(r"[\w.:-]{1,100}", queue_name):
        return None
    return (
        f"{queue_name!r} is not a valid queue name; expected up to 100 letters, "
        "digits or any of _ - . :"
    )


def _read_queues(raw: Any, place: str, faults: list[str]) -> tuple[str, ...]:
    if isinstance(raw, str) or not isinstance(raw, list | tuple | set | frozenset):
        faults.append(f"{place}['QUEUES'] must be a list of names, not {raw!r}.")
        return ()
    name_faults = filter(None, map(name_fault, raw))
    faults += (f"In {place}['QUEUES'], {fault}." for fault in name_faults)
    return tuple(name for name in raw if not name_fault(name))


def _read_options(raw: Any, place: str, faults: list[str]) -> Options:
    if not isinstance(raw, Mapping):
        # The message leaves the value out: it may be a URL with a password.
        faults.append(f"{place} must be a dict, not a {type(raw).__name__}.")
        return Options()
    fields = {field.name: field for field in msgspec.structs.fields(Options)}
    values = {}
    for name, value in raw.items():
        if name not in fields:
            faults.append(
                f"Unknown option {name!r} in {place}{did_you_mean(str(name), fields)}"
            )
            continue
        try:
            values[name] = msgspec.convert(value, fields[name].type)
        except msgspec.ValidationError as error:
            shown = "" if name == "broker_url" else f" is {value!r}"
            reason = _reason_of(error, value, fields[name].type)
            faults.append(f"Option {name!r} in {place}{shown}{reason}")
    return Options(**values)


def _reason_of(error: msgspec.ValidationError, value: Any, type_: Any) -> str:
    """Return the end of a sentence that says why a value is refused."""
    choices = [each for each in get_args(type_) if isinstance(each, str)]
    if choices:
        return did_you_mean(str(value), choices)
    return f": {str(error).partition(' - at ')[0]}."
