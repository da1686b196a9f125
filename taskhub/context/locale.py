"""Carriers of the language and the time zone."""

import datetime
from contextlib import AbstractContextManager
from typing import Any

from django.conf import settings
from django.utils import timezone, translation

from taskhub.context.carrier import Carrier


class Language(Carrier):
    """The active language, if it is not `LANGUAGE_CODE`."""

    def capture(self) -> str | None:
        language = translation.get_language()
        return None if language == settings.LANGUAGE_CODE else language

    def restore(self, value: str) -> AbstractContextManager[Any]:
        return translation.override(value)


class TimeZone(Carrier):
    """The active time zone, if it is not `TIME_ZONE`: its name or offset in seconds."""

    def capture(self) -> str | float | None:
        name = timezone.get_current_timezone_name()
        if name == settings.TIME_ZONE:
            return None
        zone = timezone.get_current_timezone()
        if isinstance(zone, datetime.timezone):
            # A fixed offset. Its name, such as "+0200", is not that of a time zone.
            return zone.utcoffset(None).total_seconds()
        return name

    def restore(self, value: str | float) -> AbstractContextManager[Any]:
        if isinstance(value, str):
            return timezone.override(value)
        return timezone.override(datetime.timezone(datetime.timedelta(seconds=value)))
