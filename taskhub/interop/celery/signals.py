"""
Celery's signals, under Celery's names.

The signals of tasks are sent around each run of a Celery task, with the arguments that
Celery gives them; those of processes follow the signals of taskhub. Connecting a
receiver to a signal that is never sent warns, and says what to use instead.
"""

import os
import sys
from collections.abc import Callable
from typing import Any

from django.dispatch import Signal as DjangoSignal

from taskhub import signals
from taskhub.interop.celery.ignored import warn

_ROLE = "worker"


class Signal(DjangoSignal):
    """A signal of Django's whose `connect` is also a decorator, as Celery's is."""

    def __init__(self, name: str, instead: str = "") -> None:
        super().__init__()
        self.name = name
        #: What to use instead of a signal that is never sent.
        self.instead = instead

    def connect(
        self,
        receiver: Callable[..., Any] | None = None,
        sender: object = None,
        weak: bool = True,
        dispatch_uid: object = None,
        **options: Any,
    ) -> Any:
        """Connect a receiver, or return a decorator that does."""
        if self.instead:
            warn(f"The signal {self.name} is never sent; {self.instead}")

        def decorate(receiver: Callable[..., Any]) -> Callable[..., Any]:
            connect = super(Signal, self).connect
            connect(receiver, _sender_of(sender), weak, dispatch_uid)
            return receiver

        return decorate if receiver is None else decorate(receiver)

    def disconnect(
        self,
        receiver: Callable[..., Any] | None = None,
        sender: object = None,
        dispatch_uid: object = None,
        **options: Any,
    ) -> bool:
        """Disconnect a receiver."""
        return super().disconnect(receiver, _sender_of(sender), dispatch_uid)

    def tell(self, sender: Any, **named: Any) -> None:
        """Send the signal. Django logs an exception of a receiver."""
        if self.receivers:
            self.send_robust(_sender_of(sender), **named)


def _sender_of(sender: Any) -> Any:
    # A task's name may be the sender. Django compares identities.
    return sys.intern(sender) if isinstance(sender, str) else sender


before_task_publish = Signal("before_task_publish")
after_task_publish = Signal("after_task_publish")
task_prerun = Signal("task_prerun")
task_postrun = Signal("task_postrun")
task_success = Signal("task_success")
task_retry = Signal("task_retry")
task_failure = Signal("task_failure")
task_revoked = Signal("task_revoked")
worker_process_init = Signal("worker_process_init")
worker_process_shutdown = Signal("worker_process_shutdown")
worker_ready = Signal("worker_ready")
worker_shutdown = Signal("worker_shutdown")
beat_init = Signal("beat_init")

_LOGGING = "taskhub logs as the site's LOGGING says."
_PROCESSES = "connect to worker_process_init, or to taskhub.signals.process_started."

setup_logging = Signal("setup_logging", _LOGGING)
after_setup_logger = Signal("after_setup_logger", _LOGGING)
after_setup_task_logger = Signal("after_setup_task_logger", _LOGGING)
celeryd_init = Signal("celeryd_init", _PROCESSES)
celeryd_after_setup = Signal("celeryd_after_setup", _PROCESSES)
worker_init = Signal("worker_init", "connect to worker_ready.")
worker_shutting_down = Signal("worker_shutting_down", "connect to worker_shutdown.")
task_sent = Signal("task_sent", "connect to after_task_publish.")
task_received = Signal("task_received", "connect to task_prerun.")
task_rejected = Signal(
    "task_rejected", "messages that cannot be read are in the quarantine."
)
task_unknown = Signal(
    "task_unknown",
    "results of unknown tasks fail, and task_finished of Django is sent.",
)
task_internal_error = Signal("task_internal_error", "connect to task_failure.")
heartbeat_sent = Signal("heartbeat_sent", "the table of nodes has the heartbeats.")


def _tell_process_started(role: str = "", **kwargs: Any) -> None:
    if role == _ROLE:
        worker_process_init.tell(None)
    elif role == "beat":
        beat_init.tell(None)


def _tell_process_ending(role: str = "", **kwargs: Any) -> None:
    if role == _ROLE:
        worker_process_shutdown.tell(None, pid=os.getpid(), exitcode=0)


def _tell_node_started(node: str = "", **kwargs: Any) -> None:
    worker_ready.tell(node)


def _tell_node_ending(node: str = "", **kwargs: Any) -> None:
    worker_shutdown.tell(node)


signals.process_started.connect(_tell_process_started)
signals.process_ending.connect(_tell_process_ending)
signals.node_started.connect(_tell_node_started)
signals.node_ending.connect(_tell_node_ending)
