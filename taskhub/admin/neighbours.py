"""
Rows of one model on the pages of another.

A project's subclass of an admin may narrow `get_queryset()`, for example to the rows of
a tenant. Each page that shows or changes rows of a model starts from that queryset.
"""

from typing import Any

from django.contrib.admin import AdminSite
from django.db.models import Model, QuerySet
from django.http import HttpRequest


def rows_of(site: AdminSite, request: HttpRequest, model: type[Model]) -> Any:
    """Return the rows that a model's admin shows, or all rows if it has no admin."""
    if site.is_registered(model):
        return site.get_model_admin(model).get_queryset(request)
    rows: QuerySet[Any] = model._default_manager.all()
    return rows
