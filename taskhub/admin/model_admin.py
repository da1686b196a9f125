"""The base classes of taskhub's model admins."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils.translation import gettext as _

from taskhub.admin.actions import Action, run_row_action
from taskhub.admin.addresses import address, with_filters
from taskhub.admin.changelist import BoundedChangeList
from taskhub.admin.lookups import is_lookup_allowed, may_be_key
from taskhub.admin.paginator import BoundedPaginator
from taskhub.exceptions import InvalidOption
from taskhub.operations.results.search import read_words


class TaskHubModelAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """
    A ModelAdmin for large tables, with buttons for operators.

    The list limits the rows that it counts and pages through, and the time of a search.
    It refuses look-ups that are not its own filters, and texts that cannot be keys.
    """

    list_per_page = 50
    paginator = BoundedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    #: The buttons of a row's page, by name, in their order.
    row_actions: ClassVar[Mapping[str, Action[Any]]] = {}

    def view_path(
        self,
        route: str,
        view: Callable[..., HttpResponseBase],
        name: str,
        *decorators: Callable[..., Any],
    ) -> URLPattern:
        """Return the URL pattern of a function that takes this admin and a request."""
        bound: Any = partial(view, self)
        for decorate in decorators:
            bound = decorate(bound)
        name = f"taskhub_{self.opts.model_name}_{name}"
        pattern: URLPattern = path(route, self.admin_site.admin_view(bound), name=name)
        return pattern

    def get_urls(self) -> list[Any]:
        return [*self.action_urls(), *super().get_urls()]

    def action_urls(self) -> list[URLPattern]:
        """Return the URL patterns of `row_actions`."""
        if not self.row_actions:
            return []
        return [
            self.view_path("<path:object_id>/do/<slug:name>/", run_row_action, "do")
        ]

    def action_url(
        self, request: HttpRequest, action: Action[Any], rows: Sequence[Any]
    ) -> str:
        """Return the address of an action on `rows`, which has a single row here."""
        name = f"{self.opts.model_name}_do"
        url = address(self.admin_site, name, rows[0].pk, action.name)
        return with_filters(self, request, url)

    def name_of(self, row: Any) -> str:
        """Return the name of a row for messages."""
        return str(row)

    def lookup_allowed(
        self, lookup: str, value: Any, request: HttpRequest | None = None
    ) -> bool:
        return is_lookup_allowed(self, lookup, value, request)

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[ChangeList]:
        return BoundedChangeList

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any:
        """Return a row, or None if it does not exist or the text cannot be a key."""
        pk_field: Any = self.opts.pk
        if not may_be_key(pk_field, object_id):
            return None
        return super().get_object(request, object_id, from_field)

    def response_action(
        self,
        request: HttpRequest,
        queryset: QuerySet[Any],
        *places: Any,
        **options: Any,
    ) -> Any:
        """Run the chosen action, unless a selected text cannot be a key."""
        pk_field: Any = self.opts.pk
        selected = request.POST.getlist(ACTION_CHECKBOX_NAME)
        if all(may_be_key(pk_field, each) for each in selected):
            return super().response_action(request, queryset, *places, **options)
        self.message_user(request, _("There are no such rows."), messages.ERROR)
        return redirect(request.get_full_path())

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[Any, bool]:
        try:
            return self.search(request, queryset, search_term)
        except InvalidOption as error:
            self.message_user(request, str(error), messages.ERROR)
            return queryset.none(), False

    def search(
        self, request: HttpRequest, queryset: Any, text: str
    ) -> tuple[Any, bool]:
        """Get search results; raise InvalidOption for too many words or characters."""
        words = [f'"{phrase}"' if phrase else word for phrase, word in read_words(text)]
        return super().get_search_results(request, queryset, " ".join(words))


class ReadOnlyModelAdmin(TaskHubModelAdmin):
    """An admin without forms to add or change rows; see `may_delete` for deletion."""

    #: Whether users with the permission can delete rows.
    may_delete = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(
        self, request: HttpRequest, obj: Any | None = None
    ) -> bool:
        return False

    def has_delete_permission(
        self, request: HttpRequest, obj: Any | None = None
    ) -> bool:
        return self.may_delete and super().has_delete_permission(request, obj)
