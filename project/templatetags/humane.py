"""Numbers as people read them."""

from django import template

register = template.Library()


@register.filter
def grouped(number: int | None) -> str:
    """Return 12345 as 12,345, and nothing as nothing."""
    return "" if number is None else f"{number:,}"
