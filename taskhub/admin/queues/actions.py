"""What can be done to a queue from its pages."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from taskhub import operations
from taskhub.admin.asking import with_reason
from taskhub.admin.done import Done
from taskhub.admin.queues.forms import (
    MOST_ON_A_PAGE,
    MoveForm,
    NothingForm,
    PurgeForm,
    QueueForm,
    label_of,
)
from taskhub.exceptions import InvalidOption
from taskhub.models import QueueState
from taskhub.operations.queues import Queue

Values = dict[str, Any]


@dataclass(frozen=True)
class Verb:
    """One thing that can be done. `do` raises TaskHubError if it cannot be done now."""

    name: str
    label: Promise
    #: What it does, for whoever is asked whether it should.
    text: Promise
    #: The permission it takes: has_<permission>_permission of the admin is asked.
    permission: str
    form: Callable[..., forms.Form]
    do: Callable[[Queue, Values, str], Done]
    #: Whether it makes sense for a queue.
    suits: Callable[[QueueState], bool] = lambda state: True
    is_dangerous: bool = False

    @property
    def asks(self) -> bool:
        """Whether there is anything to be known before."""
        return self.form is not NothingForm


def _pause(queue: Queue, values: Values, by: str) -> Done:
    operations.queues.pause(queue, by=by, reason=values["reason"])
    return Done(
        _("“%s” is paused.") % queue.name,
        with_reason(_("Paused."), values["reason"]),
    )


def _resume(queue: Queue, values: Values, by: str) -> Done:
    operations.queues.resume(queue, by=by)
    return Done(_("“%s” goes on.") % queue.name, _("Resumed."))


def _drain(queue: Queue, values: Values, by: str) -> Done:
    operations.queues.drain(queue, by=by, reason=values["reason"])
    said = (
        _("“%s” was empty, and is paused.")
        if queue.state.is_paused
        else _("“%s” will be paused as soon as it is empty.")
    )
    return Done(
        said % queue.name,
        with_reason(_("Drained."), values["reason"]),
    )


def _move(queue: Queue, values: Values, by: str) -> Done:
    target, path = values["target"], values["task"] or None
    _refuse_more_than_a_page(queue, path, f"queue move {queue.name} {target.name}")
    count = operations.queues.move(queue, target, task_path=path)
    if not count:
        return Done(_("Nothing of that waits any more."), level=messages.WARNING)
    details = {
        "count": count,
        "what": path or _("all tasks"),
        "queue": queue.name,
        "target": label_of(target),
    }
    said = ngettext(
        "Moved %(count)d result of %(what)s from “%(queue)s” to “%(target)s”.",
        "Moved %(count)d results of %(what)s from “%(queue)s” to “%(target)s”.",
        count,
    )
    return Done(said % details, with_reason(said % details, values["reason"]))


def _purge(queue: Queue, values: Values, by: str) -> Done:
    _refuse_more_than_a_page(queue, None, f"queue purge {queue.name}")
    count = operations.queues.purge(queue, by=by)
    if not count:
        return Done(_("Nothing waits there any more."), level=messages.WARNING)
    details = {"count": count, "queue": queue.name}
    said = ngettext(
        "Cancelled %(count)d result that waited in “%(queue)s”.",
        "Cancelled %(count)d results that waited in “%(queue)s”.",
        count,
    )
    return Done(said % details, with_reason(said % details, values["reason"]))


def _refuse_more_than_a_page(queue: Queue, path: str | None, command: str) -> None:
    waiting = queue.waiting.for_task(path) if path else queue.waiting
    if waiting[: MOST_ON_A_PAGE + 1].count() > MOST_ON_A_PAGE:
        raise InvalidOption(
            _("More than %(most)s wait; use: manage.py taskcontrol %(command)s")
            % {"most": f"{MOST_ON_A_PAGE:,}", "command": command}
        )


#: In the order in which they are offered.
VERBS = {
    verb.name: verb
    for verb in (
        Verb(
            "pause",
            gettext_lazy("Pause"),
            gettext_lazy(
                "Nothing is handed out of it any more. What runs goes on, and what "
                "comes in waits."
            ),
            "operate",
            QueueForm,
            _pause,
            lambda state: not state.is_paused,
        ),
        Verb(
            "resume",
            gettext_lazy("Resume"),
            gettext_lazy("Messages are handed out of it again."),
            "operate",
            NothingForm,
            _resume,
            lambda state: state.is_paused or state.drains,
        ),
        Verb(
            "drain",
            gettext_lazy("Drain"),
            gettext_lazy(
                "It is paused as soon as nothing that is due waits in it, and nothing "
                "runs."
            ),
            "operate",
            QueueForm,
            _drain,
            lambda state: not (state.is_paused or state.drains),
        ),
        Verb(
            "move",
            gettext_lazy("Move"),
            gettext_lazy(
                "What waits goes to another queue, and is run from there. What runs "
                "already ends where it is."
            ),
            "operate",
            MoveForm,
            _move,
        ),
        Verb(
            "purge",
            gettext_lazy("Purge"),
            gettext_lazy(
                "What waits in it is cancelled, and never run. What runs already goes "
                "on."
            ),
            "purge",
            PurgeForm,
            _purge,
            is_dangerous=True,
        ),
    )
}
