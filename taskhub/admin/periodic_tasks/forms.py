"""The forms of a periodic task's page."""

from typing import Any, ClassVar

from django import forms
from django.contrib.admin.widgets import AdminTextareaWidget, AdminTextInputWidget
from django.utils.functional import cached_property
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from taskhub import operations
from taskhub.admin.forms import task_select
from taskhub.admin.forms.date_time import MomentField
from taskhub.admin.forms.duration import DurationField
from taskhub.admin.forms.json_fields import (
    LIST_EXPECTED,
    OBJECT_EXPECTED,
    JSONField,
    json_area,
)
from taskhub.admin.forms.queue_select import queue_choices
from taskhub.admin.periodic_tasks.schedule_form import FIELDS, ScheduleForm, initial_of
from taskhub.exceptions import InvalidArguments, UnknownTask
from taskhub.models import PeriodicTask
from taskhub.models.periodic.periodic_task import as_schedule
from taskhub.tasks.masking import MASK, masked, unmasked

_DEFAULT_MISSED_WINDOW = PeriodicTask._meta.get_field("missed_window").get_default()


def _duration(name: str, **options: Any) -> DurationField:
    field: Any = PeriodicTask._meta.get_field(name)
    return DurationField(
        label=capfirst(field.verbose_name),
        help_text=field.help_text,
        required=False,
        initial=field.get_default(),
        widget=AdminTextInputWidget(attrs={"class": "taskhub-duration"}),
        **options,
    )


def _moment(name: str) -> MomentField:
    field: Any = PeriodicTask._meta.get_field(name)
    return MomentField(
        label=capfirst(field.verbose_name), help_text=field.help_text, required=False
    )


class PeriodicTaskForm(forms.ModelForm, ScheduleForm):  # type: ignore[type-arg]
    """All fields of a row, with each error at the field that causes it."""

    task_path = forms.CharField(
        label=_("Task"), widget=task_select.TaskSelect, max_length=255
    )
    args = JSONField(
        label=_("Positional arguments"),
        required=False,
        initial=list,
        widget=json_area(),
        error_messages={"invalid": LIST_EXPECTED},
    )
    kwargs = JSONField(
        label=_("Keyword arguments"),
        required=False,
        initial=dict,
        widget=json_area(),
        error_messages={"invalid": OBJECT_EXPECTED},
    )
    queue_name = forms.CharField(
        label=_("Queue"),
        required=False,
        max_length=100,
        widget=forms.Select,
        help_text=_("Empty: the task's own."),
    )
    start_at = _moment("start_at")
    end_at = _moment("end_at")
    expires_after = _duration("expires_after")
    jitter = _duration("jitter", empty_value=PeriodicTask().jitter)
    missed_window = _duration("missed_window", empty_value=_DEFAULT_MISSED_WINDOW)

    class Meta:
        model = PeriodicTask
        fields: ClassVar = [
            "name",
            "description",
            "task_path",
            "args",
            "kwargs",
            "enabled",
            "queue_name",
            "priority",
            "expires_after",
            "start_at",
            "end_at",
            "max_runs",
            "jitter",
            "missed_runs",
            "missed_window",
            "overlap",
            "disable_after_failures",
        ]
        widgets: ClassVar = {
            "description": AdminTextareaWidget(attrs={"rows": 2}),
        }

    def __init__(self, *args: Any, **options: Any) -> None:
        row = options.get("instance")
        if row is not None and row.pk:
            found = initial_of(as_schedule(row)) | _shown_arguments(row)
            options["initial"] = found | (options.get("initial") or {})
        super().__init__(*args, **options)
        # Keep these values: validation writes the new ones into the row.
        self._stored_path = self.instance.task_path
        self._stored = self.instance.args, self.instance.kwargs
        self._explain_masks()
        self.fields["task_path"].help_text = task_select.hint(self._given("task_path"))
        queue: Any = self.fields["queue_name"].widget
        queue.choices = queue_choices(self._given("queue_name"))

    def _explain_masks(self) -> None:
        for name in ("args", "kwargs"):
            shown = self.get_initial_for_field(self.fields[name], name)
            if MASK in (shown.values() if isinstance(shown, dict) else shown):
                self.fields[name].help_text = (
                    _("%s stands for a hidden value. Leave it to keep the value.")
                    % MASK
                )

    def _given(self, name: str) -> str:
        """Return the submitted value of a field, or its initial value."""
        if self.is_bound:
            return self.data.get(self.add_prefix(name)) or ""
        return self.get_initial_for_field(self.fields[name], name) or ""

    @cached_property
    def changed_data(self) -> list[str]:
        """The changed fields, without the fields of other kinds of schedules."""
        chosen = self["kind"].data
        unread = {
            name for kind, names in FIELDS.items() if kind != chosen for name in names
        }
        return [name for name in super().changed_data if name not in unread]

    def clean_args(self) -> Any:
        """Return an empty list for an empty field."""
        value = self.cleaned_data["args"]
        return [] if value is None else value

    def clean_kwargs(self) -> Any:
        """Return an empty object for an empty field."""
        value = self.cleaned_data["kwargs"]
        return {} if value is None else value

    def clean(self) -> dict[str, Any]:
        """Restore masked values, and read the schedule."""
        super().clean()
        self._restore_masked()
        self.read_schedule()
        if self.schedule is not None:
            self.instance.schedule = self.schedule
        return self.cleaned_data

    def _restore_masked(self) -> None:
        """Replace masks that were not edited by the values of the row."""
        path = self.cleaned_data.get("task_path")
        args: Any = self.cleaned_data.get("args")
        kwargs: Any = self.cleaned_data.get("kwargs")
        if not path or not _are_arguments(args, kwargs):
            return
        # Do not give the value to another task, which might not mask it.
        is_same = path == self._stored_path and _are_arguments(*self._stored)
        stored = self._stored if is_same else ([], {})
        try:
            args, kwargs = unmasked(path, args, kwargs, stored=stored)
        except UnknownTask:
            # The field of the task has the error.
            return
        except InvalidArguments:
            text = _(
                "%s stands for a hidden value, which is unknown here: enter the value."
            )
            field = "kwargs" if MASK in kwargs.values() else "args"
            self.add_error(field, text % MASK)
            return
        self.cleaned_data |= {"args": args, "kwargs": kwargs}

    def _post_clean(self) -> None:
        # ModelForm writes the values into the row here, and not before.
        super()._post_clean()  # type: ignore[misc]
        for field, sentence in self._faults().items():
            self.add_error(field, sentence)

    def _faults(self) -> dict[str, str]:
        """Return the faults of the row by field, for fields without other errors."""
        faults = operations.schedules.validate(self.instance)
        self._allow_past_times(faults)
        if "args" in self.errors or "kwargs" in self.errors:
            # The row still has old arguments, whose faults would mislead.
            for name in ("args", "kwargs"):
                faults.pop(name, None)
        if "priority" in self.errors:
            faults.pop("priority", None)
        if "schedule" in faults:
            # Show the error at the first field of the kind.
            kind = self.cleaned_data.get("kind")
            sentence = faults.pop("schedule")
            if kind and self.schedule is not None:
                faults[FIELDS[kind][0]] = sentence
        return {
            field: sentence
            for field, sentence in faults.items()
            if field not in self.errors
        }

    def _allow_past_times(self, faults: dict[str, str]) -> None:
        """Ignore unedited times in the past if the row is saved as disabled."""
        if self.instance.enabled or not self.instance.pk:
            return
        changed = {*self.changed_data}
        if not changed & {"kind", *self._chosen_fields()}:
            faults.pop("schedule", None)
        if not changed & {"start_at", "end_at"}:
            faults.pop("end_at", None)

    def _chosen_fields(self) -> tuple[str, ...]:
        return FIELDS.get(self.cleaned_data.get("kind", ""), ())


def _shown_arguments(row: PeriodicTask) -> dict[str, Any]:
    """Return the arguments as the form shows them, with masks."""
    if not _are_arguments(row.args, row.kwargs):
        # SQL statements have written something else, which cannot be masked.
        return {"args": [MASK], "kwargs": {}}
    args, kwargs = masked(row.task_path, row.args, row.kwargs)
    return {"args": args, "kwargs": kwargs}


def _are_arguments(args: Any, kwargs: Any) -> bool:
    return isinstance(args, list) and isinstance(kwargs, dict)


class SwitchForm(forms.ModelForm):  # type: ignore[type-arg]
    """Enable or disable a row that is declared in code."""

    class Meta:
        model = PeriodicTask
        fields: ClassVar = ["enabled"]

    def clean(self) -> dict[str, Any]:
        """Refuse to enable a row that cannot run; only its code can be corrected."""
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("enabled") and not self.instance.enabled:
            for sentence in operations.schedules.validate(self.instance).values():
                self.add_error("enabled", sentence)
        return cleaned
