"""Reading the settings, and the system checks that report their faults."""

import socket

import pytest
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from django.db.backends.sqlite3.base import DatabaseWrapper

from taskhub import task
from taskhub.brokers import find_broker, get_broker, open_broker
from taskhub.brokers.parameters import read_parameters
from taskhub.brokers.redis.connection import connect
from taskhub.checks import backends, databases, site
from taskhub.compat import django_tasks as compat
from taskhub.conf import Options, name_fault, read_config
from taskhub.models import PeriodicTask
from tests import tasks


def fault_of(params):
    (fault,) = read_config("default", params).faults
    return fault


def test_without_options_the_defaults_apply():
    config = read_config("default", {})

    assert config.faults == ()
    assert config.queues == ("default",)
    assert config.options == Options()
    assert config.options.broker_url == "database://"


def test_an_integer_is_accepted_for_a_float_option():
    config = read_config("default", {"OPTIONS": {"lease_seconds": 60}})

    assert config.options.lease_seconds == 60.0


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"QUEUE": []}, "Unknown key 'QUEUE' in TASKS['default']; did you mean 'QUEUE"),
        ({"QUEUES": "mail"}, "TASKS['default']['QUEUES'] must be a list of names"),
        ({"QUEUES": ["a b"]}, "In TASKS['default']['QUEUES'], 'a b' is not a valid"),
        ({"OPTIONS": []}, "TASKS['default']['OPTIONS'] must be a dict, not a list."),
        (
            {"OPTIONS": {"lease_secs": 3}},
            "Unknown option 'lease_secs' in TASKS['default']['OPTIONS']; "
            "did you mean 'lease_seconds'?",
        ),
        (
            {"OPTIONS": {"lease_seconds": "long"}},
            "Option 'lease_seconds' in TASKS['default']['OPTIONS'] is 'long': "
            "Expected `float`, got `str`.",
        ),
        ({"OPTIONS": {"lease_seconds": 0.1}}, "Expected `float` >= 1.0"),
        ({"OPTIONS": {"broker_url": None}}, "Expected `str`, got `None`"),
        (
            {"OPTIONS": {"key_prefix": "{x}"}},
            "is '{x}': Expected letters, digits or any of _ - . :.",
        ),
        ({"OPTIONS": {"key_prefix": "x\n"}}, "is 'x\\n': Expected letters, digits"),
        ({"OPTIONS": {"context": "a.B"}}, "is 'a.B': Expected a list of paths of"),
        ({"OPTIONS": {"task_modules": "a"}}, "is 'a': Expected a list of names of"),
        (
            {"OPTIONS": {"max_attempts": 3}},
            "['OPTIONS']. It is an option of tasks; set it in 'task_defaults'.",
        ),
        ({"OPTIONS": {"max_retries": 3}}, "; did you mean max_attempts=4, which"),
        ({3: []}, "Unknown key 3 in TASKS['default']"),
    ],
)
def test_a_fault_names_the_place_and_the_remedy(params, message):
    assert message in fault_of(params)


def test_all_faults_are_reported_at_once():
    config = read_config("default", {"OPTIONS": {"a": 1, "b": 2, "poll_seconds": -1}})

    assert len(config.faults) == 3


@pytest.mark.parametrize("name", ["mail", "a-b.c:d_9", "ä", "x" * 100])
def test_valid_queue_names_are_accepted(name):
    assert name_fault(name) is None


@pytest.mark.parametrize("name", ["", "a b", "{x}", "x" * 101, None, 7, "a\n", "a,b"])
def test_invalid_queue_names_are_refused(name):
    assert "is not a valid queue name" in name_fault(name)


def test_each_secret_key_and_fallback_has_a_signing_key(settings):
    settings.SECRET_KEY = "new"
    settings.SECRET_KEY_FALLBACKS = ["old", "older"]

    keys = read_config("default", {}).signing_keys

    assert len(set(keys)) == 3


# System checks.


def hub(**params):
    return {"default": {"BACKEND": "taskhub.backend.TaskHubBackend", **params}}


def shorten(text):
    return text[:10]


def check_ids(**kwargs):
    messages = run_checks(**kwargs)
    return [message.id for message in messages if not message.is_silenced()]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "params",
    [
        {"OPTIONS": {"lease_secs": 3}},
        {"OPTIONS": {"broker_url": "reddis://localhost"}},
        {"OPTIONS": {"broker_url": "localhost:6379"}},
        {"OPTIONS": {"broker_url": "database://elsewhere"}},
        {"OPTIONS": {"broker_url": "redis://localhost:many/0"}},
        {"QUEUES": ["a b"]},
    ],
)
def test_a_fault_is_reported_by_the_system_checks(settings, params):
    settings.TASKS = hub(**params)

    assert "taskhub.E001" in check_ids()


@pytest.mark.django_db
@pytest.mark.parametrize("queues", ["mail", 3, None])
def test_faulty_queues_do_not_keep_tasks_from_being_defined(settings, queues):
    """So `manage.py check` can show the fault."""
    settings.TASKS = hub(QUEUES=queues)

    assert task(shorten).queue_name == "default"
    assert "taskhub.E001" in check_ids()


@pytest.mark.parametrize(
    "options",
    [
        "redis://:secret@localhost",
        {"broker_url": b"redis://:secret@localhost"},
        {"broker_url": ":secret@localhost:6379"},
        {"broker_url": ":secret@localhost://"},
        {"broker_url": "redis://:secret/1@localhost:6379"},
        {"broker_url": "redis://:secret@[localhost]"},
        {"broker_url": "redis+sentinel://ada:secret@a,b/main?Password=secret"},
        {"broker_url": "redis://:secret\u2100@localhost"},
        {"broker_url": "redis://:1?secret@localhost"},
        {"broker_url": "redis://:1?db=1&secret@localhost"},
        {"broker_url": "redis://:1/secret@localhost"},
        {"broker_url": "rediss://secret#1@localhost"},
        {"broker_url": "redis+cluster://secret/1@localhost"},
    ],
)
def test_a_fault_does_not_show_the_password(settings, options):
    settings.TASKS = hub(OPTIONS=options)

    (error,) = compat.task_backends["default"].check()

    assert error.id == "taskhub.E001"
    assert "secret" not in error.msg


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://localhost:6379/0", "redis://localhost:6379/0"),
        ("redis://:secret@localhost/0", "redis://:***@localhost/0"),
        ("redis://ada:se,cret@a,b/0", "redis://ada:***@a,b/0"),
        ("redis://ada:secret@x@localhost", "redis://ada:***@localhost"),
        ("redis://localhost/0?password=secret", "redis://localhost/0?password=***"),
        (
            "unix:///redis.sock?db=1&password=sec@r:et#&ssl_password=secret",
            "unix:///redis.sock?db=1&password=***&ssl_password=***",
        ),
        (
            "redis+sentinel://ada:secret@a,b/main?password=secret&db=1",
            "redis+sentinel://ada:***@a,b/main?password=***&db=1",
        ),
        (
            "rediss+sentinel://a/main?sentinel_password=secret&sentinel_ssl=no",
            "rediss+sentinel://a/main?sentinel_password=***&sentinel_ssl=no",
        ),
    ],
)
def test_an_address_does_not_show_the_password(settings, url, address):
    settings.TASKS = hub(OPTIONS={"broker_url": url})

    backend = compat.task_backends["default"]

    assert backend.check() == []
    assert get_broker(backend.config).address == address


@pytest.mark.django_db
def test_valid_settings_pass_the_checks(settings):
    settings.TASKS = hub(QUEUES=["default"], OPTIONS={"broker_url": "redis://h:1/0"})

    assert check_ids() == []


def test_a_backend_with_faults_refuses_to_enqueue(settings):
    settings.TASKS = hub(OPTIONS={"lease_secs": 3})

    with pytest.raises(ImproperlyConfigured, match="did you mean 'lease_seconds'"):
        tasks.add.enqueue(1)


def test_a_missing_backport_is_an_error(monkeypatch):
    monkeypatch.setattr(compat, "REQUIRED_APP", "some_backport")

    (error,) = site.check_required_app()

    assert (error.id, error.msg) == (
        "taskhub.E002",
        "'some_backport' is not in INSTALLED_APPS.",
    )


def test_use_tz_false_is_an_error(settings):
    settings.USE_TZ = False

    (error,) = site.check_time_zones()

    assert error.id == "taskhub.E004"
    assert "USE_TZ = True" in error.hint
    assert error in run_checks(tags=["taskhub"])


def test_disabled_autocommit_is_an_error(monkeypatch):
    monkeypatch.setitem(connections.settings["default"], "AUTOCOMMIT", False)

    (error,) = databases.check_autocommit()

    assert error.id == "taskhub.E006"
    assert "DATABASES['default']" in error.msg
    assert error in run_checks(tags=["taskhub"])


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("redis://h/0?socket_timeuot=1", "did you mean 'socket_timeout'?"),
        ("redis://h/0?ssl_ca_certs=/ca", "Unknown parameter 'ssl_ca_certs'"),
        ("rediss://h/0?ssl_ca_cert=/ca", "did you mean 'ssl_ca_certs'?"),
        ("unix:///socket?socket_keepalive=1", "Unknown parameter 'socket_keepalive'"),
        ("redis+cluster://h?db=1", "Unknown parameter 'db'"),
        ("redis+sentinel://h/main?nonsense=", "Unknown parameter 'nonsense'"),
        ("redis+sentinel://h/main?sentinel_ssl=1", "Unknown parameter 'sentinel_ssl'"),
        ("redis://h/0?sentinel_password=x", "Unknown parameter 'sentinel_password'"),
        ("redis://h?decode_responses=1", "Unknown parameter 'decode_responses'"),
        ("redis://h?socket_timeout=soon", "'soon'; expected a number."),
        ("redis://h?db=x", "'x'; expected a whole number."),
        ("redis://h?socket_keepalive=maybe", "expected true or false."),
        ("database://?pool=1", "Unknown parameter 'pool' in a database://"),
    ],
)
def test_the_query_of_a_broker_url_is_checked(settings, url, sentence):
    backend = "taskhub.backend.TaskHubBackend"
    settings.TASKS = {"default": {"BACKEND": backend, "OPTIONS": {"broker_url": url}}}

    (error,) = compat.task_backends["default"].check()

    assert error.id == "taskhub.E001"
    assert sentence in error.msg


def test_all_documented_url_parameters_can_be_used(redis_url):
    """redis-py accepts each parameter as it is written in the URL."""
    query = "&".join(
        [
            *("client_name=site", "db=0", "health_check_interval=5", "protocol=2"),
            *("max_connections=9", "retry_on_timeout=no", "socket_keepalive=yes"),
            *("socket_connect_timeout=1", "socket_read_size=4096", "socket_timeout=2"),
        ]
    )
    options = {"broker_url": f"{redis_url}?{query}", "key_prefix": "test-parameters"}
    config = read_config("default", {"OPTIONS": options})

    broker = open_broker(config)

    assert find_broker(config.options.broker_url).endswith("RedisBroker")
    assert broker.check() == []
    broker.close()


def test_parameters_of_a_cluster_are_read_as_numbers_and_booleans():
    query = "reinitialize_steps=5&dynamic_startup_nodes=no&require_full_coverage=Yes"

    assert read_parameters("redis+cluster", query) == {
        "reinitialize_steps": 5,
        "dynamic_startup_nodes": False,
        "require_full_coverage": True,
    }


def test_idle_connections_to_redis_are_kept_alive(redis_url):
    options = {"broker_url": redis_url, "socket_timeout_seconds": 3}
    client = connect(read_config("default", {"OPTIONS": options}).options)
    connection = client.connection_pool.make_connection()
    connection.connect()

    ask = connection._sock.getsockopt

    assert ask(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    assert ask(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 30
    assert ask(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 3_000
    connection.disconnect()
    client.close()


@pytest.mark.parametrize(
    ("url", "queues", "shared"),
    [
        ("redis://one:6379/0", ["mail"], "the queue 'mail'"),
        ("redis://user:password@one", [], "any queue"),
        ("redis://two", ["mail"], ""),
        ("redis://one/1", ["mail"], ""),
        ("redis://one?db=1", ["mail"], ""),
        ("redis://one/0?db=1", ["mail"], "the queue 'mail'"),
        ("redis://ONE/00", ["mail"], "the queue 'mail'"),
        ("redis://one", ["pictures"], ""),
    ],
)
def test_backends_that_would_share_messages_are_an_error(settings, url, queues, shared):
    backend = "taskhub.backend.TaskHubBackend"
    settings.TASKS = {
        alias: {"BACKEND": backend, "QUEUES": names, "OPTIONS": {"broker_url": place}}
        for alias, names, place in [
            ("default", ["default", "mail"], "redis://one"),
            ("other", queues, url),
            ("embedded", [], "database://"),
        ]
    }

    errors = backends.check_backends_apart()

    assert [(each.id, shared in each.msg) for each in errors] == (
        [("taskhub.E005", True)] if shared else []
    )


@pytest.mark.parametrize(
    ("one", "other", "is_shared"),
    [
        ("unix:///redis.sock?db=1", "unix:///redis.sock?db=2", False),
        ("unix:///redis.sock?db=1", "unix:///redis.sock?db=1", True),
        ("redis+sentinel://a,b/main?db=1", "redis+sentinel://b,a/main/1", True),
        ("redis+sentinel://a,b/main?db=1", "redis+sentinel://a,b/main?db=2", False),
        ("redis+sentinel://a,b/main", "redis+sentinel://a,b/other", False),
        ("redis://[::1]", "redis://[::1]:6379/0", True),
    ],
)
def test_databases_in_broker_urls_are_told_apart(settings, one, other, is_shared):
    backend = "taskhub.backend.TaskHubBackend"
    settings.TASKS = {
        alias: {"BACKEND": backend, "OPTIONS": {"broker_url": url}}
        for alias, url in [("default", one), ("other", other)]
    }

    assert bool(backends.check_backends_apart()) is is_shared


def test_results_in_another_database_cause_a_warning(settings):
    settings.DATABASE_ROUTERS = ["tests.unit.test_conf.Elsewhere"]

    (warning,) = databases.check_results_database()

    assert warning.id == "taskhub.W001"


class Elsewhere:
    def db_for_write(self, model, **hints):
        return "elsewhere"


def test_schedules_in_another_database_than_results_are_an_error(settings):
    assert databases.check_schedules_database() == []
    settings.DATABASE_ROUTERS = ["tests.unit.test_conf.SchedulesElsewhere"]

    (error,) = databases.check_schedules_database()

    assert error.id == "taskhub.E003"


class SchedulesElsewhere:
    def db_for_write(self, model, **hints):
        return "elsewhere" if model is PeriodicTask else None


@pytest.mark.parametrize(
    ("options", "ids"),
    [({}, ["taskhub.W002"]), ({"transaction_mode": "IMMEDIATE"}, [])],
)
def test_deferred_transactions_of_sqlite_cause_a_warning(monkeypatch, options, ids):
    connection = DatabaseWrapper({"OPTIONS": options}, "default")
    monkeypatch.setattr(databases, "connections", {"default": connection})

    warnings = databases.check_sqlite_transactions(databases=["default"])

    assert [warning.id for warning in warnings] == ids
    assert databases.check_sqlite_transactions(databases=[]) == []
