"""Who may do what to results, beyond Django's own four."""

from django.http import HttpRequest

from taskhub.admin.model_admin import Unedited
from taskhub.models import TaskResult


class Permissions(Unedited):
    """Results are made and changed by tasks; people act on them by operations."""

    def has_retry_permission(
        self, request: HttpRequest, obj: TaskResult | None = None
    ) -> bool:
        """Whether somebody may have results tried again."""
        return request.user.has_perm("taskhub.retry_taskresult")

    def has_cancel_permission(
        self, request: HttpRequest, obj: TaskResult | None = None
    ) -> bool:
        """Whether somebody may cancel results."""
        return request.user.has_perm("taskhub.cancel_taskresult")

    def has_enqueue_permission(
        self, request: HttpRequest, obj: TaskResult | None = None
    ) -> bool:
        """Whether somebody may enqueue tasks by hand, with arguments of their own."""
        return request.user.has_perm("taskhub.enqueue_taskresult")

    def has_export_permission(
        self, request: HttpRequest, obj: TaskResult | None = None
    ) -> bool:
        """Whether somebody may take results away as a file."""
        return request.user.has_perm("taskhub.export_taskresult")
