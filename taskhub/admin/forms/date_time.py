"""
Form fields for a date and a time, in the current time zone.

Django's own refuse a time that the clocks show twice or jump over, and read back no
more than the active language writes: Romanian and Chinese forms have no seconds. Here
what was left as it stood is the moment that it was. What is written anew is read as
cron does: a time that comes twice is the first one, a time that is jumped over is the
gap's end.
"""

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms.boundfield import BoundField
from django.utils import timezone

from taskhub.admin.date_time_input import DateTimeInput


class MomentWidget(DateTimeInput):
    """The admin's two inputs; they know a moment to the microsecond."""

    supports_microseconds = True

    def decompress(self, value: Any) -> Any:
        """Return the date and the time; none of what an address proposes for them."""
        if not isinstance(value, datetime):
            return super().decompress(None)
        try:
            return super().decompress(value)
        except OverflowError:
            # At an end of the calendar, where the zone's clocks have no such day.
            return [value.date(), value.time()]


class _BoundMoment(BoundField):
    """Inputs that were sent; those that were left as they stood are not read."""

    @property
    def data(self) -> Any:
        """Return the text of both inputs, or the date or time that one stands for."""
        sent = super().data
        if not isinstance(self.initial, datetime) or not isinstance(sent, list):
            return sent
        widget: Any = self.field.widget
        day, clock = widget.decompress(self.initial)
        is_same_day = _is_shown_as(widget.widgets[0], day, sent[0])
        if not _is_shown_as(widget.widgets[1], clock, sent[1]):
            return [day if is_same_day else sent[0], sent[1]]
        # Which of two equal times it was matters on that day alone.
        return [day, clock] if is_same_day else [sent[0], clock.replace(fold=0)]


def _is_shown_as(widget: forms.Widget, value: date | time, text: str | None) -> bool:
    shown = widget.format_value(value)
    return text is not None and text.strip() == shown


class MomentField(forms.SplitDateTimeField):
    """Takes a date and a time in the current time zone; see the module."""

    widget = MomentWidget

    def get_bound_field(self, form: forms.BaseForm, field_name: str) -> BoundField:
        """Return the field as a form has it."""
        return _BoundMoment(form, self, field_name)

    def compress(self, data_list: Any) -> datetime | None:
        """Return the moment. Raise ValidationError if there is none such."""
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
            # At an end of the calendar.
            text = self.error_messages["invalid_date"]
            raise ValidationError(text, code="invalid_date") from None


def read_local(naive: datetime, zone: tzinfo) -> datetime:
    """Return the moment at which the clocks of a zone show a time, or jump over it."""
    local = naive.replace(tzinfo=zone)
    shown = local.astimezone(UTC).astimezone(zone).replace(tzinfo=None)
    return local if shown == naive else _end_of_gap(naive, zone)


def _end_of_gap(naive: datetime, zone: tzinfo) -> datetime:
    # Reckoned with the offset after the gap it is before it, and the other way round.
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
