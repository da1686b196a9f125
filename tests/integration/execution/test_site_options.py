"""Options of the settings, from the settings of a worker to the rows."""

import io
import json

import pytest
from django.core.management import CommandError, call_command

from taskhub.models import Status, TaskResult
from tests import tasks
from tests.factories import TaskResultFactory
from tests.integration.admin.results.pages import change, text_of
from tests.nodes import Node

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.any_database]

SITE = {"DJANGO_SETTINGS_MODULE": "tests.site_settings.ruled"}


def test_a_worker_obeys_the_options_of_its_settings(start_node, gate):
    slow = tasks.wait_for_gate.enqueue("slow", gate.path)
    failing = tasks.fail.enqueue()
    forgotten = tasks.add.enqueue(1)
    node = start_node("--drain", "--processes=1", **SITE)

    assert node.wait() == 0

    row = slow.row
    assert (row.status, row.attempts) == (Status.FAILED, 1)
    assert row.errors[0]["exception_class_path"].endswith("TaskTimeout")
    # It waits for its second attempt.
    assert failing.row.status == Status.READY
    assert not TaskResult.objects.filter(pk=forgotten.id).exists()


def test_enqueueing_obeys_the_options_of_the_settings(config, tmp_path):
    shell = Node(
        config,
        tmp_path / "log",
        "--command=from tests.tasks import add; add.enqueue(1)",
        command="shell",
        **SITE,
    )

    assert shell.wait() == 0, shell.log

    assert TaskResult.objects.get().priority == 7


@pytest.mark.any_broker
def test_a_command_shows_where_options_come_from(config, tmp_path):
    command = Node(
        config,
        tmp_path / "log",
        "--task=tests.tasks.wait_for_gate",
        "--json",
        command="taskstatus",
        **SITE,
    )
    assert command.wait() == 0, command.log

    shown = {each["name"]: each for each in json.loads(command.log)}
    assert shown["timeout"]["value"] == "0.2"
    assert shown["timeout"]["origin"] == (
        "TASKS['default']['OPTIONS']['task_rules']['tests.tasks.wait_for_gate']"
    )
    assert shown["durable"]["origin"] == "default"


@pytest.mark.any_broker
def test_the_options_of_an_unknown_task_are_an_error():
    with pytest.raises(CommandError, match=r"did you mean 'tests\.tasks\.add'"):
        call_command("taskstatus", "--task=tests.tasks.ad", stdout=io.StringIO())


@pytest.mark.any_broker
def test_the_page_of_a_result_shows_where_options_come_from(admin_client):
    row = TaskResultFactory(task_path="tests.tasks.send")

    text = text_of(admin_client.get(change(row)))

    assert "<div>queue_name = mail <small>@task</small></div>" in text
