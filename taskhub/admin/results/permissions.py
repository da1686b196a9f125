"""Who may do what to results, beyond Django's own four."""

from typing import TYPE_CHECKING

from django.contrib import admin
from django.http import HttpRequest

from taskhub.models import TaskResult

if TYPE_CHECKING:
    _Admin = admin.ModelAdmin[TaskResult]
else:
    _Admin = object


class Permissions(_Admin):
    """Results are made and changed by tasks; people act on them by operations."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(
        self, request: HttpRequest, obj: TaskResult | None = None
    ) -> bool:
        return False

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
