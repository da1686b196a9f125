"""Exactly the committed rows are pushed, however transactions are nested."""

import pytest
from django.db import transaction
from django.test import TestCase
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taskhub import outbox
from taskhub.brokers import get_broker
from taskhub.messages import Depth
from taskhub.models import TaskResult
from tests import tasks

#: The steps of a test: enqueue a task, or enter a block with steps. The block may be
#: rolled back, and may have its own savepoint.
STEPS = st.recursive(
    st.just("enqueue"),
    lambda steps: st.tuples(st.booleans(), st.booleans(), st.lists(steps, max_size=4)),
    max_leaves=12,
)


def do(step):
    if step == "enqueue":
        tasks.add.enqueue(1)
        return
    is_rolled_back, has_savepoint, steps = step
    with transaction.atomic(savepoint=has_savepoint or is_rolled_back):
        for each in steps:
            do(each)
        if is_rolled_back:
            transaction.set_rollback(True)


@pytest.fixture
def config(configure, redis_url):
    return configure(broker_url=redis_url)


@pytest.mark.django_db(transaction=True)
def test_exactly_the_committed_rows_are_pushed(config):
    @settings(max_examples=60, suppress_health_check=list(HealthCheck))
    @given(steps=st.lists(STEPS, max_size=5), is_rolled_back=st.booleans())
    def check(steps, is_rolled_back):
        do((is_rolled_back, True, steps))

        rows = {str(pk) for pk in TaskResult.objects.ids()}
        broker = get_broker(config)
        broker.join(["default"], "test")
        held = broker.reserve(["default"], limit=100, token="test")
        assert {delivery.id for delivery in held} == rows
        broker.acknowledge("default", rows, token="test")
        TaskResult.objects.all().delete()

    check()


@pytest.mark.django_db(transaction=True)
def test_consecutive_tasks_of_a_transaction_are_pushed_together(config, monkeypatch):
    pushes = []
    monkeypatch.setattr(outbox, "push", lambda config, rows, **_: pushes.append(rows))

    with transaction.atomic():
        tasks.add.enqueue(1)
        tasks.send.enqueue("a@example.com")
        with transaction.atomic():
            tasks.add.enqueue(2)

    assert [len(rows) for rows in pushes] == [2, 1]


@pytest.mark.django_db(transaction=True)
def test_commit_hooks_of_a_site_run_in_their_order(config):
    found = []

    with transaction.atomic():
        tasks.add.enqueue(1)
        transaction.on_commit(
            lambda: found.append(get_broker(config).depth("default").ready)
        )
        tasks.add.enqueue(2)

    assert found == [1]


@pytest.mark.django_db
def test_captured_commit_hooks_push_their_tasks_in_a_test_case(config):
    tasks.add.enqueue("before")

    with TestCase.captureOnCommitCallbacks(execute=True) as callbacks:
        tasks.add.enqueue("captured")

    assert len(callbacks) == 1
    assert get_broker(config).depth("default") == Depth(ready=1)
