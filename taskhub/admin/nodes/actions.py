"""What can be asked of a node, and what is said of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from taskhub import operations
from taskhub.admin.asking import ReasonForm, with_reason
from taskhub.admin.done import Done
from taskhub.models import Node
from taskhub.operations.nodes import MAX_PROCESSES

Values = dict[str, Any]


class ResizeForm(ReasonForm):
    """How many processes."""

    processes = forms.IntegerField(
        label=gettext_lazy("Worker processes"),
        min_value=1,
        max_value=MAX_PROCESSES,
    )

    field_order = ("processes", "reason")


@dataclass(frozen=True)
class Verb:
    """One thing that can be asked. `do` raises TaskHubError if it cannot be now."""

    name: str
    label: Promise
    #: What it does, for whoever is asked whether it should.
    text: Promise
    #: What has to be known before; nothing if there is none.
    form: type[forms.Form] | None
    do: Callable[[Node, Values], Done]
    #: Whether it makes sense for a node.
    suits: Callable[[Node], bool] = lambda node: True
    is_dangerous: bool = False


def _quiet(node: Node, values: Values) -> Done:
    operations.nodes.quiet(node.name)
    return Done(
        _("“%s” takes nothing new.") % node.name,
        with_reason(_("Made quiet."), values["reason"]),
    )


def _awake(node: Node, values: Values) -> Done:
    operations.nodes.resume(node.name)
    return Done(_("“%s” works again.") % node.name, _("Woken up."))


def _resize(node: Node, values: Values) -> Done:
    count = values["processes"]
    operations.nodes.resize(node.name, count)
    return Done(
        _("“%(node)s” will have %(count)d worker processes.")
        % {"node": node.name, "count": count},
        with_reason(_("Resized to %d processes.") % count, values["reason"]),
    )


def _stop(node: Node, values: Values) -> Done:
    operations.nodes.stop(node.name)
    return Done(
        _("“%s” will end when what it runs has finished.") % node.name,
        with_reason(_("Asked to stop."), values["reason"]),
    )


#: In the order in which they are offered.
VERBS = {
    verb.name: verb
    for verb in (
        Verb(
            "quiet",
            gettext_lazy("Make quiet"),
            gettext_lazy(
                "It takes nothing new, and goes on with what it runs. What waits is "
                "for others."
            ),
            ReasonForm,
            _quiet,
            lambda node: not node.is_quiet,
        ),
        Verb(
            "awake",
            gettext_lazy("Wake up"),
            gettext_lazy("It takes messages again."),
            None,
            _awake,
            lambda node: node.is_quiet,
        ),
        Verb(
            "resize",
            gettext_lazy("Resize"),
            gettext_lazy(
                "Those that are too many finish what they run. It is meant for this "
                "life of the node: one that is started anew does what its command line "
                "says."
            ),
            ResizeForm,
            _resize,
        ),
        Verb(
            "stop",
            gettext_lazy("Stop"),
            gettext_lazy(
                "It takes nothing more, and ends when what it runs has finished, or "
                "its grace period is over. What keeps it running may start another one."
            ),
            ReasonForm,
            _stop,
            lambda node: not node.is_to_stop,
            is_dangerous=True,
        ),
    )
}
