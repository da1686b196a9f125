"""Several admin sites in one project: pages link only to their own site."""

import re
from html import unescape
from types import ModuleType
from urllib.parse import urljoin, urlsplit

import pytest
from django.contrib import admin
from django.contrib.admin import AdminSite
from django.urls import include, path

from taskhub import operations
from taskhub.models import (
    BulkAction,
    Node,
    PeriodicTask,
    QuarantinedMessage,
    QueueState,
    TaskMetrics,
    TaskResult,
)
from taskhub.operations.results import Selection
from tests.factories import (
    NodeFactory,
    PeriodicTaskFactory,
    QuarantinedMessageFactory,
    TaskMetricsFactory,
    TaskResultFactory,
)

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

MODELS = [
    BulkAction,
    Node,
    PeriodicTask,
    QuarantinedMessage,
    QueueState,
    TaskMetrics,
    TaskResult,
]
LINKS = re.compile(r'(?:href|action|data-url|formaction)="([^"#]*)')
ID = re.compile(r"[0-9a-f-]{36}|\d+")
#: Matches only forms sent by POST; the other forms change nothing.
FORMS = re.compile(r'<form method="post"[^>]*action="([^"]*)"')


def admin_of(model):
    return type(admin.site._registry[model])


@pytest.fixture
def mount(settings):
    """Return a function that installs the default site and a site called ops."""

    def mount(*, of_default, of_ops):
        sites = {"admin": AdminSite(name="admin"), "ops": AdminSite(name="ops")}
        for name, models in (("admin", of_default), ("ops", of_ops)):
            for model in models:
                sites[name].register(model, admin_of(model))
        urls = ModuleType("tests_urls_of_two_sites")
        urls.urlpatterns = [
            path("tasks/", include("taskhub.urls")),
            *(path(f"{name}/", site.urls) for name, site in sites.items()),
        ]
        settings.ROOT_URLCONF = urls
        return sites["ops"]

    return mount


@pytest.fixture
def busy(db):
    """Create rows so that no page is empty."""
    schedule = PeriodicTaskFactory(runs=["successful", "failed"])
    parent = TaskResultFactory(running=True, worker_ids=["node:2"])
    TaskResultFactory(parent_id=parent.pk, failed=True, cause="abc")
    TaskResultFactory(
        periodic_task=schedule, meta={"instead_of": str(parent.pk)}, failed=True
    )
    NodeFactory(name="node")
    QuarantinedMessageFactory()
    TaskMetricsFactory(failed=1)
    action = operations.results.start_bulk("retry", Selection(status="FAILED"))
    TaskResult.objects.filter(pk=parent.pk).update(bulk_action_ids=[str(action.pk)])
    operations.queues.pause(
        operations.queues.Queue("mail", "default"), by="ada", reason="late"
    )


def links_of(text, base):
    found = (urljoin(base, unescape(each)) for each in LINKS.findall(text))
    return {each for each in found if not each.startswith(("/static/", "data:"))}


def crawl(client, start):
    """Follow all links, beginning with a page; return the responses by address."""
    waiting, answers, kinds = {start}, {}, {start}
    while waiting:
        url = waiting.pop()
        response = client.get(url)
        answers[url] = response
        if response.status_code == 302:
            waiting |= {urljoin(url, response["Location"])} - answers.keys()
            continue
        if not response.get("Content-Type", "").startswith(("text/html", "applic")):
            continue
        for each in links_of(response.content.decode(), url):
            # Visit each kind of page once, not for every row and filter.
            kind = ID.sub("#", urlsplit(each).path)
            is_new = kind not in kinds and kind != "/"
            if is_new and "logout" not in kind:
                kinds.add(kind)
                waiting.add(each)
    return answers


def posts_of(answers):
    """Return the addresses to which the forms of the pages are sent."""
    return {
        urljoin(url, unescape(each))
        for url, response in answers.items()
        if response.status_code == 200
        for each in FORMS.findall(response.content.decode())
        if "logout" not in each
    }


def assert_all_within(answers, prefix):
    outside = {
        each
        for url, response in answers.items()
        if response.status_code == 200
        for each in links_of(response.content.decode(), url)
        if not each.startswith((prefix, "/tasks/"))
    }
    # Django's own "View site" link.
    assert outside <= {"/"}
    odd = {url: each.status_code for url, each in answers.items()}
    assert {*odd.values()} <= {200, 302, 405}, odd


@pytest.mark.parametrize("of_default", [[], MODELS], ids=["on ops alone", "on both"])
def test_every_page_links_only_to_its_own_site(admin_client, mount, busy, of_default):
    mount(of_default=of_default, of_ops=MODELS)

    answers = crawl(admin_client, "/ops/")

    assert_all_within(answers, "/ops/")
    # The crawl has visited every kind of page.
    seen = " ".join(answers)
    for model in MODELS:
        assert f"/ops/taskhub/{model._meta.model_name}/" in seen
    for page in ("bulk/retry", "failures", "enqueue", "history", "/do/", "backfill"):
        assert page in seen


@pytest.mark.parametrize("of_default", [[], MODELS], ids=["on ops alone", "on both"])
def test_every_form_redirects_to_its_own_site(admin_client, mount, busy, of_default):
    mount(of_default=of_default, of_ops=MODELS)
    forms = posts_of(crawl(admin_client, "/ops/"))

    for url in sorted(forms):
        response = admin_client.post(url)
        assert response.status_code in (200, 302), url
        if response.status_code == 302:
            assert response["Location"].startswith(("/ops/", "?", ".")), url
    assert len(forms) > 8


@pytest.mark.parametrize("only", MODELS, ids=lambda model: model.__name__)
def test_a_site_may_register_only_one_of_the_models(admin_client, mount, busy, only):
    mount(of_default=[], of_ops=[only])

    answers = crawl(admin_client, "/ops/")
    for url in sorted(posts_of(answers)):
        response = admin_client.post(url)
        assert response.status_code in (200, 302), url

    assert_all_within(answers, "/ops/")


def test_actions_of_a_list_stay_on_their_site(admin_client, mount, busy):
    mount(of_default=MODELS, of_ops=MODELS)
    chosen = {
        "node": (Node, ["quiet_selected", "resize_selected", "stop_selected"]),
        "periodictask": (
            PeriodicTask,
            ["run_selected", "backfill_selected", "disable_selected"],
        ),
        "taskresult": (TaskResult, ["retry_selected", "delete_selected"]),
        "quarantinedmessage": (QuarantinedMessage, ["push_selected"]),
    }

    for name, (model, actions) in chosen.items():
        pks = [*model.objects.values_list("pk", flat=True)]
        for action in actions:
            response = admin_client.post(
                f"/ops/taskhub/{name}/", {"action": action, "_selected_action": pks}
            )
            if response.status_code == 302:
                assert response["Location"].startswith("/ops/")
                response = admin_client.get(response["Location"])
            assert '"/admin/' not in response.content.decode()


def test_run_now_links_to_the_result_on_the_same_site(admin_client, mount, busy):
    mount(of_default=[], of_ops=MODELS)
    row = PeriodicTask.objects.get()

    page = admin_client.post(
        f"/ops/taskhub/periodictask/{row.pk}/do/run/", follow=True
    ).content.decode()

    result = row.results.first()
    assert f'<a href="/ops/taskhub/taskresult/{result.pk}/change/">' in page


def test_the_app_index_links_to_the_overview_only_where_it_is(
    admin_client, mount, busy
):
    mount(of_default=MODELS, of_ops=[TaskResult])

    assert "/taskmetrics/" in admin_client.get("/admin/taskhub/").content.decode()
    answer = admin_client.get("/ops/taskhub/")
    assert answer.status_code == 200
    assert "/taskmetrics/" not in answer.content.decode()
