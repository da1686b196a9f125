"""What can be done to a row with one click."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from django.db.models import Model
from django.utils.functional import Promise

from taskhub.admin.done import Done

Row = TypeVar("Row", bound=Model)


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
