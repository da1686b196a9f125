"""Carriers of the language and the time zone."""

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
    """The active time zone, if it is not `TIME_ZONE`."""

    def capture(self) -> str | None:
        name = timezone.get_current_timezone_name()
        return None if name == settings.TIME_ZONE else name

    def restore(self, value: str) -> AbstractContextManager[Any]:
        return timezone.override(value)
