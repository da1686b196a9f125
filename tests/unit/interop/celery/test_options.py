"""The options of Celery's tasks: what they are in taskhub, and what is refused."""

import warnings
from datetime import timedelta

import pytest

from taskhub.compat import django_tasks as compat
from taskhub.exceptions import InvalidOption
from taskhub.interop.celery import Celery, Task, TaskHubCeleryWarning, shared_task
from taskhub.retries import Fixed
from tests.unit.interop.celery.functions import another


class InJson(Task):
    """A class with an option that has no effect."""

    serializer = "json"

    def run(self):
        """Do nothing."""


def made(**options):
    return shared_task(**options)(another()).hub_task


@pytest.mark.parametrize(
    ("options", "field", "value"),
    [
        ({}, "max_attempts", 1000),
        ({}, "retry_on", ()),
        ({}, "backoff", Fixed(timedelta(seconds=180))),
        ({"default_retry_delay": 5}, "backoff", Fixed(timedelta(seconds=5))),
        ({"default_retry_delay": None}, "backoff", Fixed(timedelta(0))),
        ({"soft_time_limit": 5}, "timeout", 5),
        ({"time_limit": 9}, "hard_timeout", 9),
        ({"soft_time_limit": 9, "time_limit": 9}, "timeout", None),
        ({"expires": 60}, "expires_after", timedelta(minutes=1)),
        ({"expires": timedelta(hours=1)}, "expires_after", timedelta(hours=1)),
        ({"queue": "mail"}, "queue_name", "mail"),
        ({"routing_key": "mail"}, "queue_name", "mail"),
        ({"ignore_result": True}, "keep", "errors"),
        ({"ignore_result": False}, "keep", "all"),
        ({"throws": [OSError]}, "throws", (OSError,)),
        ({"name": "shop.double"}, "module_path", "shop.double"),
    ],
)
def test_options_become_those_of_taskhub(options, field, value):
    assert getattr(made(**options), field) == value


@pytest.mark.parametrize(
    ("order", "priority", "expected"), [("redis", 3, -3), ("amqp", 3, 3)]
)
def test_the_site_says_which_priorities_go_first(settings, order, priority, expected):
    settings.TASKHUB_CELERY_PRIORITY = order

    assert made(priority=priority).priority == expected


@pytest.mark.parametrize(
    ("own", "setting", "site", "expected"),
    [
        (None, None, {}, "retry"),
        (None, False, {}, "fail"),
        (None, None, {"on_worker_death": "hold"}, "hold"),
        (False, True, {"on_worker_death": "hold"}, "fail"),
        (True, None, {"on_worker_death": "hold"}, "retry"),
    ],
)
def test_acks_late_says_what_the_death_of_a_worker_means(
    settings, configure, own, setting, site, expected
):
    configure(task_defaults=site)
    if setting is not None:
        settings.CELERY_TASK_ACKS_LATE = setting

    assert made(acks_late=own).on_worker_death == expected


def test_an_ambiguous_priority_is_refused():
    with pytest.raises(InvalidOption, match=r"Set TASKHUB_CELERY_PRIORITY .*None\.$"):
        made(priority=3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_retry": 1}, r"^Unknown option 'max_retry' .* mean 'max_retries'\?$"),
        ({"pydantic": True}, "pydantic of .* cannot be; pass model.model_dump()"),
        ({"base": object}, "must be a subclass of taskhub.interop.celery.Task"),
        ({"soft_time_limit": 9, "time_limit": 1}, "must be at most time_limit, 1 s"),
        ({"expires": "soon"}, "expires of .* must be seconds or a timedelta"),
        ({"default_retry_delay": "x"}, "default_retry_delay of .* must be seconds or"),
        ({"max_retries": "3"}, "max_retries of .* must be a number or None, not '3'"),
        ({"autoretry_for": "OSError"}, "autoretry_for of .* not 'OSError'"),
        ({"dont_autoretry_for": [1], "autoretry_for": OSError}, r"dont.* not \[1\]"),
        ({"throws": "OSError"}, "throws of .* must be exceptions, .* not 'OSError'"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(InvalidOption, match=message):
        made(**options)


def test_an_attribute_of_the_base_class_can_be_an_option():
    class Base(Task):
        color = "red"

    task = shared_task(base=Base, color="blue")(another())

    assert task.color == "blue"


@pytest.mark.parametrize(
    "options",
    [
        {"rate_limit": "10/m"},
        {"serializer": "pickle"},
        {"compression": "gzip"},
        {"send_events": False},
    ],
)
def test_options_without_effect_warn_at_the_line_of_the_task(options):
    with pytest.warns(TaskHubCeleryWarning, match="has no effect: ") as caught:
        shared_task(**options)(another())

    assert [each.filename for each in caught] == [__file__]


@pytest.mark.parametrize(
    "make",
    [
        lambda: Celery("a").register_task(InJson),
        lambda: shared_task(base=InJson)(another()),
    ],
    ids=["register_task", "base"],
)
def test_options_of_a_class_warn_too(make):
    with pytest.warns(TaskHubCeleryWarning, match="serializer of .* has no effect: "):
        make()


def test_options_have_names():
    with pytest.raises(
        InvalidOption, match=r"by their names, .* not \('shop\.bill',\)"
    ):
        shared_task("shop.bill")


def test_what_always_holds_does_not_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made(reject_on_worker_lost=True, track_started=True)
        made(store_errors_even_if_ignored=True, ignore_result=True)


def test_the_same_function_is_the_same_task():
    function = another()

    assert shared_task(function) is shared_task(max_retries=9)(function)


def test_two_functions_of_one_name_are_refused_with_their_places():
    first, second = another(), another()
    second.__qualname__ = first.__qualname__
    shared_task(first)

    with pytest.raises(
        compat.InvalidTask, match=r"Two .*functions\.py:.*functions\.py:"
    ):
        shared_task(second)


def test_without_typing_arguments_are_not_checked():
    task = shared_task(typing=False)(another())

    assert str(task.hub_task.func.__signature__) == "(context, /, *args, **kwargs)"
