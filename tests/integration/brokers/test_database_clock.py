"""The database's clock, with any time zone of its sessions and of Django."""

from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.utils import timezone

from taskhub.messages import Returned
from taskhub.models import Node, TaskResult
from taskhub.models.named_leases import database_now, take_lease
from taskhub.schedules import every, once
from taskhub.writer import NotDue, claim
from tests.factories import NodeFactory, PeriodicTaskFactory, TaskResultFactory
from tests.nodes import wait_until
from tests.tasks import add

HOUR = timedelta(hours=1)
#: Time zones of database sessions, and time zones in which Django stores times.
SESSION_ZONES = ["+02:00", "-05:00"]
DATABASE_ZONES = ["America/New_York", "Asia/Kolkata"]


@contextmanager
def session_zone(zone):
    """Set the zone of the session, as on a database server in another time zone."""
    with connection.cursor() as cursor:
        cursor.execute("SET time_zone = %s", [zone])
    try:
        yield
    finally:
        connection.close()


def _keep_times_in(zone):
    # Not the proxy `connection`: the connection object itself caches its time zone.
    default = connections[DEFAULT_DB_ALIAS]
    default.settings_dict["TIME_ZONE"] = zone
    for name in ("timezone", "timezone_name"):
        vars(default).pop(name, None)
    default.ensure_timezone()


@contextmanager
def database_zone(zone):
    """Let Django store the times of this database in another zone than UTC."""
    _keep_times_in(zone)
    try:
        yield
    finally:
        _keep_times_in(None)


@pytest.fixture(params=[*SESSION_ZONES, *DATABASE_ZONES])
def zone(request, transactional_db):
    """Each of the zones that the database supports."""
    if request.param in SESSION_ZONES:
        if connection.vendor != "mysql":
            pytest.skip("Only MariaDB and MySQL return times in the server's zone.")
        with session_zone(request.param):
            yield
    else:
        with database_zone(request.param):
            yield


def test_database_now_and_named_leases_are_right_in_every_zone(zone):
    assert take_lease("anything", "me", seconds=60, using="default")
    assert abs(database_now("default") - timezone.now()) < timedelta(minutes=1)
    assert not take_lease("anything", "you", seconds=60, using="default")


def test_a_result_that_is_not_due_is_not_reserved(zone, bench):
    if not bench.broker.lives_in_rows:
        pytest.skip("Redis has a clock of its own.")
    broker, queues = bench.broker, ["default"]
    broker.join(queues, "token")
    later = add.using(run_after=timezone.now() + HOUR).enqueue(1, 2)
    past = add.using(run_after=timezone.now() - HOUR).enqueue(1, 2)

    reserved = broker.reserve(queues, limit=10, token="token")

    assert [delivery.id for delivery in reserved] == [str(past.id)]
    due_in = broker._due_in(queues, seconds=7200)
    assert timedelta(minutes=55) < due_in < timedelta(minutes=65)
    assert broker._due_in(queues, seconds=1800) is None
    assert broker.silent(queues) == set()
    assert later.id


def test_nodes_with_recent_heartbeats_are_present(zone):
    NodeFactory(last_seen_at=timezone.now())
    NodeFactory(silent=True)
    assert Node.objects.present().count() == 1
    assert Node.objects.silent().count() == 1


def test_claim_refuses_an_attempt_that_is_not_due(zone):
    row = TaskResultFactory(attempts=1, run_after=timezone.now() + HOUR)
    claimed = claim(row.to_message(), "worker-2", Returned("worker-1", died=False))
    assert isinstance(claimed, NotDue)
    assert timedelta(minutes=55) < claimed.wait < timedelta(minutes=65)


def test_the_database_sets_enqueued_at_to_the_current_time(zone):
    row = TaskResult.objects.create(task_path="tests.tasks.add", queue_name="default")
    row.refresh_from_db()
    assert abs(row.enqueued_at - timezone.now()) < timedelta(minutes=1)


@pytest.mark.parametrize(
    "variables",
    [
        *({"TASKHUB_SESSION_ZONE": zone} for zone in SESSION_ZONES),
        {"TASKHUB_DATABASE_ZONE": "America/New_York"},
    ],
    ids=str,
)
@pytest.mark.any_broker
def test_a_node_and_its_beat_run_only_due_tasks(start_node, variables):
    zone = variables.get("TASKHUB_DATABASE_ZONE")
    if zone is None and connection.vendor != "mysql":
        pytest.skip("Only MariaDB and MySQL return times in the server's zone.")
    with database_zone(zone):
        far = PeriodicTaskFactory(schedule=once(timezone.now() + HOUR))
        near = PeriodicTaskFactory(schedule=every(seconds=1))
        late = add.using(run_after=timezone.now() + HOUR).enqueue(1, 2)
        soon = add.using(run_after=timezone.now() + timedelta(seconds=1)).enqueue(3, 4)
        start_node(
            "--beat",
            "--processes=1",
            DJANGO_SETTINGS_MODULE="tests.site_settings.zoned",
            **variables,
        )

        rows = TaskResult.objects.all()
        wait_until(
            lambda: (
                rows.successful().filter(pk=soon.id).exists()
                and rows.successful().filter(periodic_task=near).count() >= 2
            ),
            "what is due",
        )
        assert rows.ready().filter(pk=late.id).exists()
        assert not rows.filter(periodic_task=far).exists()
        assert Node.objects.present().count() == 1
