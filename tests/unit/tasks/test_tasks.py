"""The task API: decorators, variants, and errors for wrong options."""

import asyncio
import inspect
import math
from datetime import UTC, datetime, timedelta

import pytest

from taskhub import Context, Task, task
from taskhub.compat import django_tasks as compat
from taskhub.exceptions import InvalidArguments, InvalidOption, UnknownTask
from taskhub.foundation.clock import clock_set_to
from taskhub.tasks import find_task, registered_tasks
from taskhub.tasks.masking import MASK, masked, unmasked
from tests import tasks


def module_level(a): ...


def other_level(a): ...


def with_password(password): ...


def test_djangos_own_decorator_makes_the_same_tasks():
    assert type(tasks.plain) is Task
    assert type(tasks.add) is Task
    assert tasks.plain.module_path == "tests.tasks.plain"


def test_a_task_can_be_called_like_its_function():
    assert tasks.add(1, b=2) == 3
    assert asyncio.run(tasks.async_add(1, 2)) == 3
    assert tasks.add.call(1, 2) == 3
    with pytest.raises(ValueError, match="no such user"):
        tasks.fail()


def test_a_task_has_the_signature_and_the_name_of_its_function():
    assert str(inspect.signature(tasks.send)) == "(address, *, subject='hello')"
    assert tasks.send.name == "send"


def test_a_context_can_be_made_for_a_direct_call():
    result = compat.TaskResult(
        task=tasks.plain_with_context,
        id="1",
        status=compat.TaskResultStatus.RUNNING,
        enqueued_at=None,
        started_at=None,
        finished_at=None,
        last_attempted_at=None,
        args=[],
        kwargs={},
        backend="default",
        errors=[],
        worker_ids=["here"],
    )
    context = Context(task_result=result)

    context.progress(1, 2, "nobody listens")

    assert tasks.plain_with_context(context, "a") == [1, "1", "a"]


# Variants.


def test_using_changes_only_the_given_options():
    variant = tasks.send.using(priority=7, durable=False, meta={"a": 1})

    assert (variant.priority, variant.durable, variant.meta) == (7, False, {"a": 1})
    assert (variant.queue_name, variant.func) == ("mail", tasks.send.func)
    assert (tasks.send.priority, tasks.send.durable) == (0, True)
    assert tasks.send.using(priority=None) == tasks.send


def test_none_resets_an_option():
    variant = tasks.with_notes.using(
        priority=7,
        queue_name="mail",
        backend="free",
        durable=False,
        run_after=timedelta(hours=1),
        expires_after=timedelta(hours=2),
        meta={"a": 1},
    )

    assert variant.using(priority=None).priority == 0
    assert variant.using(priority=None).queue_name == "mail"
    assert variant.using(queue_name=None).queue_name == "default"
    assert tasks.send.using(queue_name="other").using(queue_name=None) == tasks.send
    assert variant.using(backend=None).backend == "default"
    assert variant.using(durable=None).durable is True
    assert variant.using(run_after=None).due().run_after is None
    assert variant.using(expires_after=None).expires_after is None
    # An option of @task is reset, too.
    assert variant.using(meta=None).meta is None
    assert tasks.with_notes.using(meta=None).meta is None


def test_run_after_as_a_timedelta_counts_from_now():
    before = datetime.now(UTC)

    variant = tasks.add.using(run_after=timedelta(hours=1))

    assert timedelta(0) <= variant.run_after - before - timedelta(hours=1)
    assert variant.run_after - before < timedelta(hours=1, minutes=1)


def test_a_later_due_time_replaces_an_earlier_one():
    moment = datetime(2030, 1, 1, tzinfo=UTC)

    by_hour = tasks.add.using(run_after=timedelta(hours=1))

    assert by_hour.using(run_after=moment).due().run_after == moment
    assert by_hour.using(priority=1).due().run_after < moment
    assert tasks.add.using(run_after=moment).using(run_after=timedelta(0)).due() != (
        tasks.add.using(run_after=moment)
    )


def test_tasks_can_be_hashed():
    assert len({tasks.add, tasks.add.using(meta={"a": [1]}), tasks.send}) == 3


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"prioritiy": 1}, "Unknown option 'prioritiy' in add.using(); did you mean"),
        ({"max_retries": 1}, "Unknown option 'max_retries' in add.using()"),
        (
            {"max_attempts": 3},
            "using(). Workers read it from @task; define a task with",
        ),
        ({"timeout": None}, "with another timeout."),
        ({"backoff": None}, "with another backoff."),
        ({"eta": 1}, "; did you mean 'run_after'?"),
        ({"countdown": 1}, "; did you mean run_after=timedelta(seconds=…)?"),
        ({"expires": 1}, "; did you mean 'expires_after', a timedelta?"),
        ({"queue": 1}, "; did you mean 'queue_name'?"),
        ({"run_in": 1}, "Unknown option 'run_in'"),
    ],
)
def test_an_unknown_option_of_using_is_refused(wrong, message):
    with pytest.raises(InvalidOption) as caught:
        tasks.add.using(**wrong)

    assert message in str(caught.value)


def test_an_unknown_option_of_the_decorator_is_refused():
    with pytest.raises(InvalidOption, match="did you mean 'queue_name'"):
        task(queue="mail")(module_level)
    with pytest.raises(InvalidOption, match=r"'run_after' in @task for module_level"):
        task(run_after=timedelta(1))(module_level)
    with pytest.raises(InvalidOption, match=r"'run_in' in @task for module_level"):
        task(run_in=timedelta(1))(module_level)


@pytest.mark.parametrize("name", ["", "with space", 3, "a" * 256, "shop.schön?"])
def test_an_invalid_name_of_a_task_is_refused(name):
    with pytest.raises(
        compat.InvalidTask, match="The name of a task has up to 255 letters"
    ):
        task(name=name)(module_level)


def test_two_tasks_cannot_have_the_same_name():
    task(name="shop.twice")(module_level)
    # The same function again, as when its module is reloaded.
    task(name="shop.twice")(module_level)

    with pytest.raises(
        compat.InvalidTask, match=r"Two tasks have the name 'shop.twice': .*"
    ):
        task(name="shop.twice")(other_level)


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("max_retries", 5, "max_attempts=6, which counts the first attempt, too?"),
        ("max_retries", 0, "max_attempts=1, which"),
        ("max_retries", None, "did you mean 'max_attempts', which counts the first"),
        ("bind", True, "did you mean takes_context=True?"),
        ("base", object, "There are no task classes to inherit from"),
        ("acks_late", True, 'default, on_worker_death="retry"; leave it out.'),
        ("acks_late", False, 'did you mean on_worker_death="fail"?'),
        ("reject_on_worker_lost", True, 'default, on_worker_death="retry"; leave'),
        ("reject_on_worker_lost", False, 'did you mean on_worker_death="fail"?'),
        ("ignore_result", True, 'Write keep="none"'),
        ("rate_limit", "10/m", "There are no rate limits"),
        ("autoretry_for", (OSError,), "did you mean 'retry_on'"),
        ("dont_autoretry_for", (OSError,), "did you mean 'give_up_on'"),
        ("default_retry_delay", 60, "did you mean backoff=fixed(seconds=…)?"),
        ("retry_backoff", True, "did you mean backoff=exponential(seconds=…)?"),
        ("retry_jitter", True, "did you mean backoff=exponential(jitter=…)?"),
        ("soft_time_limit", 60, "did you mean 'timeout'?"),
        ("time_limit", 60, "did you mean 'hard_timeout'?"),
        ("expires", 60, "did you mean 'expires_after', a timedelta?"),
        ("queue", "mail", "did you mean 'queue_name'?"),
        ("serializer", "json", "Arguments are always JSON"),
    ],
)
def test_task_options_of_celery_are_refused_with_a_hint(option, value, message):
    with pytest.raises(InvalidOption) as caught:
        task(**{option: value})(module_level)

    text = str(caught.value)
    assert text.startswith(f"Unknown option {option!r} in @task for module_level")
    assert message in text
    assert "\n" not in text


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            {"queue_name": "mial"},
            "Queue 'mial' is not valid for backend. Queue 'mial' is",
        ),
        ({"queue_name": "mial"}, "['default']['QUEUES']; did you mean 'mail'?"),
        (
            {"queue_name": 3},
            "Queue 3 is not valid for backend. Queue 3 is not in TASKS",
        ),
        ({"queue_name": ["mail"]}, "Queue ['mail'] is not in TASKS"),
        ({"durable": "no"}, "durable must be True or False, not 'no'."),
        ({"priority": 101}, "between -100 and 100. It is 101."),
        ({"priority": "5"}, "and 100. The priority must be a whole number, not '5'."),
        ({"priority": True}, "and 100. The priority must be a whole number, not True."),
        ({"expires_after": 60}, "expires_after must be a timedelta, not 60"),
        ({"meta": "campaign 7"}, "meta must be a dict, not 'campaign 7'"),
        ({"run_after": 60}, "run_after must be an aware datetime or a timedelta"),
        ({"run_after": datetime(2030, 1, 1)}, "aware datetime"),  # noqa: DTZ001
    ],
)
def test_a_value_that_an_option_cannot_have_is_refused(wrong, message):
    with pytest.raises(compat.InvalidTask) as caught:
        tasks.add.using(**wrong)

    assert message in str(caught.value)


@pytest.mark.parametrize("name", ["timeout", "hard_timeout", "stall_after"])
@pytest.mark.parametrize("seconds", [0, -1, math.nan, math.inf, 1e15])
def test_a_number_of_seconds_has_bounds(name, seconds):
    with pytest.raises(compat.InvalidTask, match=f"{name} must be more than 0 seconds"):
        task(**{name: seconds})(module_level)


def test_a_queue_without_a_valid_name_is_refused_if_any_name_is_allowed(settings):
    backend = "taskhub.backend.TaskHubBackend"
    settings.TASKS = {"default": {"BACKEND": backend, "QUEUES": []}}

    with pytest.raises(compat.InvalidTask, match="'a b' is not a valid queue name"):
        task(queue_name="a b")(module_level)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"atomic": None}, "atomic must be True or False, not None."),
        ({"durable": 1}, "durable must be True or False, not 1."),
        (
            {"masked": "first"},
            r"masked must be names of parameters, such as \['first'\]",
        ),
        ({"masked": None}, "masked must be names of parameters, not None."),
    ],
)
def test_a_value_that_the_decorator_cannot_have_is_refused(options, message):
    with pytest.raises(compat.InvalidTask, match=message):
        task(**options)(module_level)


def test_keep_accepts_only_three_values():
    with pytest.raises(compat.InvalidTask, match="'all', 'errors' or 'none', not 'so"):
        task(keep="some")(module_level)
    with pytest.raises(InvalidOption, match="Unknown option 'keep'"):
        tasks.add.using(keep="none")


def test_a_function_that_is_not_at_module_level_is_refused():
    with pytest.raises(compat.InvalidTask, match="module level"):

        @task
        def inner(): ...


# Names from Celery.


@pytest.fixture
def enqueued(monkeypatch):
    """Record the calls of `enqueue` instead of enqueueing anything."""
    seen = []
    backend_class = type(compat.task_backends["default"])
    monkeypatch.setattr(
        backend_class,
        "enqueue",
        lambda self, task, args, kwargs: seen.append((task, list(args), kwargs)),
    )
    return seen


def test_apply_async_accepts_options_of_celery(enqueued):
    eta = datetime(2030, 1, 1, tzinfo=UTC)

    tasks.add.apply_async([1], {"b": 2}, eta=eta, queue="mail", priority=9, expires=60)
    tasks.add.apply_async(args=[1], countdown=60)
    tasks.add.delay(1, b=2)

    (first, args, kwargs), (second, _, _), (third, *_) = enqueued
    assert (args, kwargs) == ([1], {"b": 2})
    assert (first.run_after, first.queue_name, first.priority) == (eta, "mail", 9)
    assert first.expires_after == timedelta(seconds=60)
    assert second.run_after > datetime.now(UTC)
    assert third == tasks.add


def test_apply_async_accepts_a_datetime_for_expires(enqueued):
    eta = datetime(2130, 1, 1, tzinfo=UTC)

    tasks.add.apply_async([1], eta=eta, expires=eta + timedelta(minutes=5))

    ((variant, _args, _kwargs),) = enqueued
    assert variant.expires_after == timedelta(minutes=5)


def test_apply_async_counts_expires_from_the_time_that_is_set(enqueued):
    moment = datetime(2099, 1, 1, tzinfo=UTC)

    with clock_set_to(moment):
        tasks.add.apply_async([1], expires=moment + timedelta(minutes=5))

    ((variant, _args, _kwargs),) = enqueued
    assert variant.expires_after == timedelta(minutes=5)


def test_apply_async_refuses_unknown_options(enqueued):
    with pytest.raises(InvalidOption, match=r"'count_down'.*did you mean 'countdown'"):
        tasks.add.apply_async([1], count_down=3)
    for option, message in {
        "task_id": r"An id cannot be chosen; read it from result\.id",
        "link": "enqueue the next task at the end of this one",
        "headers": "using",
        "time_limit": "an option of @task: hard_timeout",
        "routing_key": "did you mean 'queue'",
        "expires_after": "did you mean 'expires'",
    }.items():
        with pytest.raises(InvalidOption, match=message):
            tasks.add.apply_async([1], **{option: "a"})
    with pytest.raises(InvalidOption, match="countdown or eta, not both"):
        tasks.add.apply_async([1], countdown=3, eta=datetime(2030, 1, 1, tzinfo=UTC))
    assert enqueued == []


# The registry.


def test_tasks_are_found_by_their_path():
    assert find_task("tests.tasks.add") is tasks.add
    assert "tests.tasks.plain" in registered_tasks()


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("tests.tasks.ad", "did you mean 'tests.tasks.add'"),
        ("old.module.give_back", "did you mean 'tests.tasks.give_back'"),
        ("os.system", "is registered here"),
    ],
)
def test_an_unknown_path_is_refused_with_a_suggestion(path, hint):
    with pytest.raises(UnknownTask, match=hint):
        find_task(path)


def test_a_variant_does_not_replace_the_registered_task():
    tasks.add.using(priority=99)

    assert find_task("tests.tasks.add").priority == 0


# Masked arguments.


def test_masked_arguments_are_not_shown():
    path = tasks.sign_in.module_path

    assert masked(path, ["ada", "secret"], {}) == (["ada", MASK], {})
    assert masked(path, ["ada"], {"password": "secret"}) == (
        ["ada"],
        {"password": MASK},
    )
    assert masked(path, ["ada", "secret", 1, 2], {}) == (["ada", MASK, 1, 2], {})


def test_all_arguments_of_an_unknown_task_are_masked():
    assert masked("gone.task", [1], {"a": 2}) == ([MASK], {"a": MASK})


def test_arguments_of_a_task_that_masks_nothing_are_shown():
    assert masked("tests.tasks.add", [1], {"b": 2}) == ([1], {"b": 2})


@pytest.mark.parametrize(
    ("args", "kwargs", "found"),
    [
        (["ada", MASK], {}, (["ada", "secret"], {})),
        (["eve", MASK, 1], {}, (["eve", "secret", 1], {})),
        # Passed by keyword, stored by position.
        (["ada"], {"password": MASK}, (["ada"], {"password": "secret"})),
        (["ada", "new"], {}, (["ada", "new"], {})),
        (["ada"], {}, (["ada"], {})),
    ],
)
def test_a_mask_is_replaced_by_the_stored_value(args, kwargs, found):
    path, stored = tasks.sign_in.module_path, (["ada", "secret"], {})

    assert unmasked(path, args, kwargs, stored=stored) == found


@pytest.mark.parametrize(
    ("stored", "args", "kwargs"),
    [
        # The mask stands for a value that is shown.
        ((["ada", "secret"], {}), [MASK, "ada"], {}),
        ((["ada", "secret"], {}), ["ada", "secret"], {"name": MASK}),
        # There are more arguments than stored ones.
        ((["ada"], {}), ["ada", MASK], {}),
        (([], {}), [], {"password": MASK}),
    ],
)
def test_a_mask_in_place_of_an_unmasked_value_is_refused(stored, args, kwargs):
    with pytest.raises(InvalidArguments, match="write the value"):
        unmasked(tasks.sign_in.module_path, args, kwargs, stored=stored)


def test_arguments_that_the_signature_does_not_have_are_masked():
    """Only for tasks that mask arguments: a parameter may have been renamed."""
    path = tasks.order.module_path

    shown = masked(path, [1, "4111", "Main Street", "surplus"], {"iban": "DE89"})

    assert shown == ([1, MASK, "Main Street", MASK], {"iban": MASK})
    assert masked(tasks.add.module_path, [1, 2, 3], {"c": 4}) == ([1, 2, 3], {"c": 4})


def test_extra_keyword_arguments_can_be_masked():
    path, secret = tasks.connect.module_path, {"token": "hunter2"}

    assert masked(path, ["here"], secret) == (["here"], {"token": MASK})
    assert masked(path, [], {"host": "here"}) == ([], {"host": "here"})
    assert unmasked(path, [], {"token": MASK}, stored=([], secret)) == ([], secret)


def test_extra_positional_arguments_are_unmasked_by_position():
    path = tasks.check_codes.module_path

    assert masked(path, [1, 2], {}) == ([MASK, MASK], {})
    assert unmasked(path, ["new", MASK], {}, stored=([1, 2], {})) == (["new", 2], {})


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("passwrod",), "no parameter of with_password; did you mean 'password'"),
        ("password", r"such as \['password'\]"),
    ],
)
def test_masked_must_be_a_list_of_existing_parameters(names, message):
    with pytest.raises(compat.InvalidTask, match=message):
        task(masked=names)(with_password)
