"""`TASKS[alias]["OPTIONS"]`, as a typed value."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec

from taskhub.conf.task_options import Rule

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
    key_prefix: Annotated[str, msgspec.Meta(pattern=r"^[\w.:-]+\Z")] = "taskhub"
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
    #: The paths of the classes whose values travel with each task.
    context: tuple[str, ...] = ()
    #: The paths of the classes around each run; see middleware.py.
    middleware: tuple[str, ...] = ()
    #: The options of tasks that @task does not set.
    task_defaults: Mapping[str, Any] = {}
    #: Options of tasks that match a pattern. They override @task; the last one wins.
    task_rules: tuple[Rule, ...] = ()
    #: The modules with tasks, imported from every installed app.
    task_modules: tuple[str, ...] = ("tasks",)

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "broker_url", BrokerURL(self.broker_url))
