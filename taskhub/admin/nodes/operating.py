"""What is asked of nodes, from the list and from a node's page."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy

from taskhub.admin import gone
from taskhub.admin.addresses import address
from taskhub.admin.asking import ask
from taskhub.admin.done import Done
from taskhub.admin.nodes.actions import VERBS, Values, Verb
from taskhub.exceptions import TaskHubError
from taskhub.models import Node

if TYPE_CHECKING:
    _Admin = admin.ModelAdmin[Node]
else:
    _Admin = object


class Operating(_Admin):
    """Asks nodes for something, each on its own, and writes it into their history."""

    actions: Any = (
        "quiet_selected",
        "awake_selected",
        "resize_selected",
        "stop_selected",
    )

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Whether somebody may quiet, wake up, resize and stop nodes."""
        return request.user.has_perm("taskhub.operate_node")

    # On the list.

    @admin.action(
        permissions=["operate"], description=gettext_lazy("Make the selected quiet…")
    )
    def quiet_selected(self, request: HttpRequest, nodes: QuerySet[Node]) -> Any:
        return redirect(self._url(VERBS["quiet"], nodes))

    @admin.action(
        permissions=["operate"], description=gettext_lazy("Wake the selected up")
    )
    def awake_selected(self, request: HttpRequest, nodes: QuerySet[Node]) -> Any:
        self._do(request, VERBS["awake"], nodes, {})

    @admin.action(
        permissions=["operate"], description=gettext_lazy("Resize the selected…")
    )
    def resize_selected(self, request: HttpRequest, nodes: QuerySet[Node]) -> Any:
        return redirect(self._url(VERBS["resize"], nodes))

    @admin.action(
        permissions=["operate"], description=gettext_lazy("Stop the selected…")
    )
    def stop_selected(self, request: HttpRequest, nodes: QuerySet[Node]) -> Any:
        return redirect(self._url(VERBS["stop"], nodes))

    # On a node's page.

    def buttons(self, request: HttpRequest, node: Node) -> list[dict[str, Any]]:
        """Return the buttons that somebody sees on a node's page."""
        if not self.has_operate_permission(request):
            return []
        return [
            {"name": verb.name, "label": verb.label, "url": self._url(verb, [node])}
            if verb.form is None
            else {
                "name": verb.name,
                "label": f"{verb.label}…",
                "link": self._url(verb, [node]),
            }
            for verb in VERBS.values()
            if verb.suits(node)
        ]

    # What is done.

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.do_view)
        url = path("do/<slug:verb_name>/", view, name="taskhub_node_do")
        return [url, *super().get_urls()]

    def do_view(self, request: HttpRequest, verb_name: str) -> HttpResponse:
        """Ask what has to be known (GET), and ask it of the nodes (POST)."""
        verb = VERBS.get(verb_name)
        if verb is None:
            raise Http404
        if not (
            self.has_operate_permission(request) and self.has_view_permission(request)
        ):
            raise PermissionDenied
        names = [each for each in request.GET.getlist("name") if "\0" not in each]
        nodes = list(self.get_queryset(request).filter(pk__in=names))
        if not nodes:
            return gone.to_list(self, request)
        given = request.POST if request.method == "POST" else None
        form = verb.form(given) if verb.form else None
        if given is None or (form is not None and not form.is_valid()):
            return self._ask(request, verb, nodes, form)
        self._do(request, verb, nodes, form.cleaned_data if form else {})
        return redirect(address(self.admin_site, "node_changelist"))

    def _ask(
        self, request: HttpRequest, verb: Verb, nodes: list[Node], form: Any
    ) -> HttpResponse:
        names = ", ".join(node.name for node in nodes)
        return ask(
            self,
            request,
            title=f"{verb.label}: {names}",
            original=verb.label,
            text=verb.text,
            form=form,
            button=verb.label,
            back=address(self.admin_site, "node_changelist"),
            is_dangerous=verb.is_dangerous,
        )

    def _do(
        self, request: HttpRequest, verb: Verb, nodes: Iterable[Node], values: Values
    ) -> None:
        for node in nodes:
            try:
                done = verb.do(node, values)
            except TaskHubError as error:
                # It has ended meanwhile.
                done = Done(str(error), level=messages.ERROR)
            if done.logged:
                self.log_change(request, node, done.logged)
            self.message_user(request, done.said, done.level)

    def _url(self, verb: Verb, nodes: Iterable[Node]) -> str:
        query = urlencode({"name": [node.name for node in nodes]}, doseq=True)
        return f"{address(self.admin_site, 'node_do', verb.name)}?{query}"
