"""The names of keys in Redis: no two queues share a key."""

import pytest

from taskhub.brokers import open_broker
from taskhub.messages import Depth
from tests.factories import EnvelopeFactory

pytestmark = pytest.mark.any_database


def test_prefixes_and_queue_names_with_colons_share_no_keys(configure, redis_url):
    prefix = configure(broker_url=redis_url).options.key_prefix
    site = open_broker(configure(key_prefix=prefix))
    other_site = open_broker(configure(key_prefix=f"{prefix}:eu"))

    site.push([EnvelopeFactory(queue_name="eu:mail")])

    assert other_site.depth("mail") == Depth()
    assert site.depth("eu:mail") == Depth(ready=1)
    assert site.cancel("eu:mail", []) == set()
    site.close()
    other_site.close()
