"""
Addresses of taskhub's pages on the admin site that shows the link.

A project may have several admin sites, and any of them may have only some of taskhub's
models. `reverse("admin:…")` without the name of the site leads to the default one.
Like Django's own pages, the addresses keep the filters of the list.
"""

from typing import Any

from django.contrib.admin import AdminSite, ModelAdmin
from django.contrib.admin.templatetags.admin_urls import add_preserved_filters
from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString


def address(site: AdminSite, name: str, *args: object) -> str:
    """Return the address of a page by the name of its URL, without "taskhub_"."""
    return reverse(f"admin:taskhub_{name}", args=args, current_app=site.name)


def row_address(site: AdminSite, row: Model) -> str:
    """Return the address of a row's page, or "" if the site does not have its model."""
    model = type(row)
    if not site.is_registered(model):
        return ""
    return address(site, f"{model._meta.model_name}_change", row.pk)


def with_filters(model_admin: "ModelAdmin[Any]", request: HttpRequest, url: str) -> str:
    """Return an address with the filters of the list that the user came from."""
    filters = model_admin.get_preserved_filters(request)
    context: Any = {"opts": model_admin.opts, "preserved_filters": filters}
    return str(add_preserved_filters(context, url))


def list_address(model_admin: "ModelAdmin[Any]", request: HttpRequest) -> str:
    """Return the address of the list with the filters it had."""
    opts = model_admin.opts
    url = address(model_admin.admin_site, f"{opts.model_name}_changelist")
    return with_filters(model_admin, request, url)


def link(url: str, text: object) -> SafeString:
    """Return a link, or the text alone if the address is empty."""
    return format_html('<a href="{}">{}</a>' if url else "{1}", url, text)
