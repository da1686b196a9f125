"""Deleting one result: what waits is taken out of its broker first."""

from typing import TYPE_CHECKING

from django.contrib import admin, messages
from django.http import HttpRequest
from django.utils.translation import gettext as _

from taskhub import operations
from taskhub.exceptions import BrokerError
from taskhub.models import TaskResult

if TYPE_CHECKING:
    _Admin = admin.ModelAdmin[TaskResult]
else:
    _Admin = object


class Deleting(_Admin):
    """Deletes through operations, and tells what else that means."""

    def delete_model(self, request: HttpRequest, obj: TaskResult) -> None:
        try:
            deleted = operations.results.delete(TaskResult.writing.filter(pk=obj.pk))
        except BrokerError as error:
            text = _("It is not deleted: %s") % error
            self.message_user(request, text, messages.ERROR)
            return
        if deleted.kept:
            text = _("It is not deleted: %s") % deleted.reason
            self.message_user(request, text, messages.ERROR)
            return
        if deleted.cancelled:
            text = _("It was waiting; it will not be run.")
            self.message_user(request, text, messages.INFO)
        if deleted.running:
            text = _("It is running; what comes of it is not recorded.")
            self.message_user(request, text, messages.WARNING)
