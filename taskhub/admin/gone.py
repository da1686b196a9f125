"""What a page still shows, and is not there any more."""

from typing import Any

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from taskhub.admin.addresses import list_address


def to_list(model_admin: "ModelAdmin[Any]", request: HttpRequest) -> HttpResponse:
    """
    Lead from a button to the list, since the row is gone.

    Pages stay open for hours, and results are pruned meanwhile; two people may press
    the same button.
    """
    model_admin.message_user(request, _("It is not there any more."), messages.WARNING)
    return redirect(list_address(model_admin, request))
