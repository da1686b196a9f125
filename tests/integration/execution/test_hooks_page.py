"""The examples of docs/howto/hooks.md do what the page says."""

import pytest
from django.contrib.auth.models import User

from tests import tasks
from tests.factories import TaskResultFactory
from tests.servers import wait_until

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.any_database,
    pytest.mark.any_broker,
]


def test_the_examples_work(start_node):
    user = User.objects.create(username="ada")
    path = "tests.documented_hooks.send_welcome"
    welcome = TaskResultFactory(task_path=path, args=[user.pk], place="ready")
    gone = TaskResultFactory(task_path=path, args=[0], place="ready")
    failing = tasks.fail_twice.enqueue()
    node = start_node(
        "--processes=1", DJANGO_SETTINGS_MODULE="tests.site_settings.hooked"
    )

    wait_until(lambda: failing.row.is_finished, "the failure")
    assert welcome.get(timeout=60) == "Welcome, ada!"
    assert gone.get(timeout=60) is None
    assert node.stop() == 0

    for line in (
        "fail_twice raised in attempt 1.",
        "is retried in 0:00:00.250000 after ConnectionError('no').",
        f"{failing.id} failed: Traceback",
        "A process starts: worker.",
        "A process ends: worker.",
    ):
        assert line in node.log
