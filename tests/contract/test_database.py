"""Faults that only the database broker can have."""

import pytest
from django.db import connection
from django.utils import timezone

from taskhub.brokers import get_broker
from taskhub.brokers.base import Broker
from taskhub.brokers.database.listening import Listener
from taskhub.compat import django_tasks as compat
from taskhub.exceptions import BrokerUnavailable
from taskhub.messages import Depth
from taskhub.models import Place, TaskResult
from tests import tasks
from tests.connections import cut_others, lose_connection
from tests.factories import EnvelopeFactory, TaskResultFactory, new_id

TOKEN = "worker-1"

_READ_ONLY = {
    "postgresql": "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
    "mysql": "SET SESSION TRANSACTION READ ONLY",
    "sqlite": "PRAGMA query_only = ON",
}


def refuse_writes():
    """Refuse writes, as the old primary does while another server takes over."""
    with connection.cursor() as cursor:
        cursor.execute(_READ_ONLY[connection.vendor])


@pytest.fixture
def broker(configure):
    broker = get_broker(configure(broker_url="database://"))
    yield broker
    broker.close()


@pytest.mark.parametrize(("poll_seconds", "seconds"), [(0.2, 2), (30, 30)])
def test_an_idle_worker_waits_as_long_as_poll_seconds_says(
    configure, monkeypatch, poll_seconds, seconds
):
    waits = []
    monkeypatch.setattr(
        Listener, "_sleep", lambda listener, files, timeout: waits.append(timeout)
    )
    broker = get_broker(
        configure(broker_url="database://", poll_seconds=poll_seconds, notify=False)
    )

    broker.wait(["default"], broker.idle_seconds)

    assert broker.idle_seconds == seconds
    assert waits == [poll_seconds]


def _later():
    return {str(new_id()): timezone.now()}


#: The methods of the contract that query the database.
VERBS = {
    "push": lambda broker: broker.push([EnvelopeFactory()]),
    "reserve": lambda broker: broker.reserve(["default"], limit=1, token=TOKEN),
    "reserve_from": lambda broker: broker.reserve_from("default", limit=1, token=TOKEN),
    "acknowledge": lambda broker: broker.acknowledge(
        "default", [str(new_id())], token=TOKEN
    ),
    "release": lambda broker: broker.release("default", [str(new_id())], token=TOKEN),
    "postpone": lambda broker: broker.postpone(
        "default", _later(), token=TOKEN, started=True
    ),
    "cancel": lambda broker: broker.cancel("default", [new_id()]),
    "pause": lambda broker: broker.pause("default", paused=False),
    "held": lambda broker: broker.held("default", TOKEN),
    "depth": lambda broker: broker.depth("default"),
    "is_idle": lambda broker: broker.is_idle("default"),
    "missing": lambda broker: broker.missing("default", [new_id()]),
    "join": lambda broker: broker.join(["default"], TOKEN),
    "heartbeat": lambda broker: broker.heartbeat(["default"], [TOKEN]),
    "silent": lambda broker: broker.silent(["default"]),
    "reclaim": lambda broker: broker.reclaim(["default"], TOKEN),
    "wake": lambda broker: broker.wake(["default"]),
    "check": lambda broker: broker.check(),
}
#: The methods that do not query it, and `wait`, which has its own connection.
SILENT = {"address", "close", "fingerprint", "interrupt", "wait"}
#: The methods that query it only if the database can wake waiting workers.
WAKING = {"pause", "wake"}


def test_every_method_of_the_contract_is_tested():
    assert VERBS.keys() | SILENT == Broker.__abstractmethods__ | {"reserve"}


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(
    connection.vendor == "sqlite", reason="SQLite has no connection to lose"
)
@pytest.mark.parametrize("name", VERBS)
def test_a_lost_connection_raises_once_and_is_replaced(broker, name):
    if name in WAKING and connection.vendor != "postgresql":
        pytest.skip("only PostgreSQL wakes workers")
    broker.join(["default"], TOKEN)
    lose_connection()

    with pytest.raises(BrokerUnavailable, match="Cannot use database"):
        VERBS[name](broker)

    VERBS[name](broker)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", ["reserve", "join", "heartbeat", "reclaim"])
def test_a_read_only_database_raises_once_and_is_connected_to_again(broker, name):
    TaskResultFactory(place=Place.READY)
    broker.join(["default"], TOKEN)
    refuse_writes()

    with pytest.raises(BrokerUnavailable, match="Cannot use database"):
        VERBS[name](broker)

    VERBS[name](broker)


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="only PostgreSQL listens")
def test_a_lost_listening_connection_raises_once_and_is_replaced(broker):
    broker.wait(["default"], 1)
    cut_others()

    with pytest.raises(BrokerUnavailable, match="Cannot use database"):
        # Messages of the server may arrive before the end of the connection.
        for _ in range(3):
            broker.wait(["default"], 1)

    broker.wait(["default"], 1)


@pytest.mark.django_db
def test_backends_with_equal_queue_names_do_not_share_messages(broker):
    other = get_broker(compat.task_backends["free"].config)
    mine = tasks.add.enqueue(1)
    theirs = tasks.add.using(backend="free").enqueue(2)
    for each in (broker, other):
        assert each.lives_in_rows
        each.join(["default"], f"{TOKEN}-{each.config.alias}")

    def reserve(broker):
        token = f"{TOKEN}-{broker.config.alias}"
        taken = broker.reserve(["default"], limit=10, token=token)
        return [delivery.id for delivery in taken]

    assert broker.depth("default") == other.depth("default") == Depth(ready=1)
    assert broker.cancel("default", [TaskResult.objects.get(pk=theirs.id).pk]) == set()
    assert reserve(broker) == [mine.id]
    assert reserve(other) == [theirs.id]
    assert broker.held("default", f"{TOKEN}-free") == set()
