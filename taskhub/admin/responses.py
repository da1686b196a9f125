"""Responses that Django's admin has no view for."""

from typing import Any

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from taskhub.admin.addresses import list_address


def render(
    model_admin: "ModelAdmin[Any]", request: HttpRequest, template: str, **context: Any
) -> TemplateResponse:
    """
    Return a page within the frame of the admin; the caller has checked permissions.

    For the breadcrumbs, a template that extends Django's change_form.html needs
    `original` in the context, and one that extends change_list.html needs `cl`.
    """
    request.current_app = model_admin.admin_site.name
    return TemplateResponse(
        request,
        template,
        {
            **model_admin.admin_site.each_context(request),
            "opts": model_admin.opts,
            "media": model_admin.media,
            "has_view_permission": True,
            **context,
        },
    )


def redirect_to_list(
    model_admin: "ModelAdmin[Any]", request: HttpRequest
) -> HttpResponse:
    """
    Redirect to the list, with a warning that the row no longer exists.

    Pages stay open for hours. Meanwhile, rows are pruned, or somebody deletes them.
    """
    model_admin.message_user(request, _("The row no longer exists."), messages.WARNING)
    return redirect(list_address(model_admin, request))
