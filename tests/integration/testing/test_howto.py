"""The examples of docs/howto/testing.md, run as they are written."""

import os
import re
import subprocess
import sys

import pytest
from django.conf import settings

from taskhub.backend import TaskHubBackend

pytestmark = [pytest.mark.any_broker, pytest.mark.any_database]

PAGE = settings.BASE_DIR / "docs" / "howto" / "testing.md"

#: The shop that the examples are about.
SHOP = """
from datetime import timedelta
from types import SimpleNamespace

from django.core.mail import send_mail
from django.http import HttpResponse
from django.urls import path

from taskhub import Context, periodic, task
from taskhub.retries import fixed
from taskhub.schedules import cron
from tests.models import Trace


class Charge:
    objects = SimpleNamespace(filter=lambda order: Trace.objects.filter(label=order))


@task(queue_name="mail")
def send_welcome(address):
    send_mail("Welcome", "", None, [address])

@task
def send_invoice(number): ...

@task
def charge(order):
    if "not exist" in order:
        raise LookupError("no such order")
    Trace.objects.get_or_create(label=order, defaults={"pid": 1})

@task(max_attempts=2, backoff=fixed(minutes=1))
def fetch_rates(how):
    Trace.objects.create(label=how, pid=1)
    if Trace.objects.filter(label=how).count() == 1:
        raise ConnectionError(how)

@task(takes_context=True)
def with_context(context: Context, number):
    return context.attempt

@periodic(cron("0 4 * * *", tz="Europe/Berlin"), name="nightly report")
@task(takes_context=True)
def nightly_report(context: Context):
    return f"the report of {context.tick_at.date() - timedelta(days=1)}"

def sign_up(request):
    send_welcome.enqueue(request.POST["email"])
    return HttpResponse()

urlpatterns = [path("sign-up/", sign_up)]
"""
SITE = """
from tests.settings import *

DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
ROOT_URLCONF = "shop"
INSTALLED_APPS = [*INSTALLED_APPS, "shop_app"]
"""
IMPORTS = """
import pytest
from datetime import timedelta
from unittest.mock import ANY
from django.test import TestCase
from taskhub import Context
from taskhub.testing import TaskHub
from shop import *

pytestmark = pytest.mark.django_db
"""


def examples(*, containing):
    """Return the examples of the page that contain a text."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    return [block for block in blocks if containing in block]


def test_the_settings_for_other_packages_are_valid():
    (example,) = examples(containing="INSTALLED_APPS")
    site = {"INSTALLED_APPS": []}

    exec(example, site)  # noqa: S102

    backend = TaskHubBackend("default", site["TASKS"]["default"])
    assert backend.faults == []
    assert backend.config.options.run == "immediately"
    assert backend.queues == set()
    assert site["INSTALLED_APPS"] == ["taskhub"]


def test_the_examples_pass(tmp_path):
    tests = examples(containing="def test_")
    (tmp_path / "shop.py").write_text(SHOP)
    (tmp_path / "shop_app").mkdir()
    (tmp_path / "shop_app" / "__init__.py").write_text("")
    # Workers and migrations find the tasks of an app here.
    (tmp_path / "shop_app" / "tasks.py").write_text("import shop")
    (tmp_path / "shop_settings.py").write_text(SITE)
    (tmp_path / "test_shop.py").write_text(IMPORTS + "\n\n".join(tests))

    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-c", os.devnull),
            *("-p", "taskhub.pytest_plugin", f"--rootdir={tmp_path}", tmp_path),
        ],
        cwd=tmp_path,
        env=os.environ
        | {
            "DJANGO_SETTINGS_MODULE": "shop_settings",
            "PYTHONPATH": f"{tmp_path}:{settings.BASE_DIR}",
        },
        capture_output=True,
        text=True,
        check=False,
    )

    count = sum(len(re.findall(r"def test_", block)) for block in tests)
    assert count > 7
    assert f"{count} passed" in done.stdout, done.stdout
