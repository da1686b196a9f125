"""`assert_enqueued` and `refute_enqueued`: what they find, and what they print."""

from datetime import UTC, datetime
from unittest.mock import ANY

import pytest

from taskhub.exceptions import InvalidArguments, InvalidOption
from tests import inline_tasks, tasks

pytestmark = [pytest.mark.any_broker, pytest.mark.any_database]


def test_any_call_matches_without_arguments(taskhub):
    tasks.add.enqueue(1, b=2)

    taskhub.assert_enqueued(tasks.add)


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        ((1, 2), {}),
        ((1,), {"b": 2}),
        ((), {"b": 2, "a": 1}),
        ((ANY, 2), {}),
        ((ANY,), {"b": ANY}),
    ],
)
def test_the_same_call_matches_however_it_is_written(taskhub, args, kwargs):
    tasks.add.enqueue(1, b=2)

    taskhub.assert_enqueued(tasks.add, *args, **kwargs)


def test_defaults_are_arguments_too(taskhub):
    tasks.add.enqueue(1)

    taskhub.assert_enqueued(tasks.add, 1, b=0)


def test_values_are_compared_as_json_holds_them(taskhub):
    tasks.give_back.enqueue(("a", {"b": (1,)}))

    taskhub.assert_enqueued(tasks.give_back, ("a", {"b": (1,)}))
    taskhub.assert_enqueued(tasks.give_back, ["a", {"b": ANY}])


def test_objects_that_compare_are_allowed(taskhub):
    class Even:
        def __eq__(self, other):
            return other % 2 == 0

        __hash__ = None

    tasks.add.enqueue(2)

    taskhub.assert_enqueued(tasks.add, Even())
    taskhub.refute_enqueued(tasks.add, 2, Even(), options={"priority": 9})
    with pytest.raises(AssertionError):
        taskhub.refute_enqueued(tasks.add, Even(), Even())


def test_columns_of_the_row_are_compared(taskhub):
    due = datetime(2099, 1, 1, tzinfo=UTC)
    tasks.send.using(priority=5, run_after=due, meta={"a": 1}).enqueue("somebody")

    taskhub.assert_enqueued(
        tasks.send,
        "somebody",
        options={
            "queue_name": "mail",
            "priority": 5,
            "run_after": due,
            "meta": {"a": 1},
            "times": 1,
        },
    )


def test_near_misses_are_printed_with_the_most_similar_first(taskhub):
    tasks.send.enqueue("one", subject="x")
    tasks.send.enqueue("two")

    with pytest.raises(AssertionError) as caught:
        taskhub.assert_enqueued(tasks.send, "three", options={"priority": 3})

    assert str(caught.value).splitlines() == [
        "tests.tasks.send was not enqueued like this. Similar:",
        "  send('two'): address is 'two', not 'three'; priority is 0, not 3",
        "  send('one', subject='x'): address is 'one', not 'three'; "
        "subject is 'x', not 'hello'; priority is 0, not 3",
    ]


def test_a_long_list_of_near_misses_is_cut(taskhub):
    tasks.add.enqueue_many([(number,) for number in range(8)])

    with pytest.raises(AssertionError, match="and 3 more"):
        taskhub.assert_enqueued(tasks.add, 9)


def test_without_near_misses_the_tasks_that_were_enqueued_are_named(taskhub):
    with pytest.raises(AssertionError, match=r"was not enqueued\. No task was\."):
        taskhub.assert_enqueued(tasks.add)
    tasks.send.enqueue("somebody")
    with pytest.raises(AssertionError, match=r"Enqueued were: tests.tasks.send \(1\)"):
        taskhub.assert_enqueued(tasks.add)


def test_masked_arguments_are_not_printed(taskhub):
    tasks.sign_in.enqueue("ada", password="hunter2")

    with pytest.raises(AssertionError) as caught:
        taskhub.assert_enqueued(tasks.sign_in, "ada", "other secret")

    assert "sign_in('ada', password='•••'): password, which is masked, differs" in str(
        caught.value
    )


def test_the_number_of_calls_can_be_asserted(taskhub):
    tasks.add.enqueue_many([(1,), (1,)])

    taskhub.assert_enqueued(tasks.add, 1, options={"times": 2})
    with pytest.raises(AssertionError, match="was enqueued 2 times, not 1"):
        taskhub.assert_enqueued(tasks.add, 1, options={"times": 1})
    with pytest.raises(AssertionError, match="was enqueued 0 times, not 1"):
        taskhub.assert_enqueued(tasks.add, 2, options={"times": 1})


def test_a_refuted_call_is_printed(taskhub):
    tasks.add.enqueue(1, b=2)

    taskhub.refute_enqueued(tasks.send)
    taskhub.refute_enqueued(tasks.add, 2)
    with pytest.raises(AssertionError, match=r"was enqueued 1 times:\n  add\(1, b=2\)"):
        taskhub.refute_enqueued(tasks.add)


def test_names_of_options_do_not_collide_with_parameters(taskhub):
    inline_tasks.with_options.enqueue(1, queue_name="a", times=2)

    call = inline_tasks.with_options.bind(1, queue_name="a", times=2)
    taskhub.assert_enqueued(inline_tasks.with_options, call)
    taskhub.refute_enqueued(inline_tasks.with_options, 1, queue_name="b", times=2)


def test_a_call_without_arguments_is_bound(taskhub):
    tasks.fail.enqueue("message")

    taskhub.refute_enqueued(tasks.fail, tasks.fail.bind())


def test_what_can_match_nothing_is_refused(taskhub):
    with pytest.raises(InvalidArguments, match="did you mean 'b'"):
        taskhub.assert_enqueued(tasks.add, 1, bb=2)
    with pytest.raises(InvalidOption, match="did you mean 'queue_name'"):
        taskhub.assert_enqueued(tasks.add, 1, options={"queue_names": "mail"})


def test_enqueued_results_can_be_queried(taskhub):
    first, second = tasks.add.enqueue(1), tasks.send.enqueue("a")

    assert [str(row.pk) for row in taskhub.enqueued()] == [first.id, second.id]
    assert taskhub.enqueued(tasks.send).get().args == ["a"]
