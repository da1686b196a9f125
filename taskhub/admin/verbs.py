"""What can be done to a row with one click, and what is said of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from django.contrib import messages
from django.db.models import Model
from django.utils.functional import Promise

Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True)
class Done:
    """What became of it: for whoever clicked, and for the row's history if anything."""

    said: str
    logged: str = ""
    level: int = messages.SUCCESS


@dataclass(frozen=True)
class Verb(Generic[Row]):
    """
    One thing that can be done.

    `do` is given the row and the name of who asks, and raises TaskHubError if it cannot
    be done now.
    """

    name: str
    label: Promise
    #: The permission it takes: has_<permission>_permission of the admin is asked.
    permission: str
    do: Callable[[Row, str], Done]
    #: Whether it makes sense for a row.
    suits: Callable[[Row], bool] = lambda row: True
