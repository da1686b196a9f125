"""Options that a site sets for all tasks, and for tasks by pattern."""

from datetime import timedelta
from math import inf

import pytest
from django.core.checks import run_checks

from taskhub import Task, task
from taskhub.compat import django_tasks as compat
from taskhub.operations.tasks import options_of
from taskhub.retries import fixed

HUB = "taskhub.backend.TaskHubBackend"
PLACE = "TASKS['default']['OPTIONS']"


def charge(amount, token="", password=""): ...


async def notify(token): ...


def pause(error, result): ...


PATH = f"{__name__}.charge"


@pytest.fixture
def configured(settings):
    """A function that sets `task_defaults` and `task_rules`, and returns the faults."""

    def configured(*, queues=("default", "mail"), **options):
        settings.TASKS = {
            "default": {"BACKEND": HUB, "QUEUES": [*queues], "OPTIONS": options}
        }
        return compat.task_backends["default"].faults

    return configured


def test_a_default_applies_to_what_the_task_does_not_set(configured):
    backoff = fixed(seconds=3)
    configured(
        task_defaults={"timeout": 60, "max_attempts": 3, "backoff": backoff},
    )

    own = task(timeout=5)(charge)

    assert (own.timeout, own.max_attempts, own.backoff) == (5, 3, backoff)
    # A default can be switched off for one task.
    assert task(timeout=None)(charge).timeout is None


def test_a_rule_overrides_the_task_and_the_last_rule_wins(configured):
    configured(
        task_rules={
            "*.test_site_options.*": {"queue_name": "mail", "priority": 3},
            PATH: {"priority": 9},
            "elsewhere.*": {"priority": -9},
        }
    )

    ruled = task(queue_name="default", priority=1)(charge)

    assert (ruled.queue_name, ruled.priority) == ("mail", 9)
    assert ruled.using(priority=2).priority == 2
    assert ruled.using(priority=2, queue_name="default").queue_name == "default"
    assert ruled.using(meta={"a": 1}).priority == 9


@pytest.mark.parametrize("name", ["task_defaults", "task_rules"])
def test_the_tasks_of_other_packages_have_these_options(configured, name):
    options = {"max_attempts": 4, "keep": "errors", "expires_after": timedelta(1)}
    configured(**{name: options if name == "task_defaults" else {"*": options}})
    django_task = compat.task_backends["default"].task_class(
        func=charge,
        priority=0,
        queue_name="default",
        backend="default",
        takes_context=False,
        run_after=None,
    )
    plain = compat.Task(
        func=charge,
        priority=0,
        queue_name="default",
        backend="default",
        run_after=None,
    )

    for each in (django_task, Task.of(plain)):
        assert each.max_attempts == 4
        assert each.keep == "errors"
        assert each.expires_after == timedelta(1)


def test_masked_parameters_are_added_up(configured):
    configured(
        task_defaults={"masked": ["password"]},
        task_rules={"*": {"masked": ["token", "no_parameter"]}},
    )

    assert task(masked=["amount"])(charge).masked == ("amount", "password", "token")
    assert task(charge).masked == ("password", "token")
    assert task(notify).masked == ("token",)


def test_a_default_that_contradicts_the_task_is_left_out(configured):
    configured(task_defaults={"timeout": 60, "hard_timeout": 90, "atomic": True})

    slow = task(timeout=100)(charge)
    assert (slow.timeout, slow.hard_timeout) == (100, None)
    quick = task(hard_timeout=10)(charge)
    assert (quick.timeout, quick.hard_timeout) == (None, 10)
    both = task(timeout=80)(charge)
    assert (both.timeout, both.hard_timeout) == (80, 90)
    assert task(charge).atomic
    assert not task(notify).atomic


@pytest.mark.parametrize(
    ("rule", "limits"),
    [
        ({"hard_timeout": 30}, (None, 30)),
        ({"timeout": 100}, (100, None)),
        ({"timeout": 10, "hard_timeout": 20}, (10, 20)),
        ({"timeout": None, "hard_timeout": 30}, (None, 30)),
    ],
)
def test_a_default_that_contradicts_a_rule_is_left_out(configured, rule, limits):
    configured(
        task_defaults={"timeout": 60, "hard_timeout": 90}, task_rules={"*": rule}
    )

    ruled = task(charge)

    assert (ruled.timeout, ruled.hard_timeout) == limits


def test_a_default_applies_if_a_rule_removes_the_limit_that_contradicts(configured):
    configured(task_defaults={"timeout": 60}, task_rules={"*": {"hard_timeout": None}})

    ruled = task(hard_timeout=10)(charge)

    assert (ruled.timeout, ruled.hard_timeout) == (60, None)


def test_a_wrong_limit_of_a_task_is_refused_beside_a_default(configured):
    configured(task_defaults={"hard_timeout": 60})

    with pytest.raises(compat.InvalidTask, match="timeout must be seconds, not '5'"):
        task(timeout="5")(charge)


def test_an_error_that_a_rule_causes_names_the_rule(configured):
    configured(task_rules={"*.charge": {"hard_timeout": 10}})

    with pytest.raises(compat.InvalidTask) as caught:
        task(timeout=20)(charge)

    assert "hard_timeout, 10.0 s, must be more than timeout" in str(caught.value)
    assert f"{PLACE}['task_rules']['*.charge']" in str(caught.value)


def test_each_option_says_where_its_value_comes_from(configured):
    configured(
        task_defaults={"timeout": 60, "masked": ["password"]},
        task_rules={"*.charge": {"priority": 5, "masked": ["token"]}},
    )

    shown = {
        each.name: (each.value, each.origin)
        for each in options_of(
            task(max_attempts=3, give_up_on=OSError, backoff=pause)(charge)
        )
    }

    assert shown["timeout"] == ("60.0", f"{PLACE}['task_defaults']")
    assert shown["priority"] == ("5", f"{PLACE}['task_rules']['*.charge']")
    assert shown["max_attempts"] == ("3", "@task")
    assert shown["give_up_on"] == ("OSError", "@task")
    assert shown["backoff"] == ("pause", "@task")
    assert shown["keep"] == ("all", "default")
    assert shown["masked"] == (
        "password, token",
        f"{PLACE}['task_defaults'], {PLACE}['task_rules']['*.charge']",
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"task_defaults": 3}, "must be a dict of options, not 3"),
        ({"task_rules": ["a"]}, "must be a dict from patterns to options"),
        (
            {"task_defaults": {"tiemout": 3}},
            f"Unknown option 'tiemout' in {PLACE}['task_defaults']; did you mean "
            "'timeout'?",
        ),
        (
            {"task_rules": {"a.*": {"queue": "mail"}}},
            f"'queue' in {PLACE}['task_rules']['a.*']; did you mean 'queue_name'?",
        ),
        (
            {"task_rules": {"a.*": {"max_retries": 3}}},
            "['task_rules']['a.*']; did you mean max_attempts=4, which counts the",
        ),
        (
            {"task_defaults": {"time_limit": 3}},
            "['task_defaults']; did you mean 'hard_timeout'?",
        ),
        (
            {"task_rules": {"a.*": {"backend": "other"}}},
            f"'backend' in {PLACE}['task_rules']['a.*']. Only @task can set it.",
        ),
        ({"task_rules": {"a": 3}}, "['task_rules']['a'] must be a dict of options"),
        ({"task_defaults": {"timeout": 0}}, "'timeout' in TASKS['default']['OPTIONS']"),
        ({"task_defaults": {"timeout": "3"}}, "Expected `float | None`, got `str`."),
        ({"task_defaults": {"stall_after": inf}}, "Expected `float` <= 3162240000.0."),
        ({"task_defaults": {"max_attempts": 0}}, "is 0: Expected `int` >= 1."),
        ({"task_defaults": {"keep": "some"}}, "Expected 'all', 'errors' or 'none'"),
        ({"task_defaults": {"backoff": 3}}, "is 3: Expected exponential(), fixed()"),
        ({"task_defaults": {"retry_on": "x"}}, "Expected exceptions, such as"),
        ({"task_defaults": {"masked": "a"}}, "Expected a list of names of parameters"),
        ({"task_defaults": {"expires_after": 3}}, "Expected a timedelta or None"),
        (
            {"task_rules": {"a": {"queue_name": "male"}}},
            "The queue 'male' in TASKS['default']['OPTIONS']['task_rules']['a'] is not "
            "in QUEUES; did you mean 'mail'?",
        ),
        (
            {"task_defaults": {"timeout": 9, "hard_timeout": 9}},
            "hard_timeout, 9 s, must be more than timeout, 9 s.",
        ),
    ],
)
def test_a_faulty_option_is_a_fault_of_the_settings(configured, options, message):
    (fault,) = configured(**options)

    assert message in fault


@pytest.mark.parametrize(
    "options",
    [{"queue_name": "male"}, {"timeout": 9, "hard_timeout": 9}, {"priority": 101}],
)
@pytest.mark.parametrize("name", ["task_defaults", "task_rules"])
def test_a_fault_does_not_keep_tasks_from_being_defined(configured, name, options):
    """So `manage.py check` can show it."""
    faults = configured(
        **{name: options if name == "task_defaults" else {"*": options}}
    )

    own = task(charge)

    assert len(faults) == 1
    assert (own.queue_name, own.timeout, own.priority) == ("default", None, 0)


def test_a_rule_with_an_invalid_queue_is_a_fault_if_any_name_is_allowed(configured):
    (fault,) = configured(queues=[], task_rules={"a.*": {"queue_name": "a b"}})

    assert f"In {PLACE}['task_rules']['a.*'], 'a b' is not a valid queue name" in fault


@pytest.mark.django_db
def test_a_rule_that_matches_no_task_is_warned_of(configured):
    configured(task_rules={"tests.task.*": {"priority": 1}, "tests.*": {}})

    (warning,) = (each for each in run_checks() if each.id == "taskhub.W005")

    assert "The rule 'tests.task.*'" in warning.msg
    assert "did you mean 'tests.tasks." in warning.msg
