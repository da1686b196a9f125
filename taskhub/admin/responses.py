"""Pages of the admin that Django has none of, within its frame."""

from typing import Any

from django.contrib.admin import ModelAdmin
from django.http import HttpRequest
from django.template.response import TemplateResponse


def render(
    model_admin: "ModelAdmin[Any]", request: HttpRequest, template: str, **context: Any
) -> TemplateResponse:
    """
    Return a page of ours; who may see it was asked before.

    Templates of forms end their breadcrumbs with `original`, those of lists with `cl`.
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
