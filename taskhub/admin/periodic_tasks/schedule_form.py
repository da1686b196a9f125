"""A form for a schedule, with fields for each kind."""

from collections.abc import Callable
from typing import Any, ClassVar
from zoneinfo import available_timezones

from django import forms
from django.contrib.admin.widgets import AdminRadioSelect
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from taskhub.admin import schedule_words as words
from taskhub.admin.forms.date_time import MomentField
from taskhub.exceptions import InvalidSchedule
from taskhub.schedules import (
    Clocked,
    Cron,
    Interval,
    Schedule,
    Solar,
    Unreadable,
    cron,
)

#: The fields of each kind. The first one shows errors of the whole schedule.
FIELDS: dict[str, tuple[str, ...]] = {
    Cron.kind: ("expression", "tz"),
    Interval.kind: ("count", "unit"),
    Clocked.kind: ("at",),
    Solar.kind: ("event", "latitude", "longitude"),
}
_MAX_YEAR = 2999
_READERS: dict[str, Callable[..., Schedule]] = {
    Cron.kind: lambda expression, tz: cron(expression, tz=tz).in_known_zone(),
    Interval.kind: Interval,
    Clocked.kind: Clocked,
    Solar.kind: Solar,
}


class ZoneInput(forms.TextInput):
    """A text input that suggests time zones."""

    def render(self, name: str, value: Any, *args: Any, **options: Any) -> SafeString:
        """Return the input and the list of suggestions."""
        zones = format_html_join(
            "", '<option value="{}"></option>', ((each,) for each in _zones())
        )
        options["attrs"] = {**(options.get("attrs") or {}), "list": "taskhub-zones"}
        return format_html(
            '{}<datalist id="taskhub-zones">{}</datalist>',
            super().render(name, value, *args, **options),
            zones,
        )


def _zones() -> list[str]:
    # Except for UTC, names without a slash are old aliases.
    names = available_timezones()
    return ["UTC", *sorted(name for name in names if "/" in name)]


class ScheduleForm(forms.Form):
    """
    The fields of all kinds of schedules; only those of the chosen kind are read.

    read_schedule() sets `schedule`, which stays None if a field has an error.
    """

    kind = forms.ChoiceField(
        label=_("Schedule"),
        choices=list(words.KINDS.items()),
        initial=Cron.kind,
        widget=AdminRadioSelect(attrs={"class": "radiolist inline"}),
    )
    expression = forms.CharField(
        label=_("Cron expression"),
        required=False,
        max_length=150,
        widget=forms.TextInput(
            attrs={
                "class": "vTextField taskhub-expression",
                "placeholder": "0 3 * * MON-FRI",
                "autocomplete": "off",
                "autocapitalize": "off",
                "spellcheck": "false",
            }
        ),
        help_text=_("Minute, hour, day of month, month, day of week; or @daily."),
    )
    tz = forms.CharField(
        label=_("Time zone"),
        required=False,
        max_length=60,
        initial=timezone.get_default_timezone_name,
        widget=ZoneInput(attrs={"class": "taskhub-zone", "autocomplete": "off"}),
        help_text=_("The cron expression is in this zone."),
    )
    count = forms.IntegerField(
        label=_("Every"),
        required=False,
        widget=forms.NumberInput(attrs={"class": "taskhub-count", "min": 1}),
    )
    unit = forms.ChoiceField(
        label=_("Unit"),
        required=False,
        choices=list(words.UNITS.items()),
        initial="minutes",
        help_text=_("Counted from the start, or from when the task was created."),
    )
    at = MomentField(label=_("Once, at"), required=False)
    event = forms.ChoiceField(
        label=_("Event"),
        required=False,
        choices=list(words.EVENTS.items()),
        initial="sunrise",
    )
    latitude = forms.FloatField(
        label=_("Latitude"),
        required=False,
        widget=forms.NumberInput(attrs={"step": "any", "class": "taskhub-degrees"}),
        help_text=_("Degrees, south negative."),
    )
    longitude = forms.FloatField(
        label=_("Longitude"),
        required=False,
        widget=forms.NumberInput(attrs={"step": "any", "class": "taskhub-degrees"}),
        help_text=_("Degrees, west negative."),
    )

    schedule: Schedule | None = None
    #: The errors of empty fields. The preview does not show them.
    incomplete: ClassVar = {
        "expression": _("Enter a cron expression, such as 0 3 * * * for every night."),
        "tz": _("Enter a time zone, such as Europe/Berlin."),
        "count": _("Enter a number."),
        "unit": _("Choose a unit."),
        "at": _("Enter a date and a time."),
        "event": _("Choose an event."),
        "latitude": _("Enter the latitude, such as 52.52."),
        "longitude": _("Enter the longitude, such as 13.40."),
    }

    def check_years(self) -> None:
        """Refuse times near the ends of the calendar, where arithmetic overflows."""
        for name in ("at", "start_at", "end_at"):
            moment = self.cleaned_data.get(name)
            if moment is not None and not 1970 <= moment.year <= _MAX_YEAR:
                text = _("Expected a year from 1970 to %d.") % _MAX_YEAR
                self.add_error(name, text)

    def read_schedule(self) -> None:
        """Set `schedule`, or add errors to the fields."""
        self.check_years()
        kind = self.cleaned_data.get("kind")
        if kind is None:
            return
        chosen = FIELDS[kind]
        for name in {name for names in FIELDS.values() for name in names} - {*chosen}:
            # Errors in fields of other kinds do not matter.
            self.errors.pop(name, None)
        for name in chosen:
            if name not in self.errors and self.cleaned_data.get(name) in (None, ""):
                self.add_error(
                    name,
                    forms.ValidationError(self.incomplete[name], code="incomplete"),
                )
        if not any(name in self.errors for name in chosen):
            self._compose(kind)

    def _compose(self, kind: str) -> None:
        parts = [self.cleaned_data[name] for name in FIELDS[kind]]
        try:
            self.schedule = _READERS[kind](*parts)
        except InvalidSchedule as error:
            self.add_error(error.field or FIELDS[kind][0], str(error))


def initial_of(schedule: Schedule) -> dict[str, Any]:
    """Return the values of the fields; only some, if the schedule is unreadable."""
    match schedule:
        case Unreadable():
            return _guess(schedule.raw)
        case _ if schedule.kind in FIELDS:
            parts = {name: getattr(schedule, name) for name in FIELDS[schedule.kind]}
            return {"kind": schedule.kind, **parts}
    return {}


def _guess(raw: str) -> dict[str, Any]:
    """Return the values that the text of an unreadable schedule seems to have."""
    kind, *rest = raw.split() or [""]
    if kind not in FIELDS:
        return {}
    if kind == Clocked.kind:
        # The widget accepts only a datetime.
        return {"kind": kind}
    if kind == Cron.kind:
        size = 1 if rest and rest[0].startswith("@") else 5
        rest = [" ".join(rest[:size]), *rest[size:]]
    return {"kind": kind, **dict(zip(FIELDS[kind], rest, strict=False))}
