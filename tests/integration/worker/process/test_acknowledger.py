"""The acknowledger does not change messages that were reserved again."""

from datetime import UTC, datetime

import pytest

from taskhub.models import Place, Status, TaskResult
from taskhub.writer import Attempt, Ended, Outcome
from taskhub.writer.groups import write_group
from taskhub.writer.thread.acknowledger import Acknowledger
from taskhub.writer.thread.holdings import Holdings

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.any_database]


def test_a_retry_that_was_reserved_again_is_not_delayed_again(bench, broker):
    """Another slot of the process reserves it between commit and acknowledge."""
    if not broker.lives_in_rows:
        pytest.skip("in Redis, it is reserved only after the acknowledgement")
    message_id = bench.put_one()
    bench.join("worker-1")
    (first,) = broker.reserve(["default"], limit=1, token="worker-1")
    ended = failed_first(first, "worker-1")
    write_group(outcomes=[ended.outcome], in_rows=True)
    (again,) = broker.reserve(["default"], limit=1, token="worker-1")

    acknowledger = Acknowledger(broker, "worker-1", Holdings())
    acknowledger.add([ended])
    acknowledger.acknowledge()

    row = TaskResult.objects.get(pk=message_id)
    assert again.id == message_id
    assert (row.place, row.held_by) == (Place.HELD, "worker-1")


def failed_first(delivery, token):
    """A first attempt that failed and is due for a retry at once."""
    now = datetime.now(UTC)
    attempt = Attempt.first(delivery.message, token)
    attempt.errors = [{"attempt": 1, "message": "It failed."}]
    outcome = Outcome(
        attempt=attempt, status=Status.READY, finished_at=now, retry_at=now
    )
    return Ended(delivery, outcome, due_again=now)
