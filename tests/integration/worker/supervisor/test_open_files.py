"""Processes work with more open files than `select()` supports (1,024)."""

import os
import resource

import pytest
import redis
from django.db import connection

from taskhub.brokers import get_broker
from taskhub.foundation.readiness import wait_readable
from tests import tasks

pytestmark = pytest.mark.django_db(transaction=True)

MANY = 1_100


@pytest.fixture
def config(configure, broker_name, request):
    """A broker whose connections the test may close."""
    if broker_name == "database":
        return configure(broker_url="database://")
    return configure(broker_url=request.getfixturevalue("own_redis").url)


@pytest.fixture
def many_files():
    """More open files than `select()` supports, for a child process to inherit."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    if before[1] < 2 * MANY:
        pytest.skip(f"this machine allows {before[1]} open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (2 * MANY, before[1]))
    files = [os.open(os.devnull, os.O_RDONLY) for _ in range(MANY)]
    yield files
    for each in files:
        os.close(each)
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def end_connections(config) -> None:
    """Close the connections on which worker processes wait for messages."""
    if not get_broker(config).lives_in_rows:
        with redis.Redis.from_url(config.options.broker_url) as client:
            for each in client.client_list():
                if each["cmd"] == "blpop":
                    client.client_kill_filter(_id=each["id"])
    elif connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND query LIKE 'LISTEN%%'"
            )


def test_a_node_works_and_stops_with_many_open_files(start_node, config, many_files):
    node = start_node("--processes=1", pass_fds=many_files)
    first = tasks.async_add.enqueue(1)
    assert first.get(timeout=60) == 1

    end_connections(config)
    again = [tasks.add.enqueue(2), tasks.async_add.enqueue(3)]

    assert [result.get(timeout=60) for result in again] == [2, 3]
    assert again[0].row.worker_ids == first.row.worker_ids
    assert node.stop() == 0
    assert "Traceback" not in node.log


def test_waiting_for_a_closed_file_raises_an_error():
    reading, writing = os.pipe()
    assert wait_readable([reading], 0) == set()
    os.close(writing)
    assert wait_readable([reading], None) == {reading}
    os.close(reading)

    with pytest.raises(OSError, match="Bad file descriptor"):
        wait_readable([reading], None)
