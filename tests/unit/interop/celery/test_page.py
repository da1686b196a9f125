"""The page "Coming from Celery" names what there is, and all that there is."""

import re

import msgspec
import pytest
from django.conf import settings
from django.core.management import get_commands, load_command_class

import taskhub
from taskhub import operations, schedules
from taskhub import signals as hub_signals
from taskhub.compat import django_tasks as compat
from taskhub.conf import Options
from taskhub.interop import celery
from taskhub.interop.celery import exceptions, publishing, result, signals, states
from taskhub.interop.celery import schedules as celery_schedules
from taskhub.interop.celery.app import options, periodic
from taskhub.interop.celery.app.request import Context
from taskhub.interop.celery.utils import log
from taskhub.models import TaskResult
from taskhub.tasks.decorator import TaskOptions
from taskhub.tasks.options.variants import UsingOptions

PAGE = (settings.BASE_DIR / "docs/howto/move-from-celery.md").read_text()


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the tables of a section, without their headings."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = re.findall(r"^\|(.+)\|$", section, re.MULTILINE)
    cells = [[cell.strip() for cell in line.split("|")] for line in lines]
    headings = {index - 1 for index, row in enumerate(cells) if set(row[0]) == {"-"}}
    return [
        row
        for index, row in enumerate(cells)
        if index not in headings and set(row[0]) != {"-"}
    ]


def names(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def first_column(heading: str) -> set[str]:
    return {name for row in rows(heading) for name in names(row[0])}


def sent(signal: signals.Signal) -> bool:
    return not signal.instead


OPTIONS_OF_TASKS = (
    options.KNOWN | options.WITHOUT_EFFECT.keys() | options.REFUSED.keys()
)
OPTIONS_OF_CALLS = {
    *publishing.KNOWN,
    *publishing.WITHOUT_EFFECT,
    *publishing.CALLBACKS,
}
SIGNALS = {
    name: signal
    for name, signal in vars(signals).items()
    if isinstance(signal, signals.Signal)
}
#: Where each dotted beginning is looked up.
ROOTS = {"self": celery.Task, "app": celery.Celery("page"), "context": taskhub.Context}


def exists(name: str) -> bool:
    """Whether a word of the first column is a word of taskhub.interop.celery."""
    root, _, attribute = name.partition(".")
    if attribute:
        found = ROOTS[root]
        for part in attribute.split("."):
            if part in ("inspect", "ping", "purge", "beat_schedule"):
                return True
            if not hasattr(found, part):
                return False
            found = getattr(found, part)
        return True
    places = (
        *(celery, celery.Task, celery.Signature, exceptions, log, result),
        *(result.AsyncResult("1"), celery_schedules, ROOTS["app"], Context()),
    )
    return any(hasattr(place, name) for place in places)


@pytest.mark.parametrize("heading", ["Tasks", "Calls", "Results", "Schedules"])
def test_each_word_of_celery_exists_here(heading):
    listed = first_column(heading) - OPTIONS_OF_TASKS - OPTIONS_OF_CALLS
    others = {*states.ALL_STATES, *periodic._KEYS, "update_state()"}

    missing = {name for name in listed - others if not exists(name)}
    assert missing == {"CELERY_BEAT_SCHEDULE"} & listed


def test_each_option_is_on_the_page():
    assert first_column("Tasks") >= OPTIONS_OF_TASKS
    assert first_column("Calls") >= OPTIONS_OF_CALLS


@pytest.mark.parametrize("row", rows("Tasks") + rows("Calls"), ids=lambda row: row[0])
def test_the_page_says_which_options_have_no_effect(row):
    without = options.WITHOUT_EFFECT.keys() | publishing.WITHOUT_EFFECT.keys()
    if row[1].startswith("no effect"):
        assert set(names(row[0])) <= without
    if row[1].startswith("the same"):
        assert not set(names(row[0])) & options.WITHOUT_EFFECT.keys()


def test_each_word_of_the_package_is_on_the_page():
    words = set(celery.__all__) - {"Celery", "Task", "TaskHubCeleryWarning"}
    aliases = {"maybe_signature", "Signature", "uuid"}

    assert words - aliases <= first_column("Tasks") | first_column("Calls")


def test_each_word_of_a_result_is_on_the_page():
    own = {name for name in vars(result.AsyncResult) if not name.startswith("_")}
    aliases = {"task_id", "maybe_throw", "row"}

    assert own - aliases <= first_column("Results")


def test_each_attribute_of_a_request_is_on_the_page():
    (row,) = (row for row in rows("Tasks") if row[0] == "`self.request`")

    assert all(hasattr(Context(), name) for name in names(row[1]) if name != "None")


def test_each_signal_is_on_the_page():
    assert first_column("Signals") == SIGNALS.keys()
    for row in rows("Signals"):
        never = row[1].startswith("never sent")
        assert {sent(SIGNALS[name]) for name in names(row[0])} == {not never}


def test_each_word_of_taskhub_exists():
    known = {
        *("task", "periodic"),
        *TaskOptions.__annotations__,
        *UsingOptions.__annotations__,
        *(field.name for field in msgspec.structs.fields(Options)),
        *(name for name, app in get_commands().items() if app == "taskhub"),
        *dir(taskhub.Task),
        *dir(taskhub.Result),
        *dir(schedules),
        *dir(hub_signals),
        *dir(compat),
        TaskResult.__name__,
    }
    python = {"return", "logging.getLogger", "bool"}
    found = {
        name.removeprefix("@").partition(" ")[0]
        for heading in ("Tasks", "Calls", "Results", "Schedules", "Signals")
        for row in rows(heading)
        if len(row) > 2
        for name in names(row[2])
    } - python

    dotted = {name for name in found if "." in name}
    for name in dotted:
        root, _, attribute = name.partition(".")
        place = {"operations": operations, "context": taskhub.Context}[root]
        for part in attribute.split("."):
            assert part in ("task_result", "attempt") or hasattr(place, part), name
            place = getattr(place, part, None)
    assert found - dotted - known == set()


@pytest.mark.parametrize("heading", ["Settings", "Commands"])
def test_each_option_of_a_command_exists(heading):
    for row in rows(heading):
        for name in names(row[-1]):
            command, _, option = name.partition(" ")
            if command in get_commands() and option.startswith("--"):
                parser = load_command_class("taskhub", command).create_parser("", "")
                assert option in parser._option_string_actions, name
