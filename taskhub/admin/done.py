"""What became of something that somebody asked for with a click."""

from dataclasses import dataclass

from django.contrib import messages

from taskhub.models import TaskResult


@dataclass(frozen=True)
class Done:
    """What became of it: for whoever clicked, and for the history if anything did."""

    said: str
    logged: str = ""
    level: int = messages.SUCCESS
    #: The result that came of it, if one did: what is said ends with a link to it.
    result: TaskResult | None = None
