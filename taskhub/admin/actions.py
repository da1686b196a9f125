"""Buttons on a row's page, each a POST behind a permission of its own."""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from taskhub.admin import gone
from taskhub.admin.addresses import address, link, row_address, with_filters
from taskhub.admin.done import Done
from taskhub.admin.verbs import Verb
from taskhub.exceptions import TaskHubError

if TYPE_CHECKING:
    _Admin = admin.ModelAdmin[Any]
else:
    _Admin = object

#: So many rows are told of one by one.
_TOLD = 20


class Doing(_Admin):
    """Does what operators ask for, row by row, and writes it into the history."""

    #: What can be done, by name, in the order in which it is offered.
    verbs: ClassVar[Mapping[str, Verb[Any]]] = {}

    def do(
        self, request: HttpRequest, rows: Iterable[Any], do: Callable[[Any, str], Done]
    ) -> None:
        """Do something to rows, each on its own: what one refuses, others may do."""
        told = 0
        for row in rows:
            try:
                done = do(row, request.user.get_username())
            except (TaskHubError, ObjectDoesNotExist) as error:
                done = Done(f"“{row}”: {error}", level=messages.ERROR)
            if done.logged:
                self.log_change(request, row, done.logged)
            told += 1
            if told <= _TOLD or done.level >= messages.WARNING:
                self.message_user(request, self._said(done), done.level)
        if told > _TOLD:
            self.message_user(request, _("%d rows were dealt with.") % told)

    def _said(self, done: Done) -> str:
        if done.result is None:
            return done.said
        url = row_address(self.admin_site, done.result)
        return format_html("{}: {}.", done.said, link(url, _("its result")))

    def buttons(self, request: HttpRequest, row: Any) -> list[dict[str, Any]]:
        """Return the buttons that somebody sees on a row's page."""
        return [
            {
                "name": verb.name,
                "label": verb.label,
                "url": with_filters(
                    self, request, address(self.admin_site, self._do, row.pk, verb.name)
                ),
            }
            for verb in self.verbs.values()
            if verb.suits(row) and self._may(request, verb, row)
        ]

    def _may(self, request: HttpRequest, verb: Verb[Any], row: Any) -> bool:
        ask: Any = getattr(self, f"has_{verb.permission}_permission")
        return bool(ask(request, row)) and self.has_view_permission(request, row)

    @property
    def _do(self) -> str:
        return f"{self.opts.model_name}_do"

    def get_urls(self) -> list[Any]:
        url = path(
            "<path:object_id>/do/<slug:name>/",
            self.admin_site.admin_view(self.do_view),
            name=f"taskhub_{self._do}",
        )
        return [url, *super().get_urls()]

    @method_decorator(require_POST)
    def do_view(self, request: HttpRequest, object_id: str, name: str) -> HttpResponse:
        """Do what a button says."""
        row = self.get_object(request, unquote(object_id))
        if name not in self.verbs:
            raise Http404
        if row is None:
            return gone.to_list(self, request)
        if not self._may(request, self.verbs[name], row):
            raise PermissionDenied
        self.do(request, [row], self.verbs[name].do)
        return redirect(with_filters(self, request, row_address(self.admin_site, row)))
