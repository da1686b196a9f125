"""Permissions beyond Django's own four."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest


def has_perm(codename: str) -> Callable[..., bool]:
    """Return a method of a ModelAdmin that checks a permission for any row."""

    def has_permission(self: Any, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(f"taskhub.{codename}")

    return has_permission
