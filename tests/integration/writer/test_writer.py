"""Writing outcomes, and the fence that refuses outdated ones."""

from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from taskhub.messages import Delivery, Returned
from taskhub.models import Place, QuarantinedMessage, Status, TaskResult
from taskhub.writer import (
    Attempt,
    Outcome,
    Progress,
    Quarantined,
    claim,
    write_cancelled,
    write_outcomes,
    write_retried,
)
from taskhub.writer.groups import mark_running, quarantine, write_progress
from tests.factories import MessageFactory, TaskResultFactory
from tests.queries import statements_for

pytestmark = pytest.mark.django_db

ME, OTHER = "worker-me", "worker-other"


#: How a message came back from its worker, ME: unfinished, or because ME has died.
LEFT, DIED = Returned(ME, died=False), Returned(ME, died=True)


def first_attempt(row, worker_id=ME):
    return Attempt.first(row.to_message(), worker_id)


def success(attempt, value="done", **fields):
    return Outcome(
        attempt=attempt,
        status=Status.SUCCESSFUL,
        finished_at=datetime.now(UTC),
        return_value=value,
        **fields,
    )


def failure(attempt, **fields):
    attempt.errors = [{"exception_class_path": "builtins.ValueError", "message": ""}]
    return Outcome(
        attempt=attempt,
        status=Status.FAILED,
        finished_at=datetime.now(UTC),
        **fields,
    )


@pytest.fixture(params=["alone", "in company"])
def write(request):
    """A function that writes an outcome, and returns how many were refused."""

    def write(outcome):
        company = TaskResultFactory.create_batch(request.param == "in company")
        others = [success(first_attempt(row, "a neighbour")) for row in company]
        return write_outcomes([outcome, *others])

    return write


def test_an_outcome_is_written_and_the_rest_of_the_row_stays(write):
    row = TaskResultFactory(
        args=[1], meta={"order": 7}, place=Place.HELD, held_by=ME, progress={"done": 1}
    )

    assert write(success(first_attempt(row))) == 0

    row.refresh_from_db()
    assert (row.status, row.return_value) == (Status.SUCCESSFUL, "done")
    assert (row.attempts, row.worker_ids) == (1, [ME])
    assert (row.args, row.meta, row.progress) == ([1], {"order": 7}, {"done": 1})
    assert (row.place, row.held_by) == (Place.NOWHERE, "")
    assert row.started_at == row.last_attempted_at <= row.finished_at


def test_a_group_of_outcomes_takes_few_queries(django_assert_max_num_queries):
    rows = TaskResultFactory.create_batch(100)
    outcomes = [success(first_attempt(row)) for row in rows]

    with django_assert_max_num_queries(3 + statements_for(100)):
        assert write_outcomes(outcomes) == 0

    assert TaskResult.objects.successful().count() == 100


@pytest.mark.parametrize("status", [Status.SUCCESSFUL, Status.FAILED, Status.CANCELLED])
def test_a_finished_row_is_not_written_again(status, write):
    row = TaskResultFactory(finished=True, status=status, return_value="first")

    assert write(success(first_attempt(row), "second")) == 1

    row.refresh_from_db()
    assert (row.status, row.return_value) == (status, "first")


def test_an_outcome_does_not_restore_a_deleted_row(write):
    row = TaskResultFactory()
    attempt = first_attempt(row)
    row.delete()

    assert write(success(attempt)) == 1

    assert not TaskResult.objects.filter(pk=attempt.message.id).exists()


def test_a_zombie_does_not_overwrite_the_attempt_that_replaced_it(write):
    row = TaskResultFactory()
    zombie = first_attempt(row)
    successor = claim(row.to_message(), OTHER, LEFT)

    assert write(success(zombie, "zombie")) == 1
    assert write(success(successor, "successor")) == 0

    row.refresh_from_db()
    assert row.return_value == "successor"
    assert (row.attempts, row.worker_ids) == (2, [ME, OTHER])


def test_a_zombie_that_was_marked_as_running_does_not_overwrite_either(write):
    row = TaskResultFactory()
    zombie = first_attempt(row)
    mark_running([zombie])
    successor = claim(row.to_message(), OTHER, LEFT)
    assert successor.number == 2

    assert write(failure(zombie)) == 1
    assert write(success(successor)) == 0

    row.refresh_from_db()
    assert (row.attempts, row.worker_ids) == (2, [ME, OTHER])
    assert row.started_at == zombie.started_at
    assert row.last_attempted_at == successor.started_at


def test_a_worker_does_not_overwrite_the_marked_attempt_of_another(write):
    """The message was delivered twice, and one run was long enough to be marked."""
    row = TaskResultFactory()
    marked, unmarked = first_attempt(row), first_attempt(row, OTHER)
    mark_running([marked])

    assert write(success(unmarked, "unmarked")) == 1
    assert write(success(marked, "marked")) == 0

    row.refresh_from_db()
    assert (row.return_value, row.worker_ids) == ("marked", [ME])


@pytest.mark.skipif(
    not connection.features.has_select_for_update, reason="SQLite does not lock rows"
)
def test_every_group_locks_its_rows_in_the_same_order():
    """Without an order, two groups with the same rows could deadlock."""
    rows = TaskResultFactory.create_batch(3)
    keys = [row.pk for row in rows]

    with CaptureQueriesContext(connection) as queries:
        write_outcomes([success(first_attempt(row)) for row in rows])
        write_retried(dict.fromkeys(keys))
        write_cancelled(keys, "no")

    locks = [each["sql"] for each in queries if "FOR UPDATE" in each["sql"]]
    assert len(locks) == 3
    # All order by the primary key; some of them name it by its position.
    orders = [
        sql.partition(" ORDER BY ")[2].partition(" FOR UPDATE")[0] for sql in locks
    ]
    quoted = map(connection.ops.quote_name, (TaskResult._meta.db_table, "id"))
    key = ".".join(quoted)
    assert {order.replace(key, "1") for order in orders} == {"1 ASC"}


def test_a_worker_does_not_overwrite_its_own_later_attempt():
    row = TaskResultFactory()
    earlier = claim(row.to_message(), ME, LEFT)
    later = claim(row.to_message(), ME, LEFT)

    assert write_outcomes([success(earlier, "earlier"), success(later, "later")]) == 1

    row.refresh_from_db()
    assert row.return_value == "later"


def test_an_attempt_that_will_be_retried_has_no_second_outcome(write):
    row = TaskResultFactory()
    attempt = claim(row.to_message(), ME, LEFT)
    attempt.errors = [{"attempt": attempt.number, "message": "no"}]
    now = datetime.now(UTC)
    retry = Outcome(attempt=attempt, status=Status.READY, finished_at=now, retry_at=now)
    assert write(retry) == 0

    assert write(retry) == 1
    assert write(failure(attempt)) == 1

    row.refresh_from_db()
    assert (row.status, row.attempts) == (Status.READY, 2)


def test_the_first_outcome_for_an_unclaimed_row_is_kept(write):
    row = TaskResultFactory()

    assert write(success(first_attempt(row, ME), "mine")) == 0
    assert write(success(first_attempt(row, OTHER), "other")) == 1

    row.refresh_from_db()
    assert row.return_value == "mine"


def test_a_result_that_a_zombie_has_finished_is_not_claimed():
    row = TaskResultFactory()
    write_outcomes([success(first_attempt(row))])

    assert claim(row.to_message(), OTHER, LEFT) is None


def test_a_claim_keeps_the_errors_of_earlier_attempts():
    errors = [{"attempt": 1, "message": "first"}]
    row = TaskResultFactory(running=True, errors=errors)

    attempt = claim(row.to_message(), OTHER, LEFT)

    assert attempt.errors == errors
    assert attempt.first_started_at == row.started_at


def test_a_claim_records_the_death_of_the_previous_worker():
    row = TaskResultFactory()

    attempt = claim(row.to_message(), OTHER, DIED)

    row.refresh_from_db()
    assert (row.attempts, row.worker_ids, attempt.deaths) == (2, [ME, OTHER], 1)
    assert row.errors[0]["exception_class_path"] == "taskhub.exceptions.WorkerDied"
    assert ME in row.errors[0]["message"]
    assert claim(row.to_message(), "worker-third", LEFT).deaths == 1
    third_died = Returned("worker-third", died=True)
    assert claim(row.to_message(), "worker-fourth", third_died).deaths == 2


def test_repeated_claims_count_the_death_of_a_worker_once():
    """A claim is repeated if its reply was lost and the message was given back."""
    row = TaskResultFactory()

    attempts = [claim(row.to_message(), OTHER, DIED) for _ in range(3)]

    assert [attempt.deaths for attempt in attempts] == [1, 1, 1]


def test_attempts_that_were_left_never_count_as_deaths():
    row = TaskResultFactory()

    attempts = [claim(row.to_message(), ME, LEFT) for _ in range(10)]

    assert [attempt.deaths for attempt in attempts] == [0] * 10
    row.refresh_from_db()
    assert (row.attempts, row.errors) == (11, [])


def test_a_zombie_does_not_overwrite_the_progress_of_its_successor():
    row = TaskResultFactory()
    zombie = first_attempt(row)
    successor = claim(row.to_message(), OTHER, DIED)

    write_progress([Progress(successor, 5, 10, "new"), Progress(zombie, 1, 10, "old")])

    row.refresh_from_db()
    assert row.progress["message"] == "new"


def test_a_deleted_row_is_not_claimed():
    row = TaskResultFactory.build()

    assert claim(row.to_message(), ME, LEFT) is None


def test_claiming_a_message_that_is_not_durable_inserts_its_row():
    message = MessageFactory(durable=False, args=[7])

    assert claim(message, ME, LEFT).number == 2
    assert claim(message, OTHER, LEFT).number == 3

    row = TaskResult.objects.get()
    assert (row.status, row.args) == (Status.RUNNING, [7])


def test_an_outcome_that_is_not_durable_inserts_its_row_once():
    attempt = Attempt.first(MessageFactory(durable=False, args=[7]), ME)

    assert write_outcomes([success(attempt, "first")]) == 0
    assert write_outcomes([success(attempt, "second")]) == 1

    row = TaskResult.objects.get()
    assert (row.args, row.return_value) == ([7], "first")


def test_a_group_may_mix_durable_outcomes_and_others():
    row = TaskResultFactory()
    fleeting = Attempt.first(MessageFactory(durable=False), ME)

    assert write_outcomes([success(first_attempt(row)), success(fleeting)]) == 0

    assert TaskResult.objects.successful().count() == 2


def test_marking_does_not_change_claimed_and_finished_rows():
    claimed, finished = TaskResultFactory(), TaskResultFactory(successful=True)
    late = [first_attempt(claimed), first_attempt(finished)]
    claim(claimed.to_message(), OTHER, LEFT)

    mark_running(late)

    claimed.refresh_from_db()
    finished.refresh_from_db()
    assert claimed.worker_ids == [ME, OTHER]
    assert finished.status == Status.SUCCESSFUL


def test_progress_is_written_only_to_unfinished_rows():
    running, finished = TaskResultFactory(), TaskResultFactory(failed=True)

    write_progress(
        Progress(first_attempt(row), done=1, total=None, message="so far")
        for row in (running, finished)
    )

    running.refresh_from_db()
    finished.refresh_from_db()
    at = datetime.fromisoformat(running.progress.pop("at"))
    assert running.enqueued_at < at <= datetime.now(UTC)
    assert running.progress == {"done": 1, "total": None, "message": "so far"}
    assert finished.progress is None


@pytest.mark.parametrize(
    ("keep", "kept"),
    [("all", {"success", "failure"}), ("errors", {"failure"}), ("none", set())],
)
def test_rows_that_are_not_kept_are_deleted(keep, kept):
    rows = {"success": TaskResultFactory(), "failure": TaskResultFactory()}

    write_outcomes(
        [
            success(first_attempt(rows["success"]), keep=keep),
            failure(first_attempt(rows["failure"]), keep=keep),
        ]
    )

    left = set(TaskResult.objects.all().ids())
    assert left == {rows[name].id for name in kept}


def test_a_bad_message_is_stored_in_quarantine():
    delivery = Delivery(id="not\udc80an id\0", queue_name="default", body=b"\x00body")

    quarantine([Quarantined(delivery, "NUL \0 in it", ME)])

    kept = QuarantinedMessage.objects.get()
    assert kept.message_id == "not\\udc80an id\\u0000"
    assert bytes(kept.body) == b"\x00body"
    assert kept.reason == "NUL \\u0000 in it"
