"""Schedules that the code declares, and their rows."""

import json
import re
from datetime import date, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from taskhub import periodic
from taskhub.exceptions import InvalidOption
from taskhub.models import PeriodicTask
from taskhub.operations.schedules import disable, synchronise
from taskhub.schedules import cron, every
from taskhub.tasks import declared as declarations
from tests import tasks, typed_tasks
from tests.factories import PeriodicTaskFactory
from tests.integration.admin.schedules.pages import ADD, faults, written
from tests.integration.beat.test_isolation import ONLY, make_odd

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def declared(monkeypatch):
    """Remove all declarations but those of the test."""
    monkeypatch.setattr(declarations, "_declared", {})


def declare(schedule=None, **options):
    return periodic(schedule or cron("0 3 * * *", tz="Europe/Berlin"), **options)(
        tasks.add
    )


def only_row() -> PeriodicTask:
    return PeriodicTask.objects.get()


def test_a_declared_schedule_becomes_a_row():
    assert declare(args=[1], description="Adds up.", jitter=timedelta(seconds=5)) is (
        tasks.add
    )

    done = synchronise()

    row = only_row()
    assert done.created == [row.name] == ["tests.tasks.add"]
    assert (row.task_path, row.args) == ("tests.tasks.add", [1])
    assert row.schedule.text == "cron 0 3 * * * Europe/Berlin"
    assert (row.description, row.jitter) == ("Adds up.", timedelta(seconds=5))
    assert row.from_code
    assert row.enabled
    assert row.next_run_at


def test_declared_values_are_stored_as_json():
    day = date(2026, 11, 23)
    periodic(every(hours=1), kwargs={"value": day})(typed_tasks.TYPED["date"])

    synchronise()

    assert only_row().kwargs == {"value": "2026-11-23"}
    assert synchronise().updated == []


def test_declared_values_that_need_an_annotation_are_refused():
    declare(args=[date(2026, 11, 23)])

    (fault,) = synchronise().faults.values()

    assert "args[0] is a date, which JSON cannot carry; annotate its parameter" in fault


def test_a_second_synchronisation_changes_nothing():
    declare(args=[1])
    synchronise()

    done = synchronise()

    assert (done.created, done.updated, done.disabled) == ([], [], [])


def test_a_changed_declaration_changes_its_row():
    declare(args=[1], priority=5)
    synchronise()
    declare(every(hours=2), args=[2])

    done = synchronise()

    row = only_row()
    assert done.updated == ["tests.tasks.add"]
    assert (row.schedule.text, row.args, row.priority) == ("every 2 hours", [2], None)


def test_a_row_that_was_disabled_by_hand_stays_disabled():
    declare(args=[1])
    synchronise()
    disable([only_row()])
    declare(every(hours=2), args=[1])

    synchronise()

    row = only_row()
    assert (row.schedule.text, row.enabled) == ("every 2 hours", False)


def test_a_row_is_disabled_while_its_declaration_is_missing():
    declare(args=[1])
    synchronise()
    declarations._declared.clear()

    assert synchronise().disabled == ["tests.tasks.add"]
    row = only_row()
    assert not row.enabled
    assert row.disabled_reason == "The code does not declare it any more."
    assert synchronise().disabled == []

    declare(args=[1])
    assert synchronise().updated == ["tests.tasks.add"]
    row = only_row()
    assert (row.enabled, row.disabled_reason) == (True, "")


def test_rows_that_were_created_by_hand_are_not_changed():
    by_hand = PeriodicTaskFactory(name="tests.tasks.add")
    declare(every(hours=2), args=[1])

    done = synchronise()

    assert "created by hand" in done.faults["tests.tasks.add"]
    assert only_row().schedule.text == by_hand.schedule.text
    declarations._declared.clear()
    assert synchronise().disabled == []


def test_a_task_may_have_several_schedules():
    declare(every(hours=1), name="hourly", args=[1])
    declare(every(days=1), name="daily", args=[24])

    synchronise()

    arguments = dict(PeriodicTask.objects.values_list("name", "args"))
    assert arguments == {"hourly": [1], "daily": [24]}


def test_arguments_that_do_not_fit_are_reported():
    declare(args=[1, 2, 3])

    done = synchronise()

    assert "add() cannot be called with" in done.faults["tests.tasks.add"]
    assert not PeriodicTask.objects.exists()


def test_periodic_refuses_invalid_declarations():
    with pytest.raises(InvalidOption, match="did you mean 'overlap'"):
        declare(overlapp="skip")
    with pytest.raises(InvalidOption, match="takes a schedule, such as cron"):
        periodic("0 3 * * *")(tasks.add)
    with pytest.raises(InvalidOption, match="goes above @task"):
        periodic(every(hours=1))(tasks.add.func)
    declare(name="nightly")
    with pytest.raises(InvalidOption, match="Two schedules have the name 'nightly'"):
        periodic(every(hours=1), name="nightly")(tasks.send)


def test_the_command_prints_which_rows_it_created(capsys):
    declare(args=[1])
    with pytest.raises(CommandError, match="run migrate"):
        call_command("taskschedules", "--check")
    assert "to be created: tests.tasks.add" in capsys.readouterr().out
    assert not PeriodicTask.objects.exists()

    call_command("taskschedules")

    assert "created: tests.tasks.add" in capsys.readouterr().out
    call_command("taskschedules", "--check")


def test_unreadable_rows_that_were_created_by_hand_are_not_read():
    declare(args=[1])
    for values in ONLY[connection.vendor]:
        make_odd(values)

    assert synchronise().created == ["tests.tasks.add"]


def test_the_command_fails_with_the_faults_of_declarations():
    declare(args=[1, 2, 3])

    with pytest.raises(
        CommandError,
        match=r"tests\.tasks\.add: .*cannot be called with",
    ):
        call_command("taskschedules")


@pytest.mark.django_db(transaction=True)
def test_migrate_creates_rows_for_declarations():
    declare(args=[1])

    call_command("migrate", "taskhub", verbosity=0)

    assert only_row().from_code


def test_an_unknown_time_zone_does_not_stop_other_declarations(capsys):
    declare(every(hours=1), args=[1])
    periodic(cron("0 3 * * *", tz="Test/Gone"), name="gone")(tasks.add)

    done = synchronise()

    assert only_row().name == "tests.tasks.add"
    assert "There is no time zone 'Test/Gone'" in done.faults["gone"]
    with pytest.raises(CommandError, match=r"gone: .*no time zone 'Test/Gone'"):
        call_command("taskschedules")
    call_command("check", "--tag=taskhub")
    assert "(taskhub.W003) The schedule 'gone'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"args": ["x" * 1_500_000]}, "args: .* bytes of JSON, and max_argument_bytes"),
        ({"expires_after": timedelta(days=10**7)}, "expires_after: .* would expire"),
        (
            {"expires_after": timedelta(0)},
            "expires_after: No run starts within 0 seconds",
        ),
        ({"jitter": timedelta(days=10**7)}, "jitter: With a jitter of"),
        ({"overlap": "beside"}, "overlap: Value 'beside' is not a valid choice"),
        ({"missed_runs": "whatever"}, "missed_runs: Value 'whatever' is not a valid"),
        (
            {"disable_after_failures": 99},
            "disable_after_failures: .* less than or equal to 20",
        ),
        ({"max_runs": 0}, "max_runs: .* greater than or equal to 1"),
        ({"name": "n" * 201}, "name: .* at most 200 characters"),
    ],
)
def test_options_with_which_no_run_could_start_are_reported(options, fault):
    declare(**{"args": [1], **options})
    periodic(every(hours=1), name="neighbour", args=[1])(tasks.add)

    done = synchronise()

    assert done.created == ["neighbour"]
    ((_name, told),) = done.faults.items()
    assert re.search(fault, told)


def test_the_form_refuses_arguments_that_are_too_large(admin_client):
    response = admin_client.post(ADD, written(args=json.dumps(["x" * 1_500_000])))

    assert "max_argument_bytes" in faults(response)["args"]
