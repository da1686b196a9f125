"""
Celery's words, so that a project moves to taskhub by its import lines.

    from taskhub.interop.celery import shared_task

The modules have the names of Celery's: `exceptions`, `result`, `schedules`, `signals`,
`canvas`, `states` and `utils.log`. `app/` has the tasks and how they run, `publishing`
how a call becomes a result. docs/howto/move-from-celery.md compares each word of Celery
with taskhub's own.

A Celery task holds a task of taskhub, its `hub_task`: queue, workers, rows and the
admin know only this one.
"""

from taskhub.interop.celery.app import (
    Celery,
    Task,
    current_app,
    current_task,
    shared_task,
)
from taskhub.interop.celery.canvas import (
    Signature,
    chain,
    chord,
    chunks,
    group,
    maybe_signature,
    signature,
    subtask,
    xmap,
    xstarmap,
)
from taskhub.interop.celery.exceptions import TaskHubCeleryWarning
from taskhub.interop.celery.utils import uuid

__all__ = [
    "Celery",
    "Signature",
    "Task",
    "TaskHubCeleryWarning",
    "chain",
    "chord",
    "chunks",
    "current_app",
    "current_task",
    "group",
    "maybe_signature",
    "shared_task",
    "signature",
    "subtask",
    "uuid",
    "xmap",
    "xstarmap",
]
