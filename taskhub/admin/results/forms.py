"""The forms of the pages of results."""

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from taskhub.admin.forms.date_time import MomentField
from taskhub.admin.forms.queue_select import queue_choices
from taskhub.admin.forms.task_select import TaskSelect
from taskhub.admin.results.filters import EnqueuedFilter
from taskhub.compat import django_tasks as compat
from taskhub.models import BulkAction
from taskhub.operations.results.rates import MAX_RATE, MIN_RATE
from taskhub.tasks import Task

Kind = BulkAction.Kind


class BulkForm(forms.Form):
    """The stored selection of results, and the options of a kind of bulk action."""

    selection = forms.CharField(widget=forms.HiddenInput, required=False)
    per_second = forms.FloatField(
        label=gettext_lazy("At most, per second"),
        required=False,
        min_value=MIN_RATE,
        max_value=MAX_RATE,
        help_text=gettext_lazy(
            "Spreads the retries, so that a service that has just recovered is not "
            "overloaded. Empty: all at once."
        ),
    )
    by_force = forms.BooleanField(
        label=gettext_lazy("By force"),
        required=False,
        help_text=gettext_lazy("Replace the processes that run the tasks."),
    )

    def __init__(self, kind: str, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if kind != Kind.RETRY:
            del self.fields["per_second"]
        if kind != Kind.CANCEL:
            del self.fields["by_force"]


class TaskForm(forms.Form):
    """Choose a task."""

    task = forms.CharField(label=gettext_lazy("Task"), widget=TaskSelect)


class OptionsForm(forms.Form):
    """The options of one run; the task's own option applies if a field is empty."""

    queue_name = forms.CharField(
        label=gettext_lazy("Queue"), required=False, widget=forms.Select
    )
    priority = forms.IntegerField(
        label=gettext_lazy("Priority"),
        required=False,
        min_value=compat.TASK_MIN_PRIORITY,
        max_value=compat.TASK_MAX_PRIORITY,
        help_text=gettext_lazy("-100 to 100; higher runs first."),
    )
    run_after = MomentField(label=gettext_lazy("Run after"), required=False)

    def __init__(self, task: Task[..., Any, Any], data: Any = None) -> None:
        super().__init__(data)
        queue: Any = self.fields["queue_name"].widget
        queue.choices = queue_choices(self.data.get("queue_name", ""))
        self.fields["queue_name"].help_text = (
            _("Empty: the task's own, %s.") % task.queue_name
        )
        self.fields["priority"].widget.attrs["placeholder"] = str(task.priority)


class FailureFilterForm(forms.Form):
    """The filters of the failures page, with the same parameters as the list."""

    since = forms.ChoiceField(
        label=gettext_lazy("Enqueued"),
        required=False,
        choices=[
            ("", gettext_lazy("Any time")),
            *((value, title) for value, (title, _span) in EnqueuedFilter.spans.items()),
        ],
    )
    task = forms.CharField(
        label=gettext_lazy("Task"), required=False, widget=TaskSelect
    )
    queue = forms.CharField(
        label=gettext_lazy("Queue"), required=False, widget=forms.Select
    )
    q = forms.CharField(
        label=gettext_lazy("Search"), required=False, widget=forms.TextInput
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        queue: Any = self.fields["queue"].widget
        queue.choices = queue_choices(self.data.get("queue", ""))
