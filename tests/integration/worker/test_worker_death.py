"""
What a worker's death means for tasks that must not be run twice unnoticed.

Invariant: of a task with on_worker_death="fail" or "hold", an attempt begins only if no
earlier attempt was begun whose outcome is unknown, or if a person has decided so.
"""

from datetime import timedelta
from uuid import UUID

import pytest
from django.contrib.admin.models import LogEntry
from django.core.management import call_command

from taskhub import operations
from taskhub.compat import django_tasks as compat
from taskhub.exceptions import OnHold, ResultTimeout, WorkerDied
from taskhub.messages import Returned
from taskhub.models import Status, TaskMetrics, TaskResult
from taskhub.operations.results.lifecycle import push_rows
from taskhub.operations.status import read_status
from taskhub.writer import NotDue, claim, write_outcomes
from taskhub.writer.attempts import Outcome
from taskhub.writer.given_back import write_deaths
from tests import death_tasks
from tests.factories import TaskResultFactory, now
from tests.integration.admin.results.pages import LIST, change, do, spans, text_of
from tests.models import Trace
from tests.servers import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def class_of(error):
    return f"{error.__module__}.{error.__qualname__}"


def wait_for(result, status):
    wait_until(lambda: result.row.status == status, f"{status} of {result}")
    return result.row


HOLDING = [
    death_tasks.charge_or_hold,
    death_tasks.acharge_or_hold,
    death_tasks.charge_without_row,
]


def test_a_task_fails_when_its_worker_has_died(start_node):
    result = death_tasks.charge_or_fail.enqueue("a")
    start_node("--processes=1")

    row = wait_for(result, Status.FAILED)

    assert Trace.labels() == ["a"]
    assert row.errors[-1]["exception_class_path"] == class_of(WorkerDied)
    assert "may have done its work" in row.errors[-1]["message"]


@pytest.mark.parametrize("task", HOLDING, ids=lambda task: task.name)
def test_a_result_is_on_hold_when_its_worker_has_died(start_node, task):
    result = task.enqueue("a")
    node = start_node("--processes=1")
    wait_until(lambda: TaskResult.objects.on_hold().exists(), "the hold")

    row = result.row
    assert Trace.labels() == ["a"]
    assert row.finished_at is None
    assert row.errors[-1]["exception_class_path"] == class_of(OnHold)
    assert "is on hold: " in node.log
    # It is not finished.
    with pytest.raises(ResultTimeout):
        result.get(timeout=0.1)
    assert task.get_result(result.id).status == compat.TaskResultStatus.READY
    assert not TaskMetrics.objects.filter(failed__gt=0).exists()


@pytest.mark.parametrize("task", HOLDING, ids=lambda task: task.name)
def test_a_person_has_it_run_again(start_node, task):
    result = task.enqueue("a")
    start_node("--processes=1")
    wait_until(lambda: TaskResult.objects.on_hold().exists(), "the hold")

    assert operations.results.retry(TaskResult.objects.all()) == 1

    wait_until(lambda: Trace.objects.count() == 2, "the second run")
    if task is death_tasks.charge_or_hold:
        # Its successful results are not kept.
        wait_until(lambda: not TaskResult.objects.exists(), "its end")
    else:
        assert result.get(timeout=60) == "a"


@pytest.mark.any_database
def test_results_behind_a_deadly_one_are_run(start_node):
    """What the dead process had reserved, and had not begun, was not begun twice."""
    results = [death_tasks.charge_or_fail.enqueue("deadly")]
    results += [death_tasks.charge.enqueue(str(number)) for number in range(5)]
    start_node("--processes=1", "--threads=1")

    wait_until(lambda: not TaskResult.objects.unfinished().exists(), "all")

    assert [each.row.status for each in results[1:]] == [Status.SUCCESSFUL] * 5
    assert sorted(Trace.labels()) == ["0", "1", "2", "3", "4", "deadly"]


@pytest.mark.any_database
@pytest.mark.parametrize(
    ("fault", "begun"), [("before_body", 0), ("before_writing", 1)]
)
def test_at_each_step_of_a_run_the_death_is_noticed(start_node, fault, begun):
    result = death_tasks.charge.enqueue("a")
    dying = start_node("--processes=1", FAULTS=fault, TASKHUB_LEASE_SECONDS="2")
    wait_until(lambda: "SIGKILL" in dying.log, "its death")
    dying.kill()
    start_node("--processes=1", TASKHUB_LEASE_SECONDS="2")

    row = wait_for(result, Status.ON_HOLD)

    assert Trace.objects.count() == begun
    assert row.errors[-1]["exception_class_path"] == class_of(OnHold)


@pytest.mark.any_database
def test_a_death_after_the_outcome_changes_nothing(start_node):
    result = death_tasks.charge.enqueue("a")
    dying = start_node(
        "--processes=1", FAULTS="before_settling", TASKHUB_LEASE_SECONDS="2"
    )
    wait_until(lambda: "SIGKILL" in dying.log, "its death")
    dying.kill()
    start_node("--processes=1", "--drain", TASKHUB_LEASE_SECONDS="2").wait()

    assert result.row.status == Status.SUCCESSFUL
    assert Trace.labels() == ["a"]


@pytest.mark.any_database
def test_a_run_that_a_stopping_node_leaves_is_on_hold(start_node, gate):
    result = death_tasks.charge_slowly.enqueue("a", gate.path)
    node = start_node("--processes=1", "--grace=1")
    wait_until(lambda: Trace.objects.exists(), "its start")
    node.stop()
    gate.open()
    start_node("--processes=1")

    row = wait_for(result, Status.ON_HOLD)

    assert Trace.labels() == ["a"]
    assert row.errors[-1]["exception_class_path"] == class_of(OnHold)


@pytest.mark.any_broker
def test_losing_the_database_is_a_failure_of_such_a_task(start_node):
    """Other tasks are run again without counting the attempt."""
    result = death_tasks.charge_and_lose_the_database.enqueue("a")
    start_node("--processes=1")

    row = wait_for(result, Status.FAILED)

    # It may have two attempts, and both count.
    assert Trace.labels() == ["a", "a"]
    assert len(row.errors) == 2


@pytest.mark.any_database
@pytest.mark.parametrize(
    ("task", "deaths"), [(death_tasks.die_once, 1), (death_tasks.die_often, 4)]
)
def test_a_task_has_its_own_limit_of_deaths(start_node, task, deaths):
    result = task.enqueue()
    start_node("--processes=1", TASKHUB_MAX_REDELIVERIES="1")

    row = wait_for(result, Status.FAILED)

    assert Trace.labels() == ["died"] * deaths
    assert row.errors[-1]["exception_class_path"] == class_of(WorkerDied)


# Claims of such tasks.

ME, OTHER = "node-1-0", "node-2-0"


def claim_always(row, worker, returned=None):
    return claim(row.to_message(), worker, returned, always_claimed=True)


@pytest.mark.any_broker
def test_a_second_message_does_not_take_a_run_from_its_worker():
    """As after Redis has returned to an older state."""
    row = TaskResultFactory()
    attempt = claim_always(row, ME)

    for returned in (None, Returned("", died=False), Returned(OTHER, died=True)):
        assert isinstance(claim_always(row, OTHER, returned), NotDue)

    done = Outcome(attempt=attempt, status=Status.SUCCESSFUL, finished_at=now())
    assert write_outcomes([done]) == 0
    assert claim_always(row, OTHER) is None


@pytest.mark.any_broker
@pytest.mark.parametrize("is_noticed", [False, True])
def test_the_attempt_after_a_death_knows_that_the_outcome_is_unknown(is_noticed):
    row = TaskResultFactory()
    assert not claim_always(row, ME).follows_unknown
    if is_noticed:
        write_deaths({row.pk: ME})

    assert claim_always(row, OTHER, Returned(ME, died=True)).follows_unknown


@pytest.mark.any_broker
def test_a_message_that_a_dead_worker_had_not_begun_is_begun():
    row = TaskResultFactory()

    attempt = claim_always(row, OTHER, Returned(ME, died=True))

    assert (attempt.number, attempt.follows_unknown, attempt.errors) == (1, False, [])


@pytest.mark.any_broker
@pytest.mark.parametrize("outcome", ["failed", "successful", "retrying", "cancelled"])
def test_an_attempt_after_a_known_outcome_is_begun(config, outcome):
    row = TaskResultFactory(
        task_path="tests.death_tasks.charge",
        **({"failed": True} if outcome in ("failed", "retrying") else {}),
        **({"successful": True} if outcome == "successful" else {}),
    )
    if outcome == "retrying":
        TaskResult.objects.filter(pk=row.pk).update(status="READY", finished_at=None)
    else:
        if outcome == "cancelled":
            claim_always(row, ME)
            operations.results.cancel(TaskResult.objects.all())
        operations.results.retry(TaskResult.objects.all())
    row.refresh_from_db()

    attempt = claim_always(row, OTHER, Returned(row.worker_ids[-1], died=False))

    assert not attempt.follows_unknown


@pytest.mark.any_broker
def test_a_result_on_hold_is_not_claimed():
    row = TaskResultFactory(status=Status.ON_HOLD, attempts=2)

    assert claim_always(row, ME) is None
    assert claim(row.to_message(), ME, Returned(OTHER, died=True)) is None


# Results on hold.


@pytest.fixture
def held():
    """A result on hold."""
    return TaskResultFactory(
        task_path="tests.death_tasks.charge",
        status=Status.ON_HOLD,
        args=["a"],
        attempts=2,
        worker_ids=[ME, OTHER],
        started_at=now(),
        last_attempted_at=now(),
        errors=[
            {
                "attempt": 2,
                "failed_at": now().isoformat(),
                "exception_class_path": class_of(OnHold),
                "message": "Its worker process ended.",
                "traceback": "",
            }
        ],
    )


def test_the_broker_gets_no_message_of_a_result_on_hold(config, bench, held):
    push_rows([held])
    if bench.broker.lives_in_rows:
        assert bench.broker.depth("default").ready == 0


@pytest.mark.parametrize(
    ("successful", "status"), [(True, Status.SUCCESSFUL), (False, Status.FAILED)]
)
@pytest.mark.any_broker
def test_a_person_says_how_it_has_ended(config, held, admin_client, successful, status):
    told = []

    def note(task_result, **kwargs):
        told.append((UUID(task_result.id), str(task_result.status)))

    compat.task_finished.connect(note)
    try:
        count = operations.results.decide(
            TaskResult.objects.all(), successful=successful, reason="The bank says so."
        )
        again = operations.results.decide(TaskResult.objects.all(), successful=True)
    finally:
        compat.task_finished.disconnect(note)

    assert (count, again) == (1, 0)
    held.refresh_from_db()
    assert held.status == status
    assert held.finished_at is not None
    assert held.errors[-1]["message"].endswith("The bank says so.")
    assert bool(held.cause) is not successful
    # The time on hold is no run.
    assert (held.waited, held.ran) == (None, None)
    assert TaskResult.objects.stats().longest_run is None
    assert spans(text_of(admin_client.get(change(held))))[-1] == "On hold"
    assert told == [(held.pk, status)]
    (metrics,) = TaskMetrics.objects.all()
    assert (metrics.successful, metrics.failed) == (successful, not successful)


@pytest.mark.any_broker
def test_a_result_on_hold_is_cancelled_as_one_that_waits(config, held, admin_client):
    cancelled = operations.results.cancel(TaskResult.objects.all())

    assert (cancelled.waiting, cancelled.running) == (1, 0)
    held.refresh_from_db()
    assert (held.status, held.ran) == (Status.CANCELLED, None)
    assert TaskResult.objects.stats().longest_run is None
    assert spans(text_of(admin_client.get(change(held))))[-1] == "On hold"


@pytest.mark.any_broker
def test_results_on_hold_count_as_unfinished(config, held):
    results = TaskResult.objects.all()

    assert results.unfinished().count() == 1
    assert not results.finished().exists()
    assert not results.in_line().exists()
    assert (results.stats().on_hold, results.stats().unfinished) == (1, 1)
    assert list(operations.results.Selection(status="ON_HOLD").results()) == [held]


@pytest.mark.any_broker
def test_results_on_hold_need_attention(config, held, admin_client):
    status = read_status()

    assert status.on_hold == 1
    assert any("1 result is on hold" in each for each in status.needs_attention)
    assert "On hold" in text_of(admin_client.get(f"{LIST}?status=ON_HOLD"))
    progress = operations.results.read_progress(held.pk)
    assert (progress["label"], progress["percent"]) == ("On hold", 0)
    assert not progress["is_over"]


@pytest.mark.any_broker
@pytest.mark.parametrize(
    ("button", "status"),
    [
        ("mark-successful", Status.SUCCESSFUL),
        ("mark-failed", Status.FAILED),
        ("retry", Status.READY),
        ("cancel", Status.CANCELLED),
    ],
)
def test_the_page_has_a_button_for_each_decision(
    config, held, admin_client, button, status
):
    assert do(held, button) in text_of(admin_client.get(change(held)))

    admin_client.post(do(held, button), follow=True)

    held.refresh_from_db()
    assert held.status == status
    assert LogEntry.objects.count() == 1
    # The other decisions are for results on hold.
    if button != "retry":
        text = text_of(admin_client.get(change(held)))
        assert do(held, "mark-failed") not in text


@pytest.mark.any_broker
def test_the_shell_has_a_verb_for_each_decision(config, held, capsys):
    other = TaskResultFactory(failed=True)

    call_command(
        "taskcontrol", "result", "mark-successful", str(held.pk), str(other.pk)
    )

    held.refresh_from_db()
    assert held.status == Status.SUCCESSFUL
    said = capsys.readouterr().out
    assert "Marked as successful: 1. Left alone, since not on hold: 1." in said


@pytest.mark.any_broker
def test_a_zombie_cannot_end_a_result_on_hold(config):
    row = TaskResultFactory(task_path="tests.death_tasks.charge")
    zombie = claim_always(row, ME)
    attempt = claim_always(row, OTHER, Returned(ME, died=True))
    held = Outcome(attempt=attempt, status=Status.ON_HOLD, finished_at=now())
    assert write_outcomes([held]) == 0

    done = Outcome(attempt=zombie, status=Status.SUCCESSFUL, finished_at=now())

    assert write_outcomes([done]) == 1
    assert TaskResult.objects.get().status == Status.ON_HOLD


# Stalled tasks.


@pytest.mark.any_broker
def test_a_task_without_progress_needs_attention(start_node, gate, admin_client):
    result = death_tasks.report_and_stall.enqueue(gate.path)
    start_node("--processes=1")
    wait_until(lambda: result.row.progress, "its progress")
    wait_until(operations.results.stalled_runs, "the stall")

    (run,) = operations.results.stalled_runs()
    assert str(run.id) == result.id
    reported = result.row.progress["at"]
    assert run.since.isoformat() == reported
    (sentence,) = (
        each for each in read_status().needs_attention if "has stalled" in each
    )
    assert "tests.death_tasks.report_and_stall" in sentence
    assert "no progress for" in text_of(admin_client.get(change(result.row)))
    assert "no progress for" in text_of(admin_client.get(LIST))
    gate.open()
    result.get(timeout=60)
    assert operations.results.stalled_runs() == []


@pytest.mark.any_broker
@pytest.mark.parametrize("at", [None, 3, "yesterday", "2026-01-01T00:00:00"])
def test_an_odd_time_of_progress_counts_as_none(at):
    started = now() - timedelta(seconds=5)
    TaskResultFactory(
        running=True,
        task_path="tests.death_tasks.report_and_stall",
        enqueued_at=started,
        progress={"done": 1, "at": at},
    )

    (run,) = operations.results.stalled_runs()

    assert run.since == started


@pytest.mark.any_broker
def test_no_query_is_made_if_no_task_can_stall(monkeypatch, django_assert_num_queries):
    from taskhub.operations.results import stalled

    monkeypatch.setattr(stalled, "registered_tasks", dict)

    with django_assert_num_queries(0):
        assert operations.results.stalled_runs() == []
