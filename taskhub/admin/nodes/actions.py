"""The actions on nodes."""

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from taskhub import operations
from taskhub.admin.actions import Action, Outcome, ReasonForm, Values
from taskhub.models import Node
from taskhub.operations.nodes import MAX_PROCESSES


class ResizeForm(ReasonForm):
    """Ask for the number of worker processes."""

    processes = forms.IntegerField(
        label=gettext_lazy("Worker processes"),
        min_value=1,
        max_value=MAX_PROCESSES,
    )

    field_order = ("processes", "reason")


def _quiet(node: Node, values: Values, by: str) -> Outcome:
    operations.nodes.quiet(node.name)
    return Outcome(_("“%s” takes no new tasks.") % node.name, _("Quieted."))


def _resume(node: Node, values: Values, by: str) -> Outcome:
    operations.nodes.resume(node.name)
    return Outcome(_("“%s” takes new tasks again.") % node.name, _("Resumed."))


def _resize(node: Node, values: Values, by: str) -> Outcome:
    count = values["processes"]
    operations.nodes.resize(node.name, count)
    return Outcome(
        _("“%(node)s” will have %(count)d worker processes.")
        % {"node": node.name, "count": count},
        _("Resized to %d processes.") % count,
    )


def _stop(node: Node, values: Values, by: str) -> Outcome:
    operations.nodes.stop(node.name)
    return Outcome(
        _("“%s” will stop when its running tasks have finished.") % node.name,
        _("Stop requested."),
    )


#: By name, in the order of the buttons.
ACTIONS = {
    action.name: action
    for action in (
        Action(
            "quiet",
            gettext_lazy("Quiet"),
            "operate",
            _quiet,
            suits=lambda node: not node.is_quiet,
            selected_label=gettext_lazy("Quiet the selected…"),
            confirmation=gettext_lazy(
                "The node takes no new tasks. Its running tasks continue. Waiting "
                "tasks are left to other nodes."
            ),
            form=ReasonForm,
        ),
        Action(
            "resume",
            gettext_lazy("Resume"),
            "operate",
            _resume,
            suits=lambda node: node.is_quiet,
            selected_label=gettext_lazy("Resume the selected"),
            confirmation=gettext_lazy("The node takes new tasks again."),
        ),
        Action(
            "resize",
            gettext_lazy("Resize"),
            "operate",
            _resize,
            selected_label=gettext_lazy("Resize the selected…"),
            confirmation=gettext_lazy(
                "If there are too many processes, the last ones stop when their "
                "running tasks have finished. When the node is restarted, its command "
                "line decides again."
            ),
            form=ResizeForm,
        ),
        Action(
            "stop",
            gettext_lazy("Stop"),
            "operate",
            _stop,
            suits=lambda node: not node.is_to_stop,
            selected_label=gettext_lazy("Stop the selected…"),
            confirmation=gettext_lazy(
                "The node takes no new tasks. It stops when its running tasks have "
                "finished, or when the grace period ends. A process manager may "
                "start it again."
            ),
            form=ReasonForm,
            is_dangerous=True,
        ),
    )
}
