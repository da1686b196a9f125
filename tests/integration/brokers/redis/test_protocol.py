"""Which protocol is spoken with Redis, whatever the version of redis-py."""

import pytest

from tests import tasks
from tests.conftest import require
from tests.redis_servers import OlderServer
from tests.servers import ServerMissing

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def config(configure):
    """The default backend, on a server that knows no HELLO."""
    try:
        OlderServer().find()
    except ServerMissing as reason:
        require("", str(reason))
    with OlderServer() as server:
        yield configure(broker_url=server.url)


def test_a_node_works_with_a_server_that_knows_no_newer_protocol(drain):
    result = tasks.add.enqueue(1, b=2)

    drain()

    assert result.get(timeout=0) == 3
