"""The app of a project: its settings, its tasks, and where it finds modules."""

import sys
from types import SimpleNamespace

import pytest

from taskhub.interop.celery import (
    Celery,
    Task,
    TaskHubCeleryWarning,
    current_app,
    registry,
    shared_task,
)
from taskhub.interop.celery.conf import setting
from taskhub.interop.celery.signals import setup_logging, task_prerun
from taskhub.tasks import find_task
from tests.unit.interop.celery.functions import another, double


class Source:
    result_expires = 5


class Base(Task):
    pass


@pytest.mark.parametrize(
    ("source", "namespace"),
    [
        (SimpleNamespace(CELERY_RESULT_EXPIRES=5), "CELERY"),
        (SimpleNamespace(result_expires=5), None),
        ({"result_expires": 5}, None),
        ("tests.unit.interop.celery.test_app:Source", None),
        ("tests.unit.interop.celery.test_app.Source", None),
    ],
)
def test_settings_come_from_an_object(source, namespace):
    app = Celery("a", timezone="Asia/Tokyo")
    app.config_from_object(source, namespace=namespace)

    assert app.conf.result_expires == app.conf["result_expires"] == 5
    assert app.conf.get("timezone") == "Asia/Tokyo"
    assert (app.conf.task_always_eager, app.conf.broker_url) == (False, None)
    assert "broker_url" not in app.conf
    app.conf.update(result_expires=6)
    assert setting("result_expires") == 6
    other = Celery("b", config_source=source, namespace=namespace)
    assert other.conf.result_expires == 5


def test_settings_of_django_are_read_when_they_are_used(settings):
    app = Celery("a")
    app.config_from_object("django.conf:settings", namespace="CELERY")

    settings.CELERY_RESULT_EXPIRES = 7

    assert app.conf.result_expires == 7


def test_old_names_without_a_namespace(settings):
    Celery("a").config_from_object("django.conf:settings")

    settings.CELERY_ALWAYS_EAGER = True

    assert setting("task_always_eager") is True


def test_old_names_in_the_app_are_those_of_today():
    app = Celery("a")

    app.conf.CELERY_ALWAYS_EAGER = True
    app.conf.update(CELERY_TIMEZONE="Asia/Tokyo")

    assert setting("task_always_eager") is app.conf["CELERY_ALWAYS_EAGER"] is True
    assert app.conf.timezone == app.conf.CELERY_TIMEZONE == "Asia/Tokyo"
    assert app.conf.CELERY_EAGER_PROPAGATES_EXCEPTIONS is False


def test_a_task_is_declared_before_djangos_settings_are_read(monkeypatch, loading):
    from taskhub.interop.celery.app import decorator

    app = Celery("a")
    monkeypatch.setattr(decorator, "settings", SimpleNamespace(configured=False))
    app.task(name="tests.early")(double)
    with pytest.raises(LookupError):
        find_task("tests.early")

    loading()

    assert find_task("tests.early").func.__name__ == "double"


def test_a_class_can_be_registered():
    class Counting(Task):
        autoretry_for = (OSError,)

        def run(self, numbers):
            return len(numbers)

    Counting.__qualname__ = "Counting"
    task = Celery("a").register_task(Counting)

    assert task.name == "tests.unit.interop.celery.test_app.Counting"
    assert task([1, 2]) == 2
    assert find_task(task.name) is task.hub_task
    run = task.run
    assert current_app.register_task(task) is task
    assert task.run == run


@pytest.mark.parametrize(
    "task_cls", [Base, "tests.unit.interop.celery.test_app:Base", None]
)
def test_an_app_has_the_base_class_of_its_tasks(task_cls):
    registry.apps.clear()
    app = Celery("a", task_cls=task_cls)
    if task_cls is None:
        app.Task = Base

    assert isinstance(app.task(another()), Base)
    assert isinstance(shared_task(another()), Base)
    assert not isinstance(shared_task(base=Task)(another()), Base)


def test_tasks_are_found_in_packages(loading, tmp_path, monkeypatch):
    for name in ("jobs", "tasks", "apps", "exact", "other"):
        (tmp_path / "found_here").mkdir(exist_ok=True)
        (tmp_path / "found_here" / f"{name}.py").write_text("LOADED = True\n")
    (tmp_path / "found_here" / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    app = Celery("a", include=["found_here.apps"], imports="found_here.other")
    app.autodiscover_tasks()
    app.autodiscover_tasks(lambda: ["found_here.apps.Config", "json", "zipapp"])
    app.autodiscover_tasks(["found_here"], related_name="jobs")
    app.autodiscover_tasks(["found_here.exact"], related_name=None)
    assert "found_here.jobs" not in sys.modules

    loading()

    for name in ("jobs", "tasks", "apps", "exact", "other"):
        assert sys.modules.pop(f"found_here.{name}").LOADED


def test_modules_of_another_name_are_found_in_all_apps(loading):
    Celery("a").autodiscover_tasks(related_name="death_tasks")
    sys.modules.pop("tests.death_tasks", None)

    loading()

    assert "tests.death_tasks" in sys.modules


def test_an_unknown_package_is_an_error():
    with pytest.raises(ModuleNotFoundError, match="No module named 'nowhere'"):
        Celery("a").autodiscover_tasks(["nowhere.at.all"])


@pytest.mark.parametrize("namespace", ["CELERY", None])
def test_the_settings_of_django_name_modules(
    loading, settings, tmp_path, monkeypatch, namespace
):
    (tmp_path / "included_here.py").write_text("LOADED = True\n")
    monkeypatch.syspath_prepend(tmp_path)
    settings.CELERY_INCLUDE = ["included_here"]
    Celery("a").config_from_object("django.conf:settings", namespace=namespace)

    loading()

    assert sys.modules.pop("included_here").LOADED


@pytest.mark.parametrize("name", ["inspect", "ping", "purge", "broadcast", "pool_grow"])
def test_control_says_what_to_use_instead(name):
    with pytest.raises(AttributeError, match=f"app.control.{name} .*; use "):
        getattr(Celery("a").control, name)


def test_an_unknown_word_of_control():
    with pytest.raises(AttributeError, match="no 'inspct'"):
        _ = Celery("a").control.inspct


def test_the_current_app_is_the_first_one():
    registry.apps.clear()
    app = Celery("first")
    second = Celery("second")

    assert current_app.main == "first"
    assert repr(current_app) == "<Celery first>"
    assert current_app == app
    task = shared_task(another())
    assert task.app is app
    assert second.task(another()).app is second
    second.set_current()
    assert current_app == task.app == second


def test_receivers_are_connected_in_celerys_ways():
    told = []

    @task_prerun.connect
    def first(**kwargs):
        told.append("first")

    @task_prerun.connect(sender="shop.double")
    def second(**kwargs):
        told.append("second")

    try:
        task_prerun.tell("".join(["shop", ".double"]))
        task_prerun.tell("another")
    finally:
        task_prerun.disconnect(first)
        task_prerun.disconnect(second, sender="shop.double")

    assert told == ["first", "second", "first"]
    task_prerun.tell("shop.double")
    assert len(told) == 3


def test_a_signal_that_is_never_sent_warns():
    with pytest.warns(TaskHubCeleryWarning, match="setup_logging is never sent; "):
        setup_logging.connect(print)
