"""What a site does in each process of a node as that begins, and as it ends."""

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
    """Which processes have begun, or ended: role and pid."""
    suffix = f" {word}"
    return sorted(
        line.removesuffix(suffix) for line in lines(path) if line.endswith(suffix)
    )


def test_each_process_that_began_tells_of_its_end(start_node, tracked):
    node = start_node("--processes=2", "--beat", TRACKED=str(tracked))
    tasks.add.enqueue(1).get(timeout=30)
    wait_until(lambda: len(events(tracked, "started")) == 4, "all processes")

    assert node.stop() == 0

    began = events(tracked, "started")
    assert [line.split()[0] for line in began] == ["beat", "steward", *["worker"] * 2]
    assert events(tracked, "ending") == began, (lines(tracked), node.log)


def test_errors_that_are_sent_at_the_end_are_sent(start_node, tracked, settings):
    tasks.fail.enqueue("no stock")
    # With DEBUG, what Django logs of tasks is for the console alone.
    site = {"DEBUG": "0", "SECRET_KEY": settings.SECRET_KEY}
    node = start_node("--drain", "--processes=1", TRACKED=str(tracked), **site)

    assert node.wait() == 0, node.log

    assert "ValueError: no stock" in lines(tracked)


def test_they_are_sent_by_a_process_that_ends_under_a_task(start_node, tracked):
    result = tasks.ignore_everything.enqueue()
    node = start_node("--processes=1", TRACKED=str(tracked))
    wait_until(lambda: result.row.is_finished, "the hard limit")

    wait_until(
        lambda: any("its hard_timeout of 0.5 s" in line for line in lines(tracked)),
        "what the process kept",
    )
    assert node.stop() == 0


def test_a_beat_of_its_own_tells_of_them_too(config, tmp_path, tracked):
    beat = Node(config, tmp_path / "beat.log", command="taskbeat", TRACKED=str(tracked))
    wait_until(lambda: events(tracked, "started"), "the beat", 30)

    assert beat.stop() == 0, beat.log

    assert events(tracked, "ending") == events(tracked, "started")


def test_threads_that_a_fork_would_not_copy_are_warned_of(start_node):
    node = start_node("--drain", DJANGO_SETTINGS_MODULE="tests.site_settings.threaded")

    assert node.wait() == 0, node.log

    assert "These threads were started before" in node.log
    assert "metrics-sender" in node.log


def test_threads_that_each_process_has_are_not_warned_of(start_node):
    logs = {"DJANGO_SETTINGS_MODULE": "tests.site_settings.logging", "LOGS": "queue"}
    node = start_node("--drain", **logs)

    assert node.wait() == 0, node.log

    assert "These threads were started before" not in node.log
