"""`manage.py taskcontrol`: the actions of the admin, for the shell."""

import json

import pytest
from django.contrib.admin.models import LogEntry
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils.dateparse import parse_datetime

from taskhub.models import Node, PeriodicTask, QueueState, TaskResult
from taskhub.operations.queues import Queue
from tests import tasks
from tests.factories import NodeFactory, PeriodicTaskFactory, TaskResultFactory

pytestmark = pytest.mark.django_db(transaction=True)

MAIL = Queue("mail")


@pytest.fixture(autouse=True)
def config(configure):
    """The database is the broker."""
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
    assert control("queue", "pause", "mail", "--reason=A flood.") == "mail is paused."
    assert MAIL.state.is_paused
    assert MAIL.state.reason == "A flood."
    assert control("queue", "resume", "mail") == "mail is active."
    assert not MAIL.state.is_paused
    assert control("queue", "drain", "mail") == "mail was empty, and is paused."
    TaskResultFactory(queue_name="other", place="ready")
    assert (
        control("queue", "drain", "other") == "other will be paused when it is empty."
    )


def test_a_queue_of_another_backend_is_paused(control):
    control("queue", "pause", "sounds", "--backend=free")

    assert QueueState.objects.get().backend == "free"


def test_waiting_results_are_moved(control):
    tasks.send.enqueue("a")
    TaskResultFactory(queue_name="mail", task_path="gone.task", place="ready")

    said = control(
        "queue", "move", "mail", "other", "--task=tests.tasks.send", "--json"
    )
    assert json.loads(said) == {
        "noun": "queue",
        "verb": "move",
        "message": "Moved 1 from mail to other.",
        "count": 1,
    }
    # Results of a task that is not registered here can be moved, too.
    said = control(
        "queue", "move", "mail", "sounds", "--to-backend=free", "--task=gone.task"
    )
    assert said == "Moved 1 from mail to sounds."
    assert TaskResult.objects.filter(backend="free").get().queue_name == "sounds"


def test_purging_asks_for_confirmation(control, monkeypatch):
    tasks.send.enqueue("a")
    asked = []

    def answer(words):
        monkeypatch.setattr("builtins.input", lambda ask: asked.append(ask) or words)

    answer("no")
    with pytest.raises(CommandError, match="Nothing was done"):
        control("queue", "purge", "mail")
    assert MAIL.waiting.count() == 1
    assert asked == ["Cancel 1 waiting results of mail? [y/N] "]

    answer("y")
    assert control("queue", "purge", "mail") == "Cancelled 1 waiting results of mail."
    assert MAIL.waiting.count() == 0


def test_purging_without_a_terminal_needs_the_option_no_input(control, monkeypatch):
    def nobody(words):
        raise EOFError

    tasks.send.enqueue("a")
    monkeypatch.setattr("builtins.input", nobody)
    with pytest.raises(CommandError, match="Nothing was done"):
        control("queue", "purge", "mail")
    with pytest.raises(CommandError, match="with --json, give --no-input"):
        control("queue", "purge", "mail", "--json")

    said = json.loads(control("queue", "purge", "mail", "--json", "--no-input"))

    assert said["count"] == 1


# Nodes.


def test_nodes_are_made_quiet_resumed_resized_and_stopped(control):
    NodeFactory(name="web-1")
    NodeFactory(name="web-2")

    assert (
        control("node", "quiet", "web-1", "web-2")
        == "web-1, web-2 will take no new messages."
    )
    assert Node.objects.filter(is_quiet=True).count() == 2
    assert control("node", "resume", "web-1") == "web-1 will take messages again."
    assert control("node", "resize", "web-1", "4") == "web-1 will have 4 processes."
    assert control("node", "stop", "web-2") == "web-2 will stop."

    assert list(
        Node.objects.values_list("is_quiet", "wanted_processes", "is_to_stop")
    ) == [(False, 4, False), (True, None, True)]


def test_one_unknown_name_prevents_the_change_of_all_named_nodes(control):
    NodeFactory(name="web-1")

    with pytest.raises(CommandError, match="no node 'web-9'; did you mean 'web-1'"):
        control("node", "stop", "web-1", "web-9")

    assert not Node.objects.get().is_to_stop


# Results.


def test_results_are_cancelled_and_retried(control):
    waiting = tasks.add.enqueue(1)
    running = TaskResultFactory(running=True)
    failed = TaskResultFactory(failed=True)

    said = control(
        "result", "cancel", str(waiting.id), str(running.pk), "--by-force", "--json"
    )
    told = json.loads(said)
    assert (told["waiting"], told["running"]) == (1, 1)
    running.refresh_from_db()
    assert running.status == "CANCELLED"
    assert running.errors[-1]["by_force"]

    left = tasks.add.enqueue(1)
    said = control("result", "retry", str(failed.pk), str(left.id), "--per-second=2")
    assert said == "Retried: 1. Left alone, since unfinished: 1."
    failed.refresh_from_db()
    assert failed.status == "READY"


# Schedules.


def test_schedules_are_disabled_enabled_run_and_skipped(control):
    PeriodicTaskFactory(name="nightly", task_path="tests.tasks.add", args=[1])
    PeriodicTaskFactory(name="hourly", task_path="tests.tasks.add", args=[1])

    assert control("schedule", "disable", "nightly", "hourly") == "Disabled: 2."
    assert not PeriodicTask.objects.filter(enabled=True).exists()
    said = control("schedule", "skip", "nightly")
    assert said == "nightly has no run to skip."
    assert control("schedule", "enable", "nightly", "hourly") == "Enabled: 2."

    told = json.loads(control("schedule", "run", "nightly", "--json"))
    assert told["ids"] == [str(TaskResult.objects.get().pk)]

    told = json.loads(control("schedule", "skip", "nightly", "--json"))
    row = PeriodicTask.objects.get(name="nightly")
    assert row.skipped_run_count == 1
    assert list(told["skipped"]) == ["nightly"]
    assert parse_datetime(told["skipped"]["nightly"]) < row.next_run_at


def test_schedules_that_cannot_be_run_do_not_hide_those_that_were(
    control, capsys, admin_user
):
    PeriodicTaskFactory(name="good", task_path="tests.tasks.add", args=[1])
    PeriodicTaskFactory(name="gone", task_path="tests.tasks.gone")

    with pytest.raises(CommandError, match=r"gone: No task 'tests\.tasks"):
        control("schedule", "run", "gone", "good", "--by=admin")

    result = TaskResult.objects.get()
    assert capsys.readouterr().out.strip() == f"Enqueued: {result.pk}."
    assert [name for _user, name, _text in history()] == ["good"]


def test_a_schedule_that_cannot_be_read_does_not_hide_those_that_were_enabled(
    control, capsys, admin_user
):
    bad = PeriodicTaskFactory(name="bad")
    PeriodicTaskFactory(name="good")
    PeriodicTask.objects.update(enabled=False)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE taskhub_periodictask SET schedule = 'nonsense' WHERE id = %s",
            [bad.pk],
        )

    with pytest.raises(CommandError, match="bad: 'nonsense' is not a schedule"):
        control("schedule", "enable", "good", "bad", "--by=admin", "--json")

    told = json.loads(capsys.readouterr().out)
    assert (told["count"], len(told["errors"])) == (1, 1)
    assert [name for _user, name, _text in history()] == ["good"]


# The history of the admin.


def test_changes_are_written_to_the_history_of_the_named_user(control, admin_user):
    NodeFactory(name="web-1")
    row = TaskResultFactory(failed=True)

    control("queue", "pause", "mail", "--by=admin", "--reason=A flood.")
    control("node", "stop", "web-1", "--by=admin")
    control("result", "retry", str(row.pk), "--by=admin")
    control("queue", "move", "other", "mail", "--by=admin")

    assert history() == [
        ("admin", "mail", "mail is paused. A flood."),
        ("admin", "web-1", "web-1 will stop."),
        ("admin", str(row), "Retried: 1."),
        ("admin", "other", "Moved 0 from other to mail."),
    ]
    assert MAIL.state.changed_by == "admin"


def test_without_a_user_there_is_no_history(control):
    control("queue", "pause", "mail")

    assert history() == []
    assert MAIL.state.changed_by


# Errors.


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["queue", "puase", "mail"], "There is no verb 'puase'; did you mean 'pause'?"),
        (["queue", "pause", "mial"], "has no queue 'mial'; did you mean 'mail'?"),
        (
            ["queue", "pause", "mail", "--backend=fre"],
            "'fre' in TASKS; did you mean 'free'?",
        ),
        (["queue", "pause", "mail", "other"], "unrecognized arguments: other"),
        (["qeue", "pause", "mail"], "invalid choice: 'qeue'"),
        (["queue"], "the following arguments are required: VERB"),
        ([], "the following arguments are required: NOUN"),
        (["schedule", "run", "nihtly"], "no periodic task 'nihtly'; did you mean 'ni"),
        (["queue", "move", "mail"], "arguments are required: TARGET"),
        (
            ["queue", "move", "mail", "mail"],
            "QUEUE and TARGET are both mail; name another one.",
        ),
        (
            ["queue", "move", "mail", "othr"],
            "has no queue 'othr'; did you mean 'other'?",
        ),
        (
            ["queue", "move", "mail", "other", "--task=tests.tasks.sned"],
            "No task 'tests.tasks.sned' is registered here; did you mean",
        ),
        (
            ["node", "resize", "web-1", "many"],
            "Expected a number of processes, not 'many'.",
        ),
        (["node", "resize", "web-1", "999"], "A node has 1 to 256 processes"),
        (["result", "cancel", "mail"], "'mail' is not the id of a result."),
        (
            ["result", "retry", "01a20884-d2d7-725b-9065-ae2acf415cb1"],
            "There is no result 01a20884-d2d7-725b-9065-ae2acf415cb1",
        ),
        (
            ["node", "resize", "web-1", "9" * 5_000],
            "Expected a number of processes, not '9",
        ),
        (
            ["result", "retry", "any", "--per-second=1e-308"],
            "Expected --per-second from 0.001 to 1,000,000, not",
        ),
        (["node", "stop", "\udcff"], "expected UTF-8, not '\\udcff'"),
        (["node", "stop", "web-1", "--by=\udcff"], "expected UTF-8, not '\\udcff'"),
        (
            ["queue", "pause", "mail", "--reason=\udcff"],
            "expected UTF-8, not '\\udcff'",
        ),
        (
            ["queue", "move", "mail", "other", "--task=\udcff"],
            "expected UTF-8, not '\\udcff'",
        ),
        (
            ["queue", "pause", "mail", "--by-force"],
            "unrecognized arguments: --by-force",
        ),
        (
            ["result", "retry", "x", "--per-second=0"],
            "Expected --per-second from 0.001 to 1,000,000, not 0.0.",
        ),
        (["queue", "pause", "mail", "--by=nobody"], "There is no user 'nobody'."),
        (
            ["queue", "resume", "mail", "--reason=Why"],
            "unrecognized arguments: --reason=Why",
        ),
        (
            ["queue", "purge", "mail", "--reason=Why"],
            "--reason is written into the admin's history",
        ),
        (["node", "stop", "web-1", "--reason=Why"], "name its user with --by."),
        (
            ["result", "retry", "any", "--per-second=nan"],
            "Expected --per-second from 0.001 to 1,000,000, not nan.",
        ),
    ],
)
def test_an_invalid_command_causes_an_error_of_one_line(control, arguments, message):
    NodeFactory(name="web-1")
    PeriodicTaskFactory(name="nightly")

    with pytest.raises(CommandError) as caught:
        control(*arguments)

    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not QueueState.objects.exists()
