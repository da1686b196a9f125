"""The signals that taskhub sends when a process of a node starts and ends."""

from pathlib import Path

import pytest

from tests import tasks
from tests.nodes import Node
from tests.servers import wait_until

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.any_database,
    pytest.mark.any_broker,
]


@pytest.fixture
def tracked(tmp_path):
    path = tmp_path / "tracked"
    path.touch()
    return path


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines()


def events(path: Path, word: str) -> list[str]:
    """The role and pid of each process that has logged this event."""
    suffix = f" {word}"
    return sorted(
        line.removesuffix(suffix) for line in lines(path) if line.endswith(suffix)
    )


def test_each_process_that_starts_also_signals_its_end(start_node, tracked):
    node = start_node("--processes=2", "--beat", TRACKED=str(tracked))
    tasks.add.enqueue(1).get(timeout=30)
    wait_until(lambda: len(events(tracked, "started")) == 4, "all processes")

    assert node.stop() == 0

    began = events(tracked, "started")
    assert [line.split()[0] for line in began] == ["beat", "steward", *["worker"] * 2]
    assert events(tracked, "ending") == began, (lines(tracked), node.log)


def test_errors_buffered_by_a_process_are_sent_when_it_ends(
    start_node, tracked, settings
):
    tasks.fail.enqueue("no stock")
    # With DEBUG, Django logs task errors only to the console.
    site = {"DEBUG": "0", "SECRET_KEY": settings.SECRET_KEY}
    node = start_node("--drain", "--processes=1", TRACKED=str(tracked), **site)

    assert node.wait() == 0, node.log

    assert "ValueError: no stock" in lines(tracked)


def test_buffered_errors_are_sent_when_a_hard_limit_ends_a_process(start_node, tracked):
    result = tasks.ignore_everything.enqueue()
    node = start_node("--processes=1", TRACKED=str(tracked))
    wait_until(lambda: result.row.is_finished, "the hard limit")

    wait_until(
        lambda: any("its hard_timeout of 0.5 s" in line for line in lines(tracked)),
        "what the process kept",
    )
    assert node.stop() == 0


def test_a_separate_beat_signals_its_start_and_end(config, tmp_path, tracked):
    beat = Node(config, tmp_path / "beat.log", command="taskbeat", TRACKED=str(tracked))
    wait_until(lambda: events(tracked, "started"), "the beat", 30)

    assert beat.stop() == 0, beat.log

    assert events(tracked, "ending") == events(tracked, "started")


def test_threads_started_before_the_fork_cause_a_warning(start_node):
    node = start_node("--drain", DJANGO_SETTINGS_MODULE="tests.site_settings.threaded")

    assert node.wait() == 0, node.log

    assert "These threads were started before" in node.log
    assert "metrics-sender" in node.log


def test_threads_of_logging_queues_cause_no_warning(start_node):
    logs = {"DJANGO_SETTINGS_MODULE": "tests.site_settings.logging", "LOGS": "queue"}
    node = start_node("--drain", **logs)

    assert node.wait() == 0, node.log

    assert "These threads were started before" not in node.log
