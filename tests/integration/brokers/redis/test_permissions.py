"""Redis users with few permissions: a node works, or names what is missing."""

import re
from datetime import timedelta
from importlib.resources import files

import pytest
import redis
from django.conf import settings
from django.core.management import CommandError, call_command

from taskhub.brokers import get_broker
from taskhub.brokers.redis.permissions import ON_KEYS
from taskhub.exceptions import BrokerError
from taskhub.operations.status import read_status
from tests import tasks
from tests.nodes import wait_until

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.any_database,
    pytest.mark.any_broker,
]

ALONE = "INFO", "TIME"


@pytest.fixture
def client(own_redis):
    with redis.Redis.from_url(own_redis.url) as client:
        yield client


@pytest.fixture
def config_for(configure, client, own_redis):
    """A function that creates a Redis user with ACL rules, and a config for it."""

    def config_for(rules):
        config = configure(
            broker_url=own_redis.url.replace("://", "://taskhub:password@")
        )
        prefix = config.options.key_prefix
        rules = rules.replace("taskhub:", f"{prefix}:").split()
        client.execute_command("ACL", "SETUSER", "taskhub", "on", ">password", *rules)
        return config

    return config_for


def test_a_refused_login_is_reported_in_one_sentence(config_for, client):
    config = config_for("+@all ~*")
    client.execute_command("ACL", "SETUSER", "taskhub", "off")

    with pytest.raises(BrokerError, match=r"refuses the login: .+[^.]\.$"):
        get_broker(config).depth("default")


def documented() -> str:
    page = (settings.BASE_DIR / "docs/howto/deploy.md").read_text()
    return re.search(r"ACL SETUSER taskhub on >password (.+)", page)[1]


def test_the_check_covers_every_command_of_the_scripts():
    used = set()
    for each in files("taskhub.brokers.redis").iterdir():
        if each.name.endswith(".lua"):
            used |= set(re.findall(r"redis\.p?call\('(\w+)'", each.read_text()))

    tried = {name for commands in ON_KEYS.values() for name, *_ in commands}

    assert used == tried - {"BLPOP"} | {*ALONE}


@pytest.mark.parametrize(
    ("rules", "without"),
    [
        (documented(), []),
        ("+@all -@admin ~taskhub:*", []),
        ("+@all -@dangerous ~taskhub:*", ["INFO"]),
        ("+@all -client|unblock -client|id -info ~*", ["INFO"]),
    ],
)
def test_a_node_works_for_a_user_with_few_permissions(
    config_for, client, start_node, rules, without
):
    config = config_for(rules)
    node = start_node("--processes=1", "--beat", **variables(config))
    assert tasks.add.enqueue(1).get(timeout=60) == 1
    wait_until(
        lambda: {"blpop"} & {each["cmd"] for each in client.client_list()}, "its wait"
    )

    soon = tasks.add.using(run_after=timedelta(seconds=1)).enqueue(2)

    assert soon.get(timeout=60) == 2
    assert tasks.async_add.enqueue(3).get(timeout=60) == 3
    get_broker(config).pause("default", paused=True)
    get_broker(config).pause("default", paused=False)
    assert node.stop() == 0
    assert [
        name for name in OPTIONAL_COMMANDS if f"not permit {name}:" in node.log
    ] == without
    assert "ERROR" not in node.log


OPTIONAL_COMMANDS = ("INFO",)


def variables(config) -> dict[str, str]:
    return {
        "TASKHUB_BROKER_URL": config.options.broker_url,
        "TASKHUB_KEY_PREFIX": config.options.key_prefix,
    }


@pytest.mark.parametrize(
    ("rules", "missing"),
    [
        ("+@all -@scripting ~taskhub:*", "+script|load +evalsha"),
        ("+@all -@blocking ~taskhub:*", "+blpop"),
        ("+@all -hsetnx -zpopmin ~taskhub:*", "+hsetnx +zpopmin"),
        ("+@all ~other:*", "~taskhub:*"),
        ("+@all ~taskhub:{mail}:*", "~taskhub:*"),
        ("+@all -time", "+time ~taskhub:*"),
    ],
)
def test_taskworker_check_names_missing_permissions(config_for, rules, missing):
    config = config_for(rules)
    missing = missing.replace("taskhub:", f"{config.options.key_prefix}:")

    with pytest.raises(CommandError) as caught:
        call_command("taskworker", "--check", skip_checks=False)

    assert str(caught.value).endswith(f"ACL SETUSER taskhub {missing}")
    assert "password" not in str(caught.value)


@pytest.mark.parametrize("policy", ["allkeys-lru", "allkeys-random"])
def test_a_maxmemory_policy_that_evicts_messages_is_reported(
    configure, own_redis, client, capsys, policy
):
    configure(broker_url=own_redis.url)
    call_command("taskworker", "--check")
    assert capsys.readouterr().err == ""
    assert read_status().needs_attention == []
    client.config_set("maxmemory-policy", policy)

    call_command("taskworker", "--check")

    sentence = f"its maxmemory-policy is {policy}; set it to noeviction."
    assert sentence in capsys.readouterr().err
    assert sentence in read_status().needs_attention[0]
    assert not client.keys("*")
