"""`manage.py taskcontrol`: the admin's buttons for the shell."""

import json

import pytest
from django.contrib.admin.models import LogEntry
from django.core.management import CommandError, call_command

from taskhub.models import Node, QueueState, TaskResult
from taskhub.operations.queues import Queue
from tests import tasks
from tests.factories import NodeFactory, TaskResultFactory

pytestmark = pytest.mark.django_db(transaction=True)

MAIL = Queue("mail")


@pytest.fixture(autouse=True)
def config(configure):
    """Messages wait in the database."""
    return configure(broker_url="database://")


@pytest.fixture
def control(capsys):
    """A function that calls the command, and returns what it has printed."""

    def control(*arguments):
        call_command("taskcontrol", *arguments)
        return capsys.readouterr().out.strip()

    return control


def history():
    entries = LogEntry.objects.order_by("pk")
    return [
        (str(entry.user), entry.object_repr, entry.get_change_message())
        for entry in entries
    ]


# Queues.


def test_a_queue_is_paused_drained_and_resumed(control):
    assert control("pause", "mail", "--reason=A flood.") == "mail is paused."
    assert MAIL.state.is_paused
    assert MAIL.state.reason == "A flood."
    assert control("resume", "mail") == "mail goes on."
    assert not MAIL.state.is_paused
    assert control("drain", "mail") == "mail was empty, and is paused."
    TaskResultFactory(queue_name="other", place="ready")
    assert control("drain", "other") == "other is paused when it is empty."


def test_a_queue_of_another_backend(control):
    control("pause", "sounds", "--backend=free")

    assert QueueState.objects.get().backend == "free"


def test_what_waits_is_moved(control):
    tasks.send.enqueue("a")
    TaskResultFactory(queue_name="mail", task_path="gone.task", place="ready")

    said = control("move", "mail", "other", "--task=tests.tasks.send", "--json")
    assert json.loads(said) == {
        "verb": "move",
        "names": ["mail", "other"],
        "said": "1 moved from mail to other.",
        "count": 1,
    }
    # A task that is not known here may wait there.
    said = control("move", "mail", "sounds", "--to-backend=free", "--task=gone.task")
    assert said == "1 moved from mail to sounds."
    assert TaskResult.objects.filter(backend="free").get().queue_name == "sounds"


def test_purging_asks_first(control, monkeypatch):
    tasks.send.enqueue("a")
    asked = []

    def answer(words):
        monkeypatch.setattr("builtins.input", lambda ask: asked.append(ask) or words)

    answer("no")
    with pytest.raises(CommandError, match="Nothing was done"):
        control("purge", "mail")
    assert MAIL.waiting.count() == 1
    assert asked == ["purge mail: 1 wait there. Go on? [y/N] "]

    answer("y")
    assert control("purge", "mail") == "1 cancelled that waited in mail."
    assert MAIL.waiting.count() == 0


def test_purging_without_anybody_to_ask(control, monkeypatch):
    def nobody(words):
        raise EOFError

    tasks.send.enqueue("a")
    monkeypatch.setattr("builtins.input", nobody)
    with pytest.raises(CommandError, match="Nothing was done"):
        control("purge", "mail")
    with pytest.raises(CommandError, match="with --json, give --no-input"):
        control("purge", "mail", "--json")

    said = json.loads(control("purge", "mail", "--json", "--no-input"))

    assert said["count"] == 1


# Nodes.


def test_nodes_are_asked(control):
    NodeFactory(name="web-1")
    NodeFactory(name="web-2")

    assert control("quiet", "web-1", "web-2") == "web-1, web-2 will take nothing new."
    assert Node.objects.filter(is_quiet=True).count() == 2
    assert control("awake", "web-1") == "web-1 will work again."
    assert control("resize", "web-1", "4") == "web-1 will have 4 processes."
    assert control("stop", "web-2") == "web-2 will end."

    assert list(
        Node.objects.values_list("is_quiet", "wanted_processes", "is_to_stop")
    ) == [(False, 4, False), (True, None, True)]


def test_a_slip_in_one_name_does_nothing_to_others(control):
    NodeFactory(name="web-1")

    with pytest.raises(CommandError, match="no node 'web-9'; did you mean 'web-1'"):
        control("stop", "web-1", "web-9")

    assert not Node.objects.get().is_to_stop


# Results.


def test_results_are_cancelled_and_tried_again(control):
    waiting = tasks.add.enqueue(1)
    running = TaskResultFactory(running=True)
    failed = TaskResultFactory(failed=True)

    said = control("cancel", str(waiting.id), str(running.pk), "--by-force", "--json")
    told = json.loads(said)
    assert (told["waiting"], told["running"]) == (1, 1)
    running.refresh_from_db()
    assert running.status == "CANCELLED"
    assert running.errors[-1]["by_force"]

    left = tasks.add.enqueue(1)
    said = control("retry", str(failed.pk), str(left.id), "--per-second=2")
    assert said == "To be tried again: 1. 1 had not finished, and are left alone."
    failed.refresh_from_db()
    assert failed.status == "READY"


# Who.


def test_it_is_written_into_the_history_of_who_asks(control, admin_user):
    NodeFactory(name="web-1")
    row = TaskResultFactory(failed=True)

    control("pause", "mail", "--by=admin", "--reason=A flood.")
    control("stop", "web-1", "--by=admin")
    control("retry", str(row.pk), "--by=admin")
    control("move", "other", "mail", "--by=admin")

    assert history() == [
        ("admin", "mail", "mail is paused. A flood."),
        ("admin", "web-1", "web-1 will end."),
        ("admin", str(row), "To be tried again: 1."),
        ("admin", "other", "0 moved from other to mail."),
    ]
    assert MAIL.state.changed_by == "admin"


def test_without_a_user_there_is_no_history(control):
    control("pause", "mail")

    assert history() == []
    assert MAIL.state.changed_by


# What is wrong.


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["puase", "mail"], "'puase' cannot be done; did you mean 'pause'?"),
        (["pause", "mial"], "has no queue 'mial'; did you mean 'mail'?"),
        (["pause", "mail", "--backend=fre"], "'fre' in TASKS; did you mean 'free'?"),
        (["pause", "mail", "other"], "Expected: taskcontrol pause QUEUE"),
        (["move", "mail"], "Expected: taskcontrol move QUEUE TARGET"),
        (["move", "mail", "mail"], "It is in mail already; name another queue."),
        (["move", "mail", "othr"], "has no queue 'othr'; did you mean 'other'?"),
        (
            ["move", "mail", "other", "--task=tests.tasks.sned"],
            "No task 'tests.tasks.sned' is registered here; did you mean",
        ),
        (["resize", "web-1", "many"], "Expected a number of processes, not 'many'."),
        (["resize", "web-1", "999"], "A node has from 1 to 256 processes"),
        (["cancel", "mail"], "'mail' is no id of a result."),
        (
            ["retry", "01a20884-d2d7-725b-9065-ae2acf415cb1"],
            "There is no result 01a20884-d2d7-725b-9065-ae2acf415cb1",
        ),
        (["resize", "web-1", "9" * 5_000], "Expected a number of processes, not '9"),
        (["retry", "any", "--per-second=1e-308"], "a number from 0.001 to 1,000,000."),
        (["stop", "\udcff"], "expected UTF-8, not '\\udcff'"),
        (["stop", "web-1", "--by=\udcff"], "expected UTF-8, not '\\udcff'"),
        (["pause", "mail", "--reason=\udcff"], "expected UTF-8, not '\\udcff'"),
        (["move", "mail", "other", "--task=\udcff"], "expected UTF-8, not '\\udcff'"),
        (["pause", "mail", "--by-force"], "--by-force does not go with pause."),
        (
            ["retry", "x", "--per-second=0"],
            "--per-second is a number from 0.001 to 1,000,000.",
        ),
        (["pause", "mail", "--by=nobody"], "There is no user 'nobody'."),
        (["resume", "mail", "--reason=Why"], "--reason does not go with resume."),
        (["purge", "mail", "--reason=Why"], "--reason of purge is written into the"),
        (["stop", "web-1", "--reason=Why"], "say with --by whose it is."),
        (
            ["retry", "any", "--per-second=nan"],
            "--per-second is a number from 0.001 to 1,000,000.",
        ),
    ],
)
def test_what_is_wrong_is_said_in_one_line(control, arguments, message):
    NodeFactory(name="web-1")

    with pytest.raises(CommandError) as caught:
        control(*arguments)

    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not QueueState.objects.exists()
