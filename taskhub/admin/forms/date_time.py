"""
Form fields for a date and a time in the current time zone.

Django's fields refuse local times that occur twice or never. They also lose the parts
of a time that the active language does not show, such as seconds in Romanian. Here, an
input that was not edited keeps its exact time. An edited time is read as in cron: a
time that occurs twice means the first one, a time in a gap means the end of the gap.
"""

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any

from django import forms
from django.contrib.admin.widgets import AdminSplitDateTime
from django.core.exceptions import ValidationError
from django.forms.boundfield import BoundField
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class MomentWidget(AdminSplitDateTime):
    """The admin's two inputs, with labels and microseconds."""

    supports_microseconds = True

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs)
        # Before Django 6.0, the inputs have no label.
        for widget, label in zip(self.widgets, (_("Date:"), _("Time:")), strict=True):
            widget.attrs["aria-label"] = label

    def decompress(self, value: Any) -> Any:
        """Return the date and the time; values from an address are ignored."""
        if not isinstance(value, datetime):
            return super().decompress(None)
        try:
            return super().decompress(value)
        except OverflowError:
            # At an end of the calendar, the zone has no such day.
            return [value.date(), value.time()]


class _BoundMoment(BoundField):
    """The submitted values; an input that was not edited keeps its exact value."""

    @property
    def data(self) -> Any:
        """Return the text of each input, or its initial value if it was not edited."""
        sent = super().data
        if not isinstance(self.initial, datetime) or not isinstance(sent, list):
            return sent
        widget: Any = self.field.widget
        day, clock = widget.decompress(self.initial)
        is_same_day = _is_shown_as(widget.widgets[0], day, sent[0])
        if not _is_shown_as(widget.widgets[1], clock, sent[1]):
            return [day if is_same_day else sent[0], sent[1]]
        # `fold` belongs to the initial day.
        return [day, clock] if is_same_day else [sent[0], clock.replace(fold=0)]


def _is_shown_as(widget: forms.Widget, value: date | time, text: str | None) -> bool:
    shown = widget.format_value(value)
    return text is not None and text.strip() == shown


class MomentField(forms.SplitDateTimeField):
    """A date and a time in the current time zone; see the module."""

    widget = MomentWidget

    def get_bound_field(self, form: forms.BaseForm, field_name: str) -> BoundField:
        """Return the bound field."""
        return _BoundMoment(form, self, field_name)

    def compress(self, data_list: Any) -> datetime | None:
        """
        Return an aware datetime, or None for an empty field.

        Raise ValidationError for a missing part, or a time at an end of the calendar.
        """
        if not data_list:
            return None
        for part, code in zip(data_list, ("invalid_date", "invalid_time"), strict=True):
            if part in self.empty_values:
                raise ValidationError(self.error_messages[code], code=code)
        try:
            return read_local(
                datetime.combine(*data_list), timezone.get_current_timezone()
            )
        except OverflowError:
            # At an end of the calendar, the time in UTC does not exist.
            text = self.error_messages["invalid_date"]
            raise ValidationError(text, code="invalid_date") from None


def read_local(naive: datetime, zone: tzinfo) -> datetime:
    """Return the first occurrence of a local time in a zone, or the end of its gap."""
    local = naive.replace(tzinfo=zone)
    shown = local.astimezone(UTC).astimezone(zone).replace(tzinfo=None)
    return local if shown == naive else _end_of_gap(naive, zone)


def _end_of_gap(naive: datetime, zone: tzinfo) -> datetime:
    # The offset after the gap (fold=1) gives a moment before the gap, and the offset
    # before the gap gives a moment after it. The end of the gap is between these.
    before = naive.replace(tzinfo=zone, fold=1).astimezone(UTC)
    after = naive.replace(tzinfo=zone, fold=0).astimezone(UTC)
    offset = before.astimezone(zone).utcoffset()
    second = timedelta(seconds=1)
    before, after = before.replace(microsecond=0), after.replace(microsecond=0)
    while after - before > second:
        middle = before + (after - before) // 2 // second * second
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after.astimezone(zone)
