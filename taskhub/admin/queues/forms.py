"""The forms of the actions on queues."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from taskhub.admin.actions import ReasonForm
from taskhub.admin.paginator import format_count
from taskhub.conf import configs
from taskhub.exceptions import UnknownQueue
from taskhub.operations.queues import Queue

#: Moving or purging more results takes too long for a request; use the command.
MAX_RESULTS = 10_000


class MoveForm(ReasonForm):
    """Ask for the target queue, and for a task if only its results are moved."""

    target = forms.ChoiceField(label=gettext_lazy("To"))
    task = forms.ChoiceField(label=gettext_lazy("Results"), required=False)

    field_order = ("target", "task", "reason")

    def __init__(self, rows: Sequence[Queue], data: Any = None) -> None:
        super().__init__(rows, data)
        (queue,) = rows
        fields: dict[str, Any] = self.fields
        fields["target"].choices = [
            (f"{each.backend}/{each.name}", label_of(each))
            for each in all_queues()
            if each != queue
        ]
        counts = waiting_by_task(queue)
        total = sum(counts.values())
        fields["task"].choices = [
            ("", _("All waiting results: %s") % format_waiting(total)),
            *(
                (path, f"{path}: {format_waiting(count)}")
                for path, count in counts.items()
            ),
        ]

    def clean_target(self) -> Queue:
        backend, _slash, name = self.cleaned_data["target"].partition("/")
        return Queue(name, backend)


class PurgeForm(ReasonForm):
    """Ask for the name of the queue, since a purge cannot be undone."""

    name = forms.CharField(label=gettext_lazy("Type the queue's name"))

    field_order = ("name", "reason")

    def __init__(self, rows: Sequence[Queue], data: Any = None) -> None:
        super().__init__(rows, data)
        (self.queue,) = rows

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"].strip()
        if name != self.queue.name:
            raise forms.ValidationError(
                _("The queue's name is “%s”; nothing was purged.") % self.queue.name
            )
        return name


def all_queues() -> list[Queue]:
    """Return the queues in the settings of all taskhub backends."""
    return [Queue(name, config.alias) for config in configs() for name in config.queues]


def label_of(queue: Queue) -> str:
    """Return the name of a queue, with its backend if there are several."""
    if len(configs()) > 1:
        return _("%(queue)s of the backend %(backend)s") % {
            "queue": queue.name,
            "backend": queue.backend,
        }
    return queue.name


def waiting_by_task(queue: Queue) -> dict[str, int]:
    """Count up to MAX_RESULTS + 1 waiting results by task, in descending order."""
    paths = queue.waiting.order_by().values_list("task_path", flat=True)
    return dict(Counter(paths[: MAX_RESULTS + 1]).most_common())


def format_waiting(count: int) -> str:
    """Return a count of waiting results as text; see waiting_by_task()."""
    return format_count(count, MAX_RESULTS)


def find_queue(name: str, backend: str) -> Queue | None:
    """Return a queue, or None if the settings do not have it."""
    try:
        return Queue(name, backend)
    except UnknownQueue:
        return None
