"""
Rows of one model on the pages of another: no more than their own admin shows.

A site's subclass of an admin may narrow `get_queryset()`, so that each tenant sees rows
of its own. Whatever page shows or changes such rows starts from there.
"""

from typing import Any

from django.contrib.admin import AdminSite
from django.db.models import Model, QuerySet
from django.http import HttpRequest


def rows_of(site: AdminSite, request: HttpRequest, model: type[Model]) -> Any:
    """Return the rows of a model as its admin on the site has them; all without one."""
    if site.is_registered(model):
        return site.get_model_admin(model).get_queryset(request)
    rows: QuerySet[Any] = model._default_manager.all()
    return rows
