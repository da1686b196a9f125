"""Status: the command, the health probes and the admin pages of nodes."""

import http.client
import json
import os
import socket
import urllib.error
import urllib.request
from contextlib import suppress
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.urls import reverse
from django.utils import timezone

from taskhub.beat.batch import Batch
from taskhub.models import Node, PeriodicTask
from taskhub.operations.schedules.beats import record_beat
from taskhub.operations.status import read_status
from taskhub.worker.steward.health import Health
from tests import tasks
from tests.factories import (
    PeriodicTaskFactory,
    QuarantinedMessageFactory,
    TaskResultFactory,
    now,
)
from tests.servers import free_port, wait_until


def make_node(**fields: object) -> Node:
    values = {
        "name": "node-1",
        "backend": "default",
        "host": "here",
        "pid": 1,
        "queues": ["default"],
        "processes": 1,
        "threads": 1,
        "async_tasks": 100,
        "version": "1.0",
        "workers": [{"token": "node-1-0", "pid": 2, "memory_mib": 30}],
        "memory_mib": 60,
        "started_at": now(),
        "last_seen_at": now(),
    }
    return Node.objects.create(**values | fields)


@pytest.fixture
def _embedded(db, configure):
    configure(broker_url="database://")


embedded = pytest.mark.usefixtures("_embedded")


# What needs attention.


@embedded
def test_the_command_says_that_all_is_well(capsys):
    make_node()
    PeriodicTaskFactory()
    tasks.add.enqueue(1)

    with pytest.raises(SystemExit) as ended:
        call_command("taskstatus")

    assert ended.value.code == 0
    printed = capsys.readouterr().out
    assert "All is well." in printed
    assert "node-1" in printed


@embedded
def test_results_that_have_waited_for_long_need_attention():
    TaskResultFactory(place="ready", enqueued_at=now() - timedelta(hours=1))

    (worry,) = read_status().needs_attention

    assert "No node works for queue 'default'" in worry
    make_node()
    (worry,) = read_status().needs_attention
    assert "Results in queue 'default' have waited for 36" in worry


@embedded
def test_a_silent_node_needs_attention():
    make_node(last_seen_at=now() - timedelta(minutes=5))

    (worry,) = read_status().needs_attention

    assert "Node node-1 has been silent for 300 s." in worry


@embedded
def test_quarantined_messages_need_attention_for_a_day():
    QuarantinedMessageFactory()
    QuarantinedMessageFactory(quarantined_at=now() - timedelta(days=2))

    (worry,) = read_status().needs_attention

    assert "1 message was quarantined" in worry


@embedded
def test_schedules_that_are_late_or_disabled_by_errors_need_attention():
    PeriodicTaskFactory(name="late", planned=timezone.now() - timedelta(minutes=5))
    disabled = PeriodicTaskFactory(name="disabled")
    disabled.disable("It failed.")
    disabled.save()
    PeriodicTaskFactory(enabled=False)

    worries = read_status().needs_attention

    assert "The schedule 'disabled' has disabled itself." in worries
    assert (
        "1 schedule is late, 'late': no beat is running; start taskbeat, or a "
        "taskworker with --beat." in worries
    )
    assert PeriodicTask.objects.count() == 3


@pytest.mark.django_db
def test_a_broker_that_is_away_needs_attention(configure):
    configure(broker_url=f"redis://127.0.0.1:{free_port()}/0")

    worries = read_status().needs_attention

    assert any("Cannot reach Redis" in worry for worry in worries)


@embedded
def test_the_command_prints_json_for_monitors(capsys):
    QuarantinedMessageFactory()

    with pytest.raises(SystemExit) as ended:
        call_command("taskstatus", "--json")

    assert ended.value.code == 1
    status = json.loads(capsys.readouterr().out)
    assert status["queues"][0]["name"] == "default"
    assert len(status["needs_attention"]) == 1


@embedded
def test_reading_the_status_takes_few_queries(django_assert_max_num_queries):
    for number in range(20):
        make_node(name=f"node-{number}")

    with django_assert_max_num_queries(40):
        read_status()


# Probes.


def ask(port: int, path: str) -> tuple[int, dict]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


@pytest.mark.django_db(transaction=True)
def test_a_node_answers_probes(start_node):
    port = free_port()
    node = start_node("--processes=1", f"--health-port={port}")

    def is_ready() -> bool:
        try:
            return ask(port, "/ready")[0] == 200
        except OSError:
            return False

    wait_until(is_ready, "the node to be ready")
    assert ask(port, "/live") == (200, {"reasons": []})
    assert ask(port, "/metrics")[0] == 404
    assert node.stop() == 0


@pytest.mark.django_db(transaction=True)
@pytest.mark.any_broker
def test_probes_limit_connections_and_support_ipv6_and_head(start_node):
    port = free_port()
    node = start_node("--processes=1", f"--health-port={port}", "--health-host=::")
    wait_until(node.children, "the steward")
    wait_until(lambda: ask(port, "/live")[0] == 200, "the probes")
    steward = node.children()[0]
    before = len(os.listdir(f"/proc/{steward}/fd"))

    slow = [socket.create_connection(("::1", port)) for _ in range(300)]
    for each in slow:
        with suppress(OSError):
            each.sendall(b"G")

    # The host :: includes 127.0.0.1.
    assert ask(port, "/live") == (200, {"reasons": []})
    assert len(os.listdir(f"/proc/{steward}/fd")) < before + 100
    head = http.client.HTTPConnection("::1", port)
    head.request("HEAD", "/live")
    answer = head.getresponse()
    assert (answer.status, answer.read()) == (200, b"")
    # The node closes connections that have sent no request in time.
    slow[-1].settimeout(30)
    with suppress(ConnectionError):
        assert slow[-1].recv(1) == b""
    for each in slow:
        each.close()
    assert node.children()[0] == steward
    assert "Traceback" not in node.log


def can_connect(address) -> bool:
    try:
        socket.create_connection(address).close()
    except OSError:
        return False
    return True


@pytest.mark.django_db
@pytest.mark.any_broker
def test_a_port_for_probes_that_is_in_use_causes_an_error_of_one_line(start_node):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        node = start_node("--processes=1", f"--health-port={port}")
        assert node.wait() == 1

    assert f"Cannot answer probes on 127.0.0.1 port {port}" in node.log
    assert node.log.count("\n") == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(
    connection.vendor != "postgresql", reason="only PostgreSQL has LOCK TABLE"
)
def test_a_node_stays_live_but_is_not_ready_while_the_database_hangs(
    start_node, configure
):
    configure(broker_url="database://")
    port = free_port()
    start_node(
        "--processes=1", f"--health-port={port}", TASKHUB_BROKER_URL="database://"
    )
    wait_until(lambda: can_connect(("127.0.0.1", port)), "the probes")
    wait_until(lambda: ask(port, "/ready")[0] == 200, "the node to be ready")

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("LOCK TABLE taskhub_lease IN ACCESS EXCLUSIVE MODE")
        silent = "The broker does not answer."
        wait_until(lambda: silent in ask(port, "/ready")[1]["reasons"], "the silence")

        assert ask(port, "/live") == (200, {"reasons": []})


def test_health_tells_why_a_node_is_not_live_or_not_ready(monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr(
        "taskhub.worker.steward.health.time.monotonic", lambda: clock[0]
    )
    living = [2]
    health = Health(lambda: 2, lambda: living[0])
    assert health.reasons_not_to_live() == []
    assert len(health.reasons_not_to_be_ready()) == 2

    health.broker_has_answered()
    health.database_has_answered()
    assert health.reasons_not_to_be_ready() == []

    living[0] = 0
    assert health.reasons_not_to_be_ready() == ["None of 2 processes is there."]

    clock[0] += 16
    assert health.reasons_not_to_live() == ["The steward is stuck."]
    assert len(health.reasons_not_to_be_ready()) == 4


# Nodes.


@pytest.mark.django_db(transaction=True)
def test_a_node_writes_its_row_and_deletes_it_at_its_end(start_node, gate):
    result = tasks.wait_for_gate.enqueue("a", gate.path)
    node = start_node("--processes=2", "--queues=default,mail")

    wait_until(
        lambda: any(len(row.workers) == 2 for row in Node.objects.all()), "its row"
    )

    row = Node.objects.get()
    assert row.pid == node.process.pid
    assert (row.queues, row.processes) == (["default", "mail"], 2)
    assert {each["pid"] for each in row.workers} <= set(node.children())
    assert row.memory_mib > 0
    gate.open()
    result.get(timeout=30)
    assert result.row.worker_ids[-1] in row.tokens
    assert node.stop() == 0
    assert not Node.objects.exists()


@embedded
def test_the_pages_of_nodes_show_running_tasks(
    admin_client, django_assert_max_num_queries
):
    make_node()
    make_node(name="gone", last_seen_at=now() - timedelta(hours=1))
    TaskResultFactory(running=True, worker_ids=["node-1-0"])

    with django_assert_max_num_queries(12):
        page = admin_client.get(reverse("admin:taskhub_node_changelist"))

    text = page.content.decode()
    assert "Present" in text
    assert "Silent" in text
    assert ">add</a>" in text
    detail = admin_client.get(reverse("admin:taskhub_node_change", args=["node-1"]))
    assert "node-1-0" in detail.content.decode()


@pytest.mark.django_db
def test_the_status_says_why_schedules_are_late(configure):
    configure(broker_url="database://")
    late = timezone.now() - timedelta(minutes=5)
    PeriodicTaskFactory(name="gone", task_path="tests.tasks.gone", planned=late)
    PeriodicTaskFactory(name="refused", planned=late)
    record_beat("web-1:42")
    # A beat has processed one of the schedules.
    Batch(timezone.now()).process([PeriodicTask.objects.get(name="gone").pk])

    worries = read_status().needs_attention

    assert any(
        "'gone': No task 'tests.tasks.gone' is registered here" in each
        for each in worries
    )
    assert (
        "1 schedule is late, 'refused': the beat web-1:42 is running; see its log."
        in (worries)
    )
