"""
Addresses of taskhub's pages, each on the admin site that shows the link.

A project may have several admin sites, and any of them may have only some of taskhub's
models: without the name of its own site, `reverse("admin:…")` leads into the default
one.
"""

from django.contrib.admin import AdminSite
from django.db.models import Model
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


def link(url: str, text: object) -> SafeString:
    """Return a link, or the text alone if it leads nowhere."""
    return format_html('<a href="{}">{}</a>' if url else "{1}", url, text)
