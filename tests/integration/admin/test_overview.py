"""The overview: its contents, queries and permissions."""

import struct
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.urls import reverse

from taskhub import operations
from taskhub.models import PeriodicTask, QueueDepth
from taskhub.operations.metrics.rollup import sample_depths
from taskhub.operations.queues import Queue
from tests import tasks
from tests.factories import (
    NodeFactory,
    PeriodicTaskFactory,
    QuarantinedMessageFactory,
    TaskMetricsFactory,
    TaskResultFactory,
    now,
)

pytestmark = pytest.mark.django_db

OVERVIEW = "admin:taskhub_taskmetrics_changelist"
LIVE = "admin:taskhub_taskmetrics_live"


@pytest.fixture(autouse=True)
def config(configure):
    """Use the database broker."""
    return configure(broker_url="database://")


@pytest.fixture
def overview(admin_client):
    """Return a function that returns the overview."""

    def overview(**query):
        response = admin_client.get(reverse(OVERVIEW), query)
        assert response.status_code == 200
        return response.content.decode()

    return overview


@pytest.fixture
def live(admin_client):
    """Return a function that returns the JSON with which the page is updated."""

    def live(**query):
        response = admin_client.get(reverse(LIVE), query)
        assert response.status_code == 200
        return response.json()

    return live


# Contents.


def test_places_have_the_same_names_as_on_the_queue_pages(overview):
    page = overview()

    for place in ("Ready", "Scheduled", "In progress"):
        assert f"<dt>{place}</dt>" in page


def test_without_problems_the_page_says_that_all_is_well(overview):
    assert "All is well." in overview()


def test_problems_are_shown_above_the_charts(overview):
    NodeFactory(name="lost", silent=True)
    QuarantinedMessageFactory()
    PeriodicTaskFactory(name="Bills", disabled_itself=True)

    page = overview()

    assert "Node lost has been silent" in page
    assert "1 message was quarantined" in page
    assert "The schedule &#x27;Bills&#x27; has disabled itself." in page
    assert page.index("Needs attention") < page.index("data-chart=")


def write_catalogue(folder, texts):
    """Write a catalogue of German translations, as msgfmt does."""
    texts = {"": "Content-Type: text/plain; charset=UTF-8\n", **texts}
    keys = [key.encode() for key in texts]
    values = [value.encode() for value in texts.values()]
    offset, table = 28 + 16 * len(texts), []
    for text in (*keys, *values):
        table += [len(text), offset]
        offset += len(text) + 1
    count = len(texts)
    head = (0x950412DE, 0, count, 28, 28 + 8 * count, 0, 28 + 16 * count)
    path = folder / "de" / "LC_MESSAGES" / "django.mo"
    path.parent.mkdir(parents=True)
    packed = struct.pack(f"={7 + 4 * count}I", *head, *table)
    path.write_bytes(packed + b"".join(text + b"\0" for text in (*keys, *values)))


def test_problems_are_shown_in_the_language_of_the_reader(
    overview, settings, tmp_path, capsys
):
    sentence = "Node %(node)s has been silent for %(seconds).0f s."
    german = "Der Knoten %(node)s schweigt seit %(seconds).0f s."
    write_catalogue(tmp_path, {sentence: german})
    settings.LOCALE_PATHS = [tmp_path]
    settings.LANGUAGE_CODE = "de"
    NodeFactory(name="lost", silent=True)

    assert "Der Knoten lost schweigt seit" in overview()
    # The command stays in English, since monitors read its output.
    with pytest.raises(SystemExit):
        call_command("taskstatus", "--json")
    assert "Node lost has been silent" in capsys.readouterr().out


def test_metrics_of_tasks_link_to_results_and_mark_the_worst(overview):
    TaskMetricsFactory(task_path="shop.tasks.ship", successful=8, failed=2)
    TaskMetricsFactory(task_path="shop.tasks.bill", successful=1, runs={"60": 1})

    page = overview(range="6h")

    results = reverse("admin:taskhub_taskresult_changelist")
    link = f"{results}?task=shop.tasks.ship&amp;since=24h"
    assert f'<a href="{link}">ship</a>' in page
    failed = f"{results}?status=FAILED&amp;task=shop.tasks.ship&amp;since=24h"
    assert f'<a href="{failed}">2</a>' in page
    assert "20.0 %" in page
    ship, bill = page.index(">ship</a>"), page.index(">bill</a>")
    assert ship < page.index(">fails most<") < bill < page.index(">slowest<")


def test_a_single_task_is_not_marked_as_the_worst(overview):
    TaskMetricsFactory(failed=1)

    page = overview()

    assert ">fails most<" not in page
    assert ">slowest<" not in page


def test_charts_have_lines_and_a_summary_in_words(live, overview):
    TaskMetricsFactory(successful=3, failed=1)
    QueueDepth.objects.create(
        starts_at=now().replace(second=0, microsecond=0),
        backend="default",
        queue_name="mail",
        delayed=0,
        ready=7,
        held=0,
        oldest_seconds=90,
    )

    charts = live(range="15m")["charts"]

    throughput = charts["throughput"]
    assert len(throughput["starts"]) == 16
    assert {line["kind"]: sum(line["values"]) for line in throughput["lines"]} == {
        "failed": 1,
        "cancelled": 0,
        "successful": 3,
    }
    assert [line["label"] for line in charts["depth"]["lines"]] == ["mail"]
    assert max(filter(None, charts["age"]["lines"][0]["values"])) == 90
    page = overview(range="15m")
    assert "4 runs finished, 1 of them failed." in page
    assert "At most 7 messages waited in a queue." in page
    assert "The oldest message had waited for 1 min 30 s." in page
    assert page.count('<th scope="row">') >= 3 * 16


def test_the_depth_chart_shows_the_eight_fullest_queues(live):
    for number in range(12):
        QueueDepth.objects.create(
            starts_at=now().replace(second=0, microsecond=0),
            backend="default",
            queue_name=f"queue-{number:02}",
            delayed=0,
            ready=number,
            held=0,
        )

    lines = live()["charts"]["depth"]["lines"]

    assert [line["label"] for line in lines] == [f"queue-{n:02}" for n in range(4, 12)]
    assert len({line["kind"] for line in lines}) == 8


def test_nodes_are_shown_with_their_running_results(overview):
    NodeFactory(name="web-1")
    NodeFactory(name="web-2", is_quiet=True)
    run = TaskResultFactory(running=True, worker_ids=["web-1:2"])

    page = overview()

    assert reverse("admin:taskhub_node_change", args=["web-1"]) in page
    assert reverse("admin:taskhub_taskresult_change", args=[run.pk]) in page
    assert "Present" in page
    assert "Quiet" in page
    assert "idle, or running short tasks" in page


def test_the_next_ticks_are_shown_and_late_ones_are_marked(overview):
    PeriodicTaskFactory(name="Soon", planned=now() + timedelta(minutes=5))
    PeriodicTaskFactory(name="Overdue", planned=now() - timedelta(minutes=2))
    PeriodicTaskFactory(name="Just now", planned=now() - timedelta(seconds=30))
    PeriodicTaskFactory(name="Off", disabled=True)

    page = overview()

    ticks = page[page.index("Next runs") :]
    assert ticks.index("Overdue") < ticks.index("Soon")
    assert ticks.count(">late<") == 1
    assert ticks.index("Overdue") < ticks.index(">late<") < ticks.index("Just now")
    assert "1 schedule is late, &#x27;Overdue&#x27;" in page
    assert "Off" not in ticks


def test_a_postponed_tick_is_not_late(overview):
    row = PeriodicTaskFactory(name="Waits", planned=now() - timedelta(minutes=2))
    PeriodicTask.objects.filter(pk=row.pk).update(
        postponed_until=now() + timedelta(seconds=20)
    )

    assert ">late<" not in overview()


def test_an_unknown_range_means_one_hour(live):
    assert len(live(range="nonsense")["charts"]["throughput"]["starts"]) == 61


@pytest.mark.parametrize("name", ["15m", "1h", "6h", "24h", "72h"])
def test_each_range_can_be_viewed(overview, live, name):
    TaskMetricsFactory()

    assert f'<a href="?range={name}" aria-current="page">' in overview(range=name)
    assert "add" in live(range=name)["panels"]["tables"]


def test_html_in_names_is_escaped(overview, live):
    script = "<script>alert(1)</script>"
    TaskMetricsFactory(task_path=f"x.{script}", queue_name=script)
    QueueDepth.objects.create(
        starts_at=now().replace(second=0, microsecond=0),
        backend="default",
        queue_name=script,
        delayed=0,
        ready=1,
        held=0,
    )
    NodeFactory(name="node", queues=[script])
    TaskResultFactory(running=True, worker_ids=["node:2"], task_path=f"x.{script}")
    PeriodicTaskFactory(name=script, disabled_itself=True)

    assert script not in overview()
    assert all(script not in panel for panel in live()["panels"].values())


def test_a_paused_queue_with_waiting_results_needs_attention(overview):
    operations.queues.pause(Queue("default"), by="ada")
    TaskResultFactory(enqueued_at=now() - timedelta(minutes=10), place="ready")

    assert "Queue &#x27;default&#x27; is paused, and its results" in overview()


def test_an_unreachable_broker_needs_attention(overview, configure):
    configure(broker_url="redis://127.0.0.1:1/0")

    assert "Needs attention" in overview()


# Queries.


#: User (2), metrics (5), nodes (3), schedules (3), quarantine (1), running results (2),
#: results on hold (1), stalled tasks (1).
#: The database broker needs 4 for each of the 2 backends, and 2 for the one queue with
#: waiting messages: whether there are many, and which is the oldest.
COST = 2 + 5 + 3 + 3 + 1 + 2 + 1 + 1 + 4 * 2 + 2


def create_many_rows():
    """Create many rows of each kind that the overview shows."""
    for number in range(30):
        TaskMetricsFactory(task_path=f"shop.tasks.task_{number}", failed=1)
        NodeFactory(name=f"web-{number}")
        TaskResultFactory(running=True, worker_ids=[f"web-{number}:2"])
        PeriodicTaskFactory()
        QuarantinedMessageFactory()
    TaskResultFactory.create_batch(30, successful=True)


def test_more_rows_need_no_more_queries(
    admin_client, config, django_assert_num_queries
):
    url = reverse(LIVE)
    tasks.add.enqueue(1)
    sample_depths(config)
    with django_assert_num_queries(COST):
        admin_client.get(url)

    create_many_rows()

    with django_assert_num_queries(COST):
        admin_client.get(url)


# Permissions.


@pytest.mark.parametrize("name", [OVERVIEW, LIVE])
def test_the_overview_requires_its_permission(staff, client, name):
    assert client.get(reverse(name)).status_code == 302
    assert staff("view_taskresult").get(reverse(name)).status_code == 403


def test_the_overview_has_no_links_to_pages_without_permission(staff):
    client = staff("view_taskmetrics")
    TaskMetricsFactory()
    NodeFactory(name="web-1")
    PeriodicTaskFactory(name="Bills")

    page = client.get(reverse(OVERVIEW)).content.decode()

    assert "web-1" in page
    assert "Bills" in page
    for name in ("taskresult", "node", "periodictask"):
        assert f"/taskhub/{name}/" not in page


def test_the_app_index_links_to_the_overview(staff):
    index = reverse("admin:app_list", args=["taskhub"])
    link = f'<a class="button" href="{reverse(OVERVIEW)}">'

    client = staff("view_taskmetrics")
    assert link in client.get(index).content.decode()


def test_the_app_index_has_no_link_without_permission(staff):
    client = staff("view_taskresult")
    index = reverse("admin:app_list", args=["taskhub"])
    assert reverse(OVERVIEW) not in client.get(index).content.decode()
