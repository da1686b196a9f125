"""Two sites that share a Redis and a key_prefix by mistake."""

import os
import subprocess
import sys

import pytest
import redis
from django.conf import settings

from taskhub.management.startup import check_broker
from taskhub.models.identity import identity_of
from tests import tasks
from tests.nodes import environment
from tests.servers import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.any_broker]


@pytest.fixture
def config(configure, own_redis):
    """The default backend, on its own Redis server."""
    return configure(broker_url=own_redis.url)


@pytest.fixture
def elsewhere(config, tmp_path):
    """A function that runs a command of the other site; returns code and output."""

    def run(*command):
        done = subprocess.run(
            [sys.executable, "manage.py", *command],
            cwd=settings.BASE_DIR,
            env=os.environ
            | environment(config)
            | {"DATABASE_URL": f"sqlite:///{tmp_path / 'other.sqlite3'}"},
            capture_output=True,
            text=True,
            timeout=120,
        )
        return done.returncode, done.stdout + done.stderr

    assert run("migrate", "-v0")[0] == 0
    return run


@pytest.mark.parametrize(
    "command", [["taskworker", "--check"], ["taskworker", "--drain"], ["taskbeat"]]
)
def test_commands_refuse_queues_of_workers_of_another_database(
    start_node, elsewhere, command
):
    start_node("--processes=1")
    assert tasks.add.enqueue(1).get(timeout=30) == 1

    code, output = elsewhere(*command)

    assert code == 1
    assert "workers of another database work on queue default, mail" in output
    assert "Traceback" not in output
    assert tasks.add.enqueue(2).get(timeout=30) == 2


def test_nodes_of_one_site_share_queues_and_later_another_may_use_them(
    start_node, elsewhere
):
    first, second = start_node("--processes=1"), start_node("--processes=1")
    assert tasks.add.enqueue(1).get(timeout=30) == 1
    wait_until(lambda: "node " in first.log and "node " in second.log, "both")
    assert (first.stop(), second.stop()) == (0, 0)

    assert elsewhere("taskworker", "--check")[0] == 0


def test_a_site_with_a_new_database_takes_the_queues_over(
    start_node, elsewhere, config
):
    node = start_node("--processes=1")
    assert tasks.add.enqueue(1).get(timeout=30) == 1
    assert node.stop() == 0
    key = f"{config.options.key_prefix}:{{default}}:owner"
    with redis.Redis.from_url(config.options.broker_url) as client:
        before = client.get(key)
        assert elsewhere("taskworker", "--check") == (0, "")
        assert client.get(key) == before

        code, output = elsewhere("taskworker", "--drain", "--processes=1")

        assert code == 0, output
        assert "Workers of another database" not in output
        assert client.get(key) not in (before, None)


def test_a_worker_takes_its_queues_over_before_its_processes_join_them(config):
    """Afterwards, their leases would prevent it."""
    key = f"{config.options.key_prefix}:{{mail}}:owner"
    with redis.Redis.from_url(config.options.broker_url) as client:
        client.set(key, "somebody else")

        check_broker(config, ["mail"])
        assert client.get(key) == b"somebody else"

        check_broker(config, ["mail"], take=True)
        assert client.get(key) == identity_of("default").encode()


def test_workers_notice_that_their_queues_were_taken_over(start_node, config):
    node = start_node("--processes=1")
    assert tasks.add.enqueue(1).get(timeout=30) == 1

    with redis.Redis.from_url(config.options.broker_url) as client:
        client.set(f"{config.options.key_prefix}:{{mail}}:owner", "somebody else")

    wait_until(lambda: "Workers of another database" in node.log, "the line", 60)
    assert "the same queues: mail." in node.log
