"""The actions on queues."""

from django.contrib import messages
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from taskhub import operations
from taskhub.admin.actions import Action, Outcome, ReasonForm, Values
from taskhub.admin.queues.forms import MAX_RESULTS, MoveForm, PurgeForm, label_of
from taskhub.exceptions import InvalidOption
from taskhub.operations.queues import Queue


def _pause(queue: Queue, values: Values, by: str) -> Outcome:
    operations.queues.pause(queue, by=by, reason=values["reason"])
    return Outcome(_("“%s” is paused.") % queue.name, _("Paused."))


def _resume(queue: Queue, values: Values, by: str) -> Outcome:
    operations.queues.resume(queue, by=by)
    return Outcome(_("“%s” is active again.") % queue.name, _("Resumed."))


def _drain(queue: Queue, values: Values, by: str) -> Outcome:
    operations.queues.drain(queue, by=by, reason=values["reason"])
    text = (
        _("“%s” was empty, and is paused.")
        if queue.state.is_paused
        else _("“%s” will be paused as soon as it is empty.")
    )
    return Outcome(text % queue.name, _("Drained."))


def _move(queue: Queue, values: Values, by: str) -> Outcome:
    target, path = values["target"], values["task"] or None
    _refuse_too_many(queue, path, f"queue move {queue.name} {target.name}")
    count = operations.queues.move(queue, target, task_path=path)
    if not count:
        return Outcome(_("No such result is waiting."), level=messages.WARNING)
    text = ngettext(
        "Moved %(count)d result of %(what)s from “%(queue)s” to “%(target)s”.",
        "Moved %(count)d results of %(what)s from “%(queue)s” to “%(target)s”.",
        count,
    ) % {
        "count": count,
        "what": path or _("all tasks"),
        "queue": queue.name,
        "target": label_of(target),
    }
    return Outcome(text, text)


def _purge(queue: Queue, values: Values, by: str) -> Outcome:
    _refuse_too_many(queue, None, f"queue purge {queue.name}")
    count = operations.queues.purge(queue, by=by)
    if not count:
        return Outcome(_("No result is waiting."), level=messages.WARNING)
    text = ngettext(
        "Cancelled %(count)d waiting result of “%(queue)s”.",
        "Cancelled %(count)d waiting results of “%(queue)s”.",
        count,
    ) % {"count": count, "queue": queue.name}
    return Outcome(text, text)


def _refuse_too_many(queue: Queue, path: str | None, command: str) -> None:
    waiting = queue.waiting.for_task(path) if path else queue.waiting
    if waiting[: MAX_RESULTS + 1].count() > MAX_RESULTS:
        raise InvalidOption(
            _("More than %(most)s wait; use: manage.py taskcontrol %(command)s")
            % {"most": f"{MAX_RESULTS:,}", "command": command}
        )


#: By name, in the order of the buttons. `suits` takes the QueueState.
ACTIONS = {
    action.name: action
    for action in (
        Action(
            "pause",
            gettext_lazy("Pause"),
            "operate",
            _pause,
            suits=lambda state: not state.is_paused,
            confirmation=gettext_lazy(
                "No task of this queue is started. Running tasks continue, and new "
                "tasks wait."
            ),
            form=ReasonForm,
        ),
        Action(
            "resume",
            gettext_lazy("Resume"),
            "operate",
            _resume,
            suits=lambda state: state.is_paused or state.drains,
            confirmation=gettext_lazy("Tasks of this queue are started again."),
        ),
        Action(
            "drain",
            gettext_lazy("Drain"),
            "operate",
            _drain,
            suits=lambda state: not (state.is_paused or state.drains),
            confirmation=gettext_lazy(
                "The queue is paused as soon as no due task waits in it and none is "
                "running."
            ),
            form=ReasonForm,
        ),
        Action(
            "move",
            gettext_lazy("Move"),
            "operate",
            _move,
            confirmation=gettext_lazy(
                "Waiting tasks are moved to another queue, and run from there. Running "
                "tasks stay in this queue."
            ),
            form=MoveForm,
        ),
        Action(
            "purge",
            gettext_lazy("Purge"),
            "purge",
            _purge,
            confirmation=gettext_lazy(
                "Waiting tasks are cancelled, and never run. Running tasks continue."
            ),
            form=PurgeForm,
            is_dangerous=True,
        ),
    )
}
