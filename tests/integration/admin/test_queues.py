"""The pages of queues: the list, the actions and the permissions."""

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import resolve, reverse

from taskhub import operations
from taskhub.admin.queues import actions, forms
from taskhub.models import QueueState, TaskResult
from taskhub.operations.queues import Queue
from tests import tasks
from tests.factories import NodeFactory, TaskMetricsFactory, TaskResultFactory, now

pytestmark = pytest.mark.django_db

LIST = "/admin/taskhub/queuestate/"
DEFAULT, MAIL = Queue("default"), Queue("mail")


@pytest.fixture(autouse=True)
def config(configure):
    """Use the database broker."""
    return configure(broker_url="database://")


@pytest.fixture
def queues(admin_client):
    """Return a function that returns the rows of the list by queue, and the page."""

    def queues():
        response = admin_client.get(LIST)
        assert response.status_code == 200
        rows = {
            (each.queue.backend, each.queue.name): each
            for each in response.context["queues"]
        }
        return rows, response.content.decode()

    return queues


def url_of(verb, queue=MAIL):
    return reverse(
        "admin:taskhub_queuestate_do", args=[verb, queue.backend, queue.name]
    )


def do(client, verb, queue=MAIL, **values):
    """Submit the form of an action; return the page that follows."""
    response = client.post(url_of(verb, queue), values, follow=True)
    assert response.status_code == 200
    return response.content.decode()


def history():
    entries = LogEntry.objects.order_by("pk")
    return [(entry.object_repr, entry.get_change_message()) for entry in entries]


# The list.


def test_every_queue_is_listed_with_or_without_a_row(queues):
    operations.queues.pause(Queue("pictures"), by="ada", reason="The disk is full.")
    operations.queues.pause(Queue("sounds", "free"))
    QueueState.objects.create(backend="default", queue_name="gone")
    QueueState.objects.create(backend="gone", queue_name="default")

    rows, page = queues()

    assert list(rows) == [
        ("default", "default"),
        ("default", "mail"),
        ("default", "other"),
        ("default", "pictures"),
        ("free", "default"),
        ("free", "sounds"),
    ]
    assert page.count(">Paused<") == 2
    assert "By ada." in page
    assert "The disk is full." in page


def test_the_list_counts_waiting_messages_nodes_and_finished_results(queues):
    TaskResultFactory(queue_name="mail", place="ready", enqueued_at=now())
    TaskResultFactory(
        queue_name="mail", place="ready", enqueued_at=now() - timedelta(minutes=2)
    )
    NodeFactory(queues=["mail", "default"])
    NodeFactory(queues=["mail"], silent=True)
    TaskMetricsFactory(queue_name="mail", successful=3, failed=1)

    rows, _page = queues()

    row = rows["default", "mail"]
    assert row.counts == {"ready": "2", "delayed": "0", "held": "0", "nodes": "1"}
    assert (row.finished, row.failed) == ("4", "1")
    assert rows["default", "other"].counts["ready"] == "0"


def test_an_unreachable_broker_is_shown_as_dashes(queues, configure):
    configure(broker_url="redis://127.0.0.1:1/0")

    rows, page = queues()

    assert rows["default", "mail"].counts["ready"] == "\N{EN DASH}"
    assert "The broker of the backend “default” cannot be reached." in page


def test_more_rows_need_no_more_queries(admin_client, django_assert_num_queries):
    # User (2), nodes (2), running results (1), schedules (2), quarantine (1), results
    # on hold (1), stalled tasks (1), metrics (2), states (1), and 4 for each of the 2
    # backends.
    cost = 2 + 2 + 1 + 2 + 1 + 1 + 1 + 2 + 1 + 4 * 2
    with django_assert_num_queries(cost):
        admin_client.get(LIST)

    for number in range(20):
        operations.queues.pause(Queue(f"queue-{number}", "free"))
        NodeFactory()
        TaskMetricsFactory(queue_name=f"queue-{number}")
        TaskResultFactory(successful=True)

    with django_assert_num_queries(cost):
        admin_client.get(LIST)


def test_html_in_a_reason_is_escaped(queues, admin_client):
    script = "<script>alert(1)</script>"
    do(admin_client, "pause", reason=script)

    assert script not in queues()[1]
    pk = QueueState.objects.get().pk
    for name in ("change", "history"):
        url = reverse(f"admin:taskhub_queuestate_{name}", args=[pk])
        assert script not in admin_client.get(url).content.decode()


# Actions.


def test_pause_and_resume(admin_client):
    page = do(admin_client, "pause", reason="The provider is down.")

    assert "“mail” is paused." in page
    assert MAIL.state.is_paused
    assert MAIL.state.changed_by == "admin"
    assert MAIL.state.reason == "The provider is down."
    assert "“mail” is active again." in do(admin_client, "resume")
    assert not MAIL.state.is_paused
    assert history() == [
        ("mail", "Paused. The provider is down."),
        ("mail", "Resumed."),
    ]


def test_the_buttons_depend_on_whether_the_queue_is_paused(queues):
    operations.queues.pause(MAIL)
    rows, _page = queues()

    def offered(name):
        return [each["name"] for each in rows["default", name].buttons]

    assert offered("mail") == ["resume", "move", "purge"]
    assert offered("default") == ["pause", "drain", "move", "purge"]


def test_each_button_leads_to_its_own_action_and_queue(queues):
    rows, page = queues()

    for (backend, name), row in rows.items():
        for button in row.buttons:
            url = button.get("url") or button["link"]
            found = resolve(url)
            assert found.url_name == "taskhub_queuestate_do"
            assert found.kwargs == {
                "action_name": button["name"],
                "backend": backend,
                "name": name,
            }
            assert url in page


def test_drain(admin_client):
    TaskResultFactory(queue_name="default", place="ready")

    assert "“mail” was empty, and is paused." in do(admin_client, "drain")
    page = do(admin_client, "drain", DEFAULT, reason="A migration.")

    assert "“default” will be paused as soon as it is empty." in page
    assert ">Draining<" in page
    assert history()[-1] == ("default", "Drained. A migration.")


@pytest.mark.django_db(transaction=True)
def test_move_shows_the_counts_before_it_moves(admin_client):
    tasks.send.enqueue("a")
    tasks.send.enqueue("b")
    TaskResultFactory(queue_name="mail", task_path="tests.tasks.add", place="ready")

    asked = admin_client.get(url_of("move")).content.decode()
    assert "Waiting now: 3." in asked
    assert "All waiting results: 3" in asked
    assert "tests.tasks.send: 2" in asked
    assert "other of the backend default" in asked

    values = {"target": "default/other", "task": "tests.tasks.send", "reason": "Slow."}
    page = do(admin_client, "move", **values)

    said = "Moved 2 results of tests.tasks.send from “mail” to “other of the backend "
    assert said in page
    assert Queue("other").waiting.count() == 2
    assert MAIL.waiting.count() == 1
    # The queue had no row before its first action was logged.
    assert history() == [("mail", f"{said}default”. Slow.")]


@pytest.mark.parametrize(
    "values",
    [
        {"target": "default/mail", "task": ""},
        {"target": "default/nowhere", "task": ""},
        {"target": "", "task": ""},
        {"target": "default/other", "task": "gone.task"},
    ],
)
def test_move_refuses_an_invalid_target_or_task(admin_client, values):
    TaskResultFactory(queue_name="mail", place="ready")

    page = do(admin_client, "move", **values)

    assert "errorlist" in page
    assert MAIL.waiting.count() == 1
    assert history() == []


@pytest.mark.django_db(transaction=True)
def test_purge_shows_the_count_and_requires_the_name_of_the_queue(admin_client):
    tasks.send.enqueue("a")
    tasks.send.enqueue("b")

    assert "Waiting now: 2." in admin_client.get(url_of("purge")).content.decode()
    refused = do(admin_client, "purge", name="male", reason="")
    assert "The queue&#x27;s name is “mail”; nothing was purged." in refused
    assert MAIL.waiting.count() == 2

    page = do(admin_client, "purge", name="mail", reason="Sent twice.")

    assert "Cancelled 2 waiting results of “mail”." in page
    assert TaskResult.objects.cancelled().count() == 2
    said = "Cancelled 2 waiting results of “mail”. Sent twice."
    assert history() == [("mail", said)]


def test_purging_an_empty_queue_does_nothing(admin_client):
    page = do(admin_client, "purge", name="mail", reason="")

    assert "No result is waiting." in page
    assert history() == []


@pytest.mark.parametrize(
    ("verb", "values"),
    [("purge", {"name": "mail"}), ("move", {"target": "default/other"})],
)
def test_a_queue_too_large_for_the_page_needs_the_command(
    admin_client, monkeypatch, verb, values
):
    monkeypatch.setattr(forms, "MAX_RESULTS", 2)
    monkeypatch.setattr(actions, "MAX_RESULTS", 2)
    TaskResultFactory.create_batch(3, queue_name="mail", place="ready")

    assert "more than 2" in admin_client.get(url_of(verb)).content.decode()
    page = do(admin_client, verb, **values)

    assert f"use: manage.py taskcontrol queue {verb} mail" in page
    assert MAIL.waiting.count() == 3
    assert history() == []


def test_purging_reports_an_unreachable_broker(admin_client, configure):
    TaskResultFactory(queue_name="mail")
    configure(broker_url="redis://127.0.0.1:1/0")

    page = do(admin_client, "purge", name="mail", reason="")

    assert "127.0.0.1:1" in page
    assert history() == []


def test_opening_the_page_of_an_action_does_nothing(admin_client):
    for verb in actions.ACTIONS:
        assert admin_client.get(url_of(verb)).status_code == 200

    assert not QueueState.objects.exists()
    assert history() == []


@pytest.mark.parametrize(
    "path", ["do/explode/default/mail/", "do/pause/default/mial/", "do/pause/no/mail/"]
)
def test_unknown_actions_queues_and_backends_are_not_found(admin_client, path):
    assert admin_client.post(LIST + path).status_code == 404


# Permissions.


@pytest.mark.parametrize("verb", ["pause", "resume", "drain", "move", "purge"])
def test_view_permission_shows_no_buttons_and_allows_no_actions(staff, verb):
    client = staff("view_queuestate")
    page = client.get(LIST).content.decode()

    assert "taskhub-button" not in page
    assert client.get(url_of(verb)).status_code == 403
    assert client.post(url_of(verb)).status_code == 403
    assert not QueueState.objects.exists()


def test_operate_permission_does_not_allow_purging(staff):
    client = staff("view_queuestate", "operate_queuestate")
    page = client.get(LIST).content.decode()

    assert url_of("pause") in page
    assert url_of("purge") not in page
    assert client.post(url_of("purge"), {"name": "mail"}).status_code == 403
    assert "“mail” is paused." in do(client, "pause")


def test_purge_permission_does_not_allow_pausing(staff):
    client = staff("view_queuestate", "purge_queuestate")

    assert client.post(url_of("pause")).status_code == 403
    assert "No result is waiting." in do(client, "purge", name="mail")


def test_without_view_permission_no_action_is_allowed(staff):
    client = staff("operate_queuestate", "purge_queuestate")

    assert client.get(LIST).status_code == 403
    assert client.post(url_of("pause")).status_code == 403


def test_an_action_without_a_csrf_token_is_refused(admin_user, client):
    client = type(client)(enforce_csrf_checks=True)
    client.force_login(admin_user)

    assert client.post(url_of("pause")).status_code == 403
    assert not QueueState.objects.exists()
