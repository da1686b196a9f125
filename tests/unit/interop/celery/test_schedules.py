"""Celery's schedules, and how an app declares them."""

from datetime import timedelta

import pytest

from taskhub.exceptions import InvalidArguments, InvalidOption, InvalidSchedule
from taskhub.interop.celery import Celery, TaskHubCeleryWarning
from taskhub.interop.celery.schedules import crontab, schedule, schedule_of, solar
from taskhub.schedules import cron, every
from taskhub.tasks import declared_schedules
from tests.celery_tasks import add


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (crontab(), "cron * * * * * UTC"),
        (crontab(minute=0, hour="*/3"), "cron 0 */3 * * * UTC"),
        (crontab(0, 7, day_of_week="mon-fri"), "cron 0 7 * * MON-FRI UTC"),
        (crontab(0, 7, "sunday"), "cron 0 7 * * SUN UTC"),
        (crontab(minute={0, 30}, hour=[8, 9]), "cron 0,30 8,9 * * * UTC"),
        (crontab(0, 0, day_of_month="1", month_of_year="*/3"), "cron 0 0 1 */3 * UTC"),
        (schedule(timedelta(minutes=5)), "every 300 seconds"),
        (schedule(0.5), "every 500 milliseconds"),
        (timedelta(hours=1), "every 3600 seconds"),
        (30, "every 30 seconds"),
        (30.0, "every 30 seconds"),
        (cron("0 3 * * *"), "cron 0 3 * * * UTC"),
    ],
)
def test_schedules_become_those_of_taskhub(given, text):
    assert schedule_of(given).text == text


def test_solar_events():
    assert schedule_of(solar("sunset", 52.52, 13.4)).text == "solar sunset 52.52 13.4"


def test_crontabs_are_in_celerys_zone(settings):
    settings.TIME_ZONE = "America/New_York"
    assert schedule_of(crontab()).tz == "UTC"
    settings.CELERY_TIMEZONE = "Europe/Berlin"
    assert schedule_of(crontab()).tz == "Europe/Berlin"


def test_without_a_namespace_celery_finds_the_zone_of_django(settings):
    settings.TIME_ZONE = "America/New_York"
    Celery("a").config_from_object("django.conf:settings")

    assert schedule_of(crontab()).tz == "America/New_York"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: crontab(hour="25"), "Celery cannot read hour '25'"),
        (lambda: crontab(day_of_week="1", day_of_month="15"), "fires on days"),
        (lambda: schedule_of("daily"), "A schedule is a crontab, .* not 'daily'"),
        (lambda: schedule_of(0.0005), "not a whole number of milliseconds"),
        (lambda: schedule_of(timedelta(0)), "from 1, not 0"),
    ],
)
def test_bad_schedules_are_refused(make, message):
    with pytest.raises(InvalidSchedule, match=message):
        make()


def test_beat_schedule_is_declared_when_django_has_loaded_its_apps(loading, settings):
    settings.TASKHUB_CELERY_PRIORITY = "redis"
    app = Celery("a")
    app.conf.beat_schedule = {
        "nightly": {
            "task": "tests.multiply",
            "schedule": crontab(minute=0, hour=3),
            "args": (2, 3),
            "kwargs": {"a": 1},
            "options": {"queue": "mail", "expires": 60, "priority": 4},
        },
        "never": {"task": "tests.multiply", "schedule": 1, "enabled": False},
    }
    assert "nightly" not in declared_schedules()

    loading()

    nightly = declared_schedules()["nightly"]
    assert nightly.task_path == "tests.multiply"
    assert nightly.schedule == cron("0 3 * * *")
    assert nightly.options == {
        "args": [2, 3],
        "kwargs": {"a": 1},
        "queue_name": "mail",
        "expires_after": timedelta(minutes=1),
        "priority": -4,
    }
    assert "never" not in declared_schedules()


def test_entries_can_be_added_to_beat_schedule(loading):
    app = Celery("a")
    app.conf.beat_schedule["added"] = {"task": "tests.multiply", "schedule": 30}
    app.conf.beat_schedule.update({})

    loading()

    assert "added" in declared_schedules()
    assert Celery("b").conf.beat_schedule == {}


@pytest.mark.parametrize("namespace", ["CELERY", None])
def test_the_settings_of_django_have_schedules(loading, settings, namespace):
    name = "CELERY_BEAT_SCHEDULE" if namespace else "CELERYBEAT_SCHEDULE"
    setattr(settings, name, {"often": {"task": "tests.multiply", "schedule": 30}})
    Celery("a").config_from_object("django.conf:settings", namespace=namespace)

    loading()

    assert declared_schedules()["often"].schedule == every(seconds=30)


@pytest.mark.parametrize("hook", ["on_after_configure", "on_after_finalize"])
def test_add_periodic_task_in_a_hook(loading, hook):
    app = Celery("a")

    @getattr(app, hook).connect
    def set_up(sender, **kwargs):
        sender.add_periodic_task(10.0, add.s(1, b=2), name="ten", expires=5)
        sender.add_periodic_task(crontab(minute=1), add.s(7))

    assert "ten" not in declared_schedules()
    loading()

    ten = declared_schedules()["ten"]
    assert (ten.task_path, ten.options["args"]) == ("tests.celery_tasks.add", [1])
    assert ten.options["kwargs"] == {"b": 2}
    assert ten.options["expires_after"] == timedelta(seconds=5)
    assert "tests.celery_tasks.add(7)" in declared_schedules()


def test_schedules_under_the_old_name_in_the_app():
    schedule = {"old": {"task": "tests.multiply", "schedule": 30}}

    Celery("a").conf.CELERYBEAT_SCHEDULE = schedule

    assert declared_schedules()["old"].schedule == every(seconds=30)


def test_an_app_that_is_made_later_is_complete_at_once():
    app = Celery("late")

    app.conf.beat_schedule = {"late": {"task": "tests.multiply", "schedule": 5}}
    app.on_after_finalize.connect(
        lambda sender, **kwargs: sender.add_periodic_task(5, add.s(1), name="later")
    )

    assert {"late", "later"} <= declared_schedules().keys()


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"task": "a", "scedule": 1}, "Unknown key 'scedule' .* 'schedule'"),
        ({"task": "a"}, "needs a task and a schedule"),
        (5, r"beat_schedule\['bad'\] must be a dict with a task and a schedule, not 5"),
        (
            {"task": "a", "schedule": 1, "options": {"expires": "soon"}},
            "must be seconds or a timedelta",
        ),
    ],
)
def test_bad_entries_are_refused(entry, message):
    with pytest.raises(InvalidOption, match=message):
        Celery("a").conf.beat_schedule = {"bad": entry}


def test_a_text_as_the_arguments_of_an_entry_is_refused():
    entry = {"task": "a", "schedule": 1, "args": "ab"}
    with pytest.raises(InvalidArguments, match=r"args of .*'bad'\] takes a tuple"):
        Celery("a").conf.beat_schedule = {"bad": entry}


@pytest.mark.parametrize("entry", [{"relative": True}, {"options": {"exchange": "a"}}])
def test_parts_of_an_entry_without_effect_warn(entry):
    with pytest.warns(TaskHubCeleryWarning, match="has no effect"):
        Celery("a").conf.beat_schedule = {"a": {"task": "a", "schedule": 1, **entry}}
