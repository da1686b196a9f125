"""The protocol RESP2, which is used with every version of redis-py."""

import pytest

from tests import tasks
from tests.conftest import require
from tests.redis_servers import OlderServer
from tests.servers import ServerMissing

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def config(configure):
    """The default backend, on a server without the command HELLO."""
    try:
        OlderServer().find()
    except ServerMissing as reason:
        require("", str(reason))
    with OlderServer() as server:
        yield configure(broker_url=server.url)


def test_a_node_works_with_a_server_that_supports_only_resp2(drain):
    result = tasks.add.enqueue(1, b=2)

    drain()

    assert result.get(timeout=0) == 3
