"""Fixtures for all tests: brokers, settings that select one, and worker nodes."""

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import hypothesis
import pytest
from django.conf import settings as django_settings
from django.db import connection

from taskhub.brokers import get_broker
from taskhub.brokers.base import Broker
from taskhub.compat import django_tasks as compat
from taskhub.conf import Config
from taskhub.models import PeriodicTask
from tests.benches import Bench, make_bench
from tests.nodes import Node
from tests.servers import RedisServer, ServerMissing

pytest_plugins = ["taskhub.pytest_plugin"]

# No test depends on how fast a machine is.
hypothesis.settings.register_profile("default", deadline=None)
hypothesis.settings.load_profile("default")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --brokers, so that the suite can test Redis with one database only."""
    parser.addoption("--brokers", default="redis,database")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the fault tests first, since they take longest; see tests/suite.py."""
    items.sort(key=lambda item: "chaos" not in item.path.parts)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test that uses a broker on each of the chosen brokers."""
    if "broker_name" in metafunc.fixturenames:
        brokers = metafunc.config.getoption("brokers").split(",")
        if metafunc.definition.get_closest_marker("any_broker"):
            # The test does not depend on the broker: one is enough.
            brokers = brokers[:1]
        if "redis" in brokers and metafunc.definition.get_closest_marker("every_redis"):
            brokers += ["redis-tls", "redis-sentinel", "redis-cluster"]
        metafunc.parametrize("broker_name", brokers, indirect=True)


def require(url: str, what: str) -> str:
    """Return the URL of a server. If it is missing, skip the test, or fail it in CI."""
    if not url:
        reason = f"no {what}: run `make test`, or `python -m tests.servers`"
        if django_settings.CI:
            pytest.fail(reason)
        pytest.skip(reason)
    return url


@pytest.fixture(scope="session")
def django_db_setup(
    django_db_setup, django_db_blocker, django_db_keepdb
) -> Iterator[None]:
    """A database without the periodic tasks that the demo site declares."""
    with django_db_blocker.unblock():
        PeriodicTask.objects.all().delete()
    yield
    if connection.vendor == "postgresql" and not django_db_keepdb:
        with django_db_blocker.unblock():
            _close_database()


def _close_database() -> None:
    """End open connections and refuse new ones, so that the database can be dropped."""
    name = connection.settings_dict["NAME"]
    quoted = connection.ops.quote_name(name)
    connection.close()
    with connection._nodb_cursor() as cursor:
        cursor.execute(f"ALTER DATABASE {quoted} ALLOW_CONNECTIONS false")
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
            [name],
        )


@pytest.fixture
def broker_name(request: pytest.FixtureRequest) -> str:
    """The name of each chosen broker in turn."""
    return request.param


@pytest.fixture
def broker_url(broker_name) -> str:
    """The URL of each broker in turn."""
    if broker_name == "database":
        return "database://"
    name = f"{broker_name.replace('-', '_').upper()}_URL"
    return require(getattr(django_settings, name), broker_name)


@pytest.fixture
def redis_url() -> str:
    """The URL of a real Redis."""
    return require(django_settings.REDIS_URL, "Redis")


@pytest.fixture
def configure(settings) -> Iterator[Callable[..., Config]]:
    """A function that changes options of the default backend and returns its config."""

    def configure(**options: object) -> Config:
        default = settings.TASKS["default"]
        settings.TASKS = {
            **settings.TASKS,
            "default": {**default, "OPTIONS": {**default["OPTIONS"], **options}},
        }
        return compat.task_backends["default"].config

    configure(key_prefix=f"test-{uuid.uuid4().hex[:8]}")
    return configure


@pytest.fixture
def config(configure, broker_url) -> Config:
    """The config of the default backend, with each broker in turn."""
    return configure(broker_url=broker_url)


@pytest.fixture
def broker(config) -> Iterator[Broker]:
    """The broker of `config`."""
    broker = get_broker(config)
    yield broker
    broker.close()


@pytest.fixture
def bench(db, broker) -> Iterator[Bench]:
    """A bench for each broker in turn."""
    bench = make_bench(broker)
    yield bench
    bench.close()


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    """A Redis that a test may fill, flush and stop."""
    with ExitStack() as stack:
        try:
            server = stack.enter_context(RedisServer())
        except ServerMissing as reason:
            require("", str(reason))
        yield server


@pytest.fixture
def start_node(transactional_db, config, tmp_path) -> Iterator[Callable[..., Node]]:
    """A function that starts `manage.py taskworker` for `config`, as a real node."""
    nodes: list[Node] = []

    def start_node(*arguments: str, **environment: Any) -> Node:
        node = Node(
            config, tmp_path / f"node-{len(nodes)}.log", *arguments, **environment
        )
        nodes.append(node)
        return node

    yield start_node
    for node in nodes:
        node.end()


@pytest.fixture
def drain(start_node) -> Callable[..., str]:
    """A function that runs a node until its queues are empty, and returns its log."""

    def drain(*arguments: str, processes: int = 1, **environment: str) -> str:
        node = start_node(
            "--drain", f"--processes={processes}", *arguments, **environment
        )
        assert node.wait() == 0, node.log
        return node.log

    return drain


@pytest.fixture
def gate(tmp_path) -> "Gate":
    """A file that tasks wait for."""
    return Gate(tmp_path)


class Gate:
    """A file that does not exist until `open()` creates it."""

    def __init__(self, directory: os.PathLike[str]) -> None:
        self.path = os.path.join(directory, "gate")

    def open(self) -> None:
        with open(self.path, "w"):
            pass
