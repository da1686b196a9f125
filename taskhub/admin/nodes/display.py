"""How a node is, in a word."""

from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy

from taskhub.models import Node

#: The word, and the status whose colour says as much.
STATES: dict[str, tuple[Promise, str]] = {
    "silent": (gettext_lazy("Silent"), "failed"),
    "stopping": (gettext_lazy("Stopping"), "cancelled"),
    "quiet": (gettext_lazy("Quiet"), "cancelled"),
    "present": (gettext_lazy("Present"), "successful"),
}


def state_of(node: Node, *, is_silent: bool) -> str:
    """Return how a node is, a key of STATES."""
    if is_silent:
        return "silent"
    if node.is_to_stop:
        return "stopping"
    return "quiet" if node.is_quiet else "present"


def state_badge(node: Node, *, is_silent: bool) -> SafeString:
    """Return how a node is as a coloured word."""
    word, colour = STATES[state_of(node, is_silent=is_silent)]
    return format_html(
        '<span class="taskhub-status taskhub-{}">{}</span>', colour, word
    )
