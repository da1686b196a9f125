"""Sentinels with TLS and their own password."""

import pytest

from taskhub.brokers import get_broker
from taskhub.exceptions import BrokerUnavailable
from tests import tasks
from tests.conftest import require
from tests.redis_servers import GuardedSentinelGroup, TlsServer
from tests.servers import ServerMissing

pytestmark = pytest.mark.django_db(transaction=True)

SENTINELS_LOGIN = "&sentinel_password=of-sentinels"


@pytest.fixture(params=[True, False], ids=["sentinel-by-tls", "plain-sentinel"])
def group(request, redis_url):
    """A server with TLS, behind a Sentinel with or without TLS."""
    try:
        TlsServer().find()
    except ServerMissing as reason:
        require("", str(reason))
    with GuardedSentinelGroup(sentinel_by_tls=request.param) as group:
        group.more = "" if request.param else "&sentinel_ssl=no"
        yield group


@pytest.fixture
def config(configure, group):
    """The default backend, behind the Sentinel."""
    return configure(broker_url=group.url + group.more + SENTINELS_LOGIN)


def test_a_node_works_behind_sentinels_with_tls_and_a_password(start_node):
    result = tasks.add.enqueue(1, b=2)
    node = start_node("--processes=1")

    assert result.get(timeout=30) == 3
    assert node.stop() == 0


def test_a_missing_sentinel_password_raises_broker_unavailable(configure, group):
    broker = get_broker(configure(broker_url=group.url + group.more))

    with pytest.raises(BrokerUnavailable, match=r"No master found.*uthenticat"):
        broker.check()
    broker.close()
