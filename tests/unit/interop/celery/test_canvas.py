"""Signatures and groups, and what needs workflows."""

import pytest

from taskhub.interop import celery
from taskhub.interop.celery import group, signature
from taskhub.interop.celery.exceptions import InvalidCall
from tests.celery_tasks import add, app, multiply


def test_further_arguments_are_put_before_those_of_a_signature():
    partial = add.s(2, x=1).clone((1,), {"y": 2}, countdown=3)

    assert (partial.args, partial.kwargs) == ((1, 2), {"x": 1, "y": 2})
    assert partial.options == {"countdown": 3}
    assert repr(add.s(1, b=2)) == "tests.celery_tasks.add(1, b=2)"


def test_an_immutable_signature_takes_no_arguments():
    assert add.si(1, 2)(5) == 3
    assert add.s(1, 2).set(immutable=True, queue="mail").clone((5,)).args == (1, 2)
    assert signature(multiply, (3,))(4) == 12


def test_a_signature_has_the_task_by_its_name():
    by_name = signature("tests.multiply", args=(3, 4), app=app, queue="mail")

    assert by_name.type is multiply
    assert by_name() == 12
    assert by_name == signature(multiply, (3, 4), queue="mail")
    assert signature(by_name) is by_name


def test_a_task_of_taskhub_can_only_be_enqueued_by_name():
    with pytest.raises(InvalidCall, match="can only be enqueued"):
        signature("tests.tasks.add")(1)


def test_groups_are_flat():
    tasks = group(add.s(1), group([add.s(2), add.s(3)])).tasks

    assert [each.args for each in tasks] == [(1,), (2,), (3,)]
    assert [each.get() for each in group(add.s(1, 1), add.s(2, 2)).apply()] == [2, 4]


def test_skew_spreads_the_tasks_of_a_group():
    tasks = group(add.s(each) for each in range(4)).skew(1, 3).tasks

    assert [each.options["countdown"] for each in tasks] == [1, 2, 3, 3]


@pytest.mark.parametrize("name", ["chain", "chord", "chunks", "xmap", "xstarmap"])
def test_what_needs_workflows_is_refused(name):
    with pytest.raises(InvalidCall, match=r"needs workflows, .* not have; "):
        getattr(celery, name)(add.s(1), add.s(2))


@pytest.mark.parametrize(
    "make",
    [
        lambda: add.s(1) | add.s(2),
        lambda: group(add.s(1)) | add.s(2),
        lambda: add.s(1).link(add.s()),
        lambda: add.s(1).link_error(add.s()),
        lambda: group(add.s(1)).link(add.s()),
        lambda: group(add.s(1)).link_error(add.s()),
    ],
)
def test_callbacks_and_pipes_are_refused(make):
    with pytest.raises(InvalidCall, match="needs workflows"):
        make()


def test_a_group_takes_signatures_only():
    with pytest.raises(InvalidCall, match=r"such as task\.s\(1\), not 1\."):
        group([1])
    with pytest.raises(InvalidCall, match=r"not <@task: tests\.celery_tasks\.add>"):
        group(add)


def test_a_called_group_takes_options_as_keywords(settings):
    settings.CELERY_TASK_ALWAYS_EAGER = True

    assert group(add.s(2))(1, countdown=5).get() == [3]
