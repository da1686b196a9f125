"""`taskhub_check_celery`: what it finds in the source of a project."""

import json
import re
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from taskhub.interop.celery.conf import Conf
from taskhub.interop.celery_check import Verdict, read_project, words
from tests.unit.interop.celery.checked_project import FILES

PAGE = Path(__file__).parents[4] / "docs" / "howto" / "move-from-celery.md"


def write(directory):
    """Write the files of the project into a directory."""
    for name, text in FILES.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture
def project(tmp_path):
    """The directory of the project."""
    write(tmp_path)
    return tmp_path


@pytest.fixture
def report(project):
    """The report about the project."""
    return read_project(project)


def found(report, path, verdict):
    """Return the lines and uses with a verdict in a file."""
    return [
        (each.line, each.what)
        for each in report.with_verdict(verdict)
        if each.path == path
    ]


def test_what_has_to_be_written_by_hand_is_found(report):
    assert found(report, "shop/tasks.py", Verdict.HAND) == [
        (4, "from celery.signals import task_received"),
        (5, "from celery.utils.nodenames import host_format"),
        (6, "from django_celery_results.models import TaskResult"),
        (7, "from kombu import Exchange"),
        (15, "link= of apply_async()"),
        (15, "routing= of apply_async()"),
        (20, "serializer= of a task"),
        (22, "chord()"),
        (28, "app.control.inspect()"),
    ]
    assert found(report, "shop/settings.py", Verdict.HAND) == [
        (1, "CELERY_BROKER_URL"),
        (4, "CELERY_TASK_SERIALIZER"),
    ]
    assert found(report, "shop/celery.py", Verdict.HAND) == [
        (12, "app.conf.task_routes"),
        (12, "app.conf.broker_url"),
    ]


def test_what_has_no_effect_is_noted(report):
    assert found(report, "shop/tasks.py", Verdict.NOTE) == [
        (12, "rate_limit= of a task"),
        (20, "priority= of a task"),
        (20, "color= of a task"),
    ]
    assert found(report, "shop/settings.py", Verdict.NOTE) == [
        (2, "CELERY_RESULT_BACKEND"),
        (5, "CELERY_SOMETHING_ELSE"),
    ]


def test_what_moves_is_counted(report):
    assert (report.tasks, report.files) == (3, 3)
    assert report.moving["task"] == 3
    assert report.moving["async def task"] == 1
    assert report.moving["bind= of a task"] == 1
    assert report.moving["countdown= of apply_async()"] == 1
    assert report.moving["app.control.revoke()"] == 1
    assert report.moving["CELERY_TASK_ALWAYS_EAGER"] == 1
    assert report.moving["app.conf.beat_schedule"] == 1
    assert report.moving["from celery.signals import task_success"] == 1
    assert report.moving["from celery.schedules import crontab"] == 1


def test_commands_in_other_files_are_found(report):
    assert found(report, "Procfile", Verdict.HAND) == [
        (2, "celery worker"),
        (3, "celery beat"),
    ]
    assert found(report, "compose.yml", Verdict.HAND) == [(3, "celery worker")]


def test_the_app_is_found_in_a_module_of_any_name(tmp_path):
    (tmp_path / "queueing.py").write_text("import celery\nhub = celery.Celery('a')\n")
    (tmp_path / "work.py").write_text(
        "from shop.queueing import hub as app\n@app.task(rate_limit=1)\ndef f(): ...\n"
    )

    report = read_project(tmp_path)

    assert report.tasks == 1
    assert found(report, "work.py", Verdict.NOTE) == [(2, "rate_limit= of a task")]


def test_an_app_may_have_an_annotation_and_settings(tmp_path):
    (tmp_path / "queueing.py").write_text(
        "hub: Celery = Celery('a', broker='redis://', backend=None, include=[])\n"
        "@hub.task(rate_limit=1)\ndef f(): ...\n"
    )
    (tmp_path / "work.py").write_text(
        "from shop.queueing import hub\n@hub.task(rate_limit=1)\ndef f(): ...\n"
    )

    report = read_project(tmp_path)

    assert report.tasks == 2
    assert found(report, "queueing.py", Verdict.HAND) == [(1, "broker= of Celery()")]
    assert found(report, "queueing.py", Verdict.NOTE) == [
        (1, "backend= of Celery()"),
        (2, "rate_limit= of a task"),
    ]
    assert report.moving["include= of Celery()"] == 1


def test_chains_and_callbacks_of_signatures_are_found(tmp_path):
    (tmp_path / "work.py").write_text(
        "f.s() | g.si() | following\n"
        "group(f.s()) | g.s()\n"
        "f.s().link(g.s())\n"
        "f.s().link_error(g.s())\n"
        "flags | others\n"
        "page.link(1)\n"
    )

    report = read_project(tmp_path)

    assert found(report, "work.py", Verdict.HAND) == [
        (1, "a | b"),
        (2, "a | b"),
        (3, ".link()"),
        (4, ".link_error()"),
    ]


@pytest.mark.parametrize("name", ["compose.yml", "tasks.py"])
def test_a_file_that_cannot_be_opened_is_reported(tmp_path, name):
    (tmp_path / name).symlink_to(tmp_path / "nowhere")

    assert "No such file" in read_project(tmp_path).unreadable[name]


@pytest.mark.parametrize(
    ("line", "commands"),
    [
        ("celery -A shop worker & celery -A shop beat", ["worker", "beat"]),
        ("python -m celery --workdir=/srv --app shop.celery:app worker", ["worker"]),
        ("celery -b redis://localhost/0 -A shop flower", ["flower"]),
        ('["celery","-A","shop","-q","status"]', ["status"]),
        ("celery --app='shop' inspect ping", ["inspect"]),
        ("celery-exporter worker", []),
        ("pip install celery", []),
    ],
)
def test_each_call_of_the_command_in_a_line_is_found(tmp_path, line, commands):
    (tmp_path / "run.sh").write_text(line)

    assert found(read_project(tmp_path), "run.sh", Verdict.HAND) == [
        (1, f"celery {command}") for command in commands
    ]


@pytest.mark.parametrize("option", ["-a=-", "-a ", "-a b "])
def test_a_long_line_is_read_in_one_pass(tmp_path, option):
    # A pattern that tries each way to divide the line would never end.
    (tmp_path / "run.sh").write_text("celery " + option * 10_000 + "x\n")

    assert read_project(tmp_path).findings == []


@pytest.mark.parametrize(
    ("imported", "drawn"),
    [
        ("import random", "str(random.randint(0, 59))"),
        ("from random import randint as dice", "f'{dice(0, 59)}'"),
        ("import secrets as s", "s.randbelow(60)"),
    ],
)
def test_schedules_of_random_numbers_are_noted(tmp_path, imported, drawn):
    (tmp_path / "work.py").write_text(
        f"from celery.schedules import crontab, schedule\n{imported}\n"
        f"crontab(minute={drawn})\nschedule({drawn})\ncrontab(minute=3)\nint({drawn})"
    )

    assert found(read_project(tmp_path), "work.py", Verdict.NOTE) == [
        (3, "crontab() of random numbers"),
        (4, "schedule() of random numbers"),
    ]


def test_modules_that_have_moved_are_read_as_well(tmp_path):
    (tmp_path / "work.py").write_text(
        "from taskhub.interop.celery import chord, shared_task as job\n"
        "@job(rate_limit=1)\ndef f(): chord([])\n"
    )

    report = read_project(tmp_path)

    assert report.tasks == 1
    assert found(report, "work.py", Verdict.NOTE) == [(2, "rate_limit= of a task")]
    assert found(report, "work.py", Verdict.HAND) == [(3, "chord()")]
    assert list(report.moving) == ["task"]


def test_names_of_settings_before_celery_4_are_found(tmp_path):
    (tmp_path / "settings.py").write_text(
        "BROKER_URL = 'redis://localhost'\n"
        "CELERYBEAT_SCHEDULE = {}\n"
        "CELERYD_MAX_TASKS_PER_CHILD = 20\n"
        "CELERYD_TASK_TIME_LIMIT: int = 60\n"
        "CELERYD_STATE_DB = 'state'\n"
        "CELERY_ROUTES = {}\n"
        "BROKER_FEE = 3\n"
    )
    (tmp_path / "app.py").write_text("app.conf.update(CELERY_TASK_RESULT_EXPIRES=5)\n")

    report = read_project(tmp_path)

    assert found(report, "settings.py", Verdict.HAND) == [
        (1, "BROKER_URL"),
        (3, "CELERYD_MAX_TASKS_PER_CHILD"),
        (4, "CELERYD_TASK_TIME_LIMIT"),
        (6, "CELERY_ROUTES"),
    ]
    assert found(report, "settings.py", Verdict.MOVES) == [(2, "CELERYBEAT_SCHEDULE")]
    assert found(report, "settings.py", Verdict.NOTE) == [(5, "CELERYD_STATE_DB")]
    assert found(report, "app.py", Verdict.HAND) == [
        (1, "app.conf.CELERY_TASK_RESULT_EXPIRES")
    ]


def test_old_settings_are_known_under_the_names_of_today():
    known = {*words.SETTINGS, *words.REPLACED_SETTINGS}

    assert {*words.OLD_SETTINGS.values()} <= known


def test_files_of_other_packages_are_left_out(tmp_path):
    for place in ("node_modules", ".hidden", "env"):
        write(tmp_path / place)
    (tmp_path / "env" / "pyvenv.cfg").touch()
    write(tmp_path / "own")

    report = read_project(tmp_path)

    assert {each.path.partition("/")[0] for each in report.findings} == {"own"}


def test_a_file_that_is_not_python_is_reported(tmp_path, capsys):
    (tmp_path / "broken.py").write_text("def f(:\n")

    with pytest.raises(SystemExit) as caught:
        call_command("taskhub_check_celery", str(tmp_path))

    assert caught.value.code == 0
    assert "broken.py cannot be read: invalid syntax" in capsys.readouterr().out


def test_the_command_shows_the_place_and_the_advice(project, capsys):
    with pytest.raises(SystemExit) as caught:
        call_command("taskhub_check_celery", str(project))

    assert caught.value.code == 1
    said = capsys.readouterr().out
    assert re.search(r"^shop/tasks\.py$", said, re.MULTILINE)
    assert re.search(
        r"^     22  by hand  chord\(\): It is refused: ", said, re.MULTILINE
    )
    assert "bind= of a task" not in said
    assert (
        "\nTasks: 3, in 3 files. Uses of Celery that move by their import lines: "
        in said
    )


def test_the_command_can_show_everything(project, capsys):
    with pytest.raises(SystemExit):
        call_command("taskhub_check_celery", str(project / "shop"), "--all")

    assert "moves    bind= of a task" in capsys.readouterr().out


def test_the_command_can_print_json(project, capsys):
    with pytest.raises(SystemExit):
        call_command(
            "taskhub_check_celery", str(project / "shop/settings.py"), "--json"
        )

    report = json.loads(capsys.readouterr().out)
    assert report["files"] == 1
    assert report["findings"][0] == {
        "path": "settings.py",
        "line": 1,
        "what": "CELERY_BROKER_URL",
        "verdict": "hand",
        "advice": 'Write OPTIONS["broker_url"].',
    }


def test_a_project_without_celery_has_no_findings(tmp_path, capsys):
    (tmp_path / "views.py").write_text("from django.views import View\n")

    with pytest.raises(SystemExit) as caught:
        call_command("taskhub_check_celery", str(tmp_path))

    assert caught.value.code == 0
    assert capsys.readouterr().out == "No use of Celery in 1 files.\n"


def test_a_missing_path_is_an_error():
    with pytest.raises(CommandError, match="There is no file or directory 'gone'"):
        call_command("taskhub_check_celery", "gone")


def test_the_settings_are_those_of_the_page():
    page = set(re.findall(r"`CELERY_(\w+)`", PAGE.read_text()))
    known = {name.upper() for name in {*words.SETTINGS, *words.REPLACED_SETTINGS}}

    assert page == known


@pytest.mark.parametrize("name", sorted(words.SETTINGS))
def test_settings_that_are_said_to_move_have_an_effect(name):
    sources = Path(Conf.__init__.__code__.co_filename).parent.rglob("*.py")

    assert any(f'"{name}"' in source.read_text() for source in sources)
