"""
Addresses of taskhub's pages, each on the admin site that shows the link.

A project may have several admin sites, and any of them may have only some of taskhub's
models: without the name of its own site, `reverse("admin:…")` leads into the default
one. Like Django's own pages, they take along how the list was filtered.
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
    """Return the address of a page of a model that the site has, by its URL's name."""
    return reverse(f"admin:taskhub_{name}", args=args, current_app=site.name)


def row_address(site: AdminSite, row: Model) -> str:
    """Return the address of a row's page; nothing if the site has no such pages."""
    model = type(row)
    if not site.is_registered(model):
        return ""
    return address(site, f"{model._meta.model_name}_change", row.pk)


def with_filters(model_admin: "ModelAdmin[Any]", request: HttpRequest, url: str) -> str:
    """Return an address that takes along how the list was filtered."""
    filters = model_admin.get_preserved_filters(request)
    context: Any = {"opts": model_admin.opts, "preserved_filters": filters}
    return str(add_preserved_filters(context, url))


def list_address(model_admin: "ModelAdmin[Any]", request: HttpRequest) -> str:
    """Return the address of the list, filtered as it was before."""
    opts = model_admin.opts
    url = address(model_admin.admin_site, f"{opts.model_name}_changelist")
    return with_filters(model_admin, request, url)


def link(url: str, text: object) -> SafeString:
    """Return a link, or the text alone if it leads nowhere."""
    return format_html('<a href="{}">{}</a>' if url else "{1}", url, text)
