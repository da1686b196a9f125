"""What has to be known before something is done to a queue."""

from collections import Counter
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from taskhub.admin.asking import ReasonForm
from taskhub.admin.bounded import in_words
from taskhub.conf import configs
from taskhub.exceptions import UnknownQueue
from taskhub.operations.queues import Queue

#: As many as a page deals with: more takes longer than a page may, and is what the
#: command is for.
MOST_ON_A_PAGE = 10_000


class QueueForm(ReasonForm):
    """Nothing but a reason."""

    def __init__(self, queue: Queue, *args: Any) -> None:
        super().__init__(*args)
        self.queue = queue


class NothingForm(forms.Form):
    """Nothing at all."""

    def __init__(self, queue: Queue, *args: Any) -> None:
        super().__init__(*args)


class MoveForm(QueueForm):
    """Where to, and what: one task's, or all. The choices say how many there are."""

    target = forms.ChoiceField(label=gettext_lazy("To"))
    task = forms.ChoiceField(label=gettext_lazy("What"), required=False)

    field_order = ("target", "task", "reason")

    def __init__(self, queue: Queue, *args: Any) -> None:
        super().__init__(queue, *args)
        fields: dict[str, Any] = self.fields
        fields["target"].choices = [
            (key_of(each), label_of(each)) for each in all_queues() if each != queue
        ]
        counts = waiting_by_task(queue)
        total = sum(counts.values())
        fields["task"].choices = [
            ("", _("All that waits: %s") % counted(total)),
            *((path, f"{path}: {counted(count)}") for path, count in counts.items()),
        ]

    def clean_target(self) -> Queue:
        backend, _slash, name = self.cleaned_data["target"].partition("/")
        return Queue(name, backend)


class PurgeForm(QueueForm):
    """The queue's name, typed: it cannot be undone."""

    name = forms.CharField(label=gettext_lazy("Type the queue's name"))

    field_order = ("name", "reason")

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"].strip()
        if name != self.queue.name:
            raise forms.ValidationError(
                _("It is called “%s”; nothing was done.") % self.queue.name
            )
        return name


def all_queues() -> list[Queue]:
    """Return the queues that the settings name, of all backends of ours."""
    return [Queue(name, config.alias) for config in configs() for name in config.queues]


def key_of(queue: Queue) -> str:
    """Return what stands for a queue in a form."""
    return f"{queue.backend}/{queue.name}"


def label_of(queue: Queue) -> str:
    """Return what a queue is called: with its backend, if there are several."""
    if len(configs()) > 1:
        return _("%(queue)s of the backend %(backend)s") % {
            "queue": queue.name,
            "backend": queue.backend,
        }
    return queue.name


def waiting_by_task(queue: Queue) -> dict[str, int]:
    """Count what waits by task, the most first; no further than a page goes."""
    paths = queue.waiting.order_by().values_list("task_path", flat=True)
    return dict(Counter(paths[: MOST_ON_A_PAGE + 1]).most_common())


def counted(count: int) -> str:
    """Return a count, or that it is more than a page deals with."""
    return in_words(count, MOST_ON_A_PAGE)


def find_queue(name: str, backend: str) -> Queue | None:
    """Return a queue, or None if there is no such one."""
    try:
        return Queue(name, backend)
    except UnknownQueue:
        return None
