"""How quarantined messages are shown."""

from hashlib import sha256
from typing import Any

from django.contrib.admin import display
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from taskhub import operations
from taskhub.admin.display import moment, pretty_json
from taskhub.models import QuarantinedMessage
from taskhub.operations.quarantine import Inspection
from taskhub.tasks.masking import masked


def _inspect(message: QuarantinedMessage) -> Inspection:
    """Return the inspection of a message, which is done once for a page."""
    row: Any = message
    if not hasattr(row, "inspected"):
        row.inspected = operations.quarantine.inspect(message)
    inspected: Inspection = row.inspected
    return inspected


@display(description=gettext_lazy("quarantined"), ordering="id")
def quarantined(message: QuarantinedMessage) -> SafeString:
    return moment(message.quarantined_at)


@display(description=gettext_lazy("if retried now"))
def verdict(message: QuarantinedMessage) -> str:
    if fault := _inspect(message).fault:
        return _("It would be refused again: %s") % fault
    return _("A worker would accept it.")


@display(description=gettext_lazy("decoded"))
def decoded(message: QuarantinedMessage) -> SafeString | str:
    content = _inspect(message).message
    if content is None:
        return _("It cannot be decoded. Its bytes are not shown.")
    args, kwargs = masked(content.task_path, content.args, content.kwargs)
    return pretty_json(
        {
            "task_path": content.task_path,
            "args": args,
            "kwargs": kwargs,
            "queue_name": content.queue_name,
            "priority": content.priority,
            "backend": content.backend,
            "enqueued_at": content.enqueued_at.isoformat(),
            "durable": content.durable,
            "meta": content.meta,
        }
    )


@display(description=gettext_lazy("bytes"))
def digest(message: QuarantinedMessage) -> SafeString:
    # The bytes are not shown: nothing can be masked in bytes that are not decoded.
    body = bytes(message.body)
    return format_html(
        '{} <code class="taskhub-digest">{}</code>',
        _("%s bytes, SHA-256") % f"{len(body):,}",
        sha256(body).hexdigest(),
    )
