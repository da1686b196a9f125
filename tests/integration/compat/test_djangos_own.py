"""Django's own tests of tasks."""

import subprocess
import sys

import django
import pytest
from django.conf import settings

from tests.conftest import require
from tests.integration.compat import djangos_own

pytestmark = pytest.mark.any_database


@pytest.mark.skipif(django.VERSION < (6, 0), reason="the backport's sdist has no tests")
@pytest.mark.parametrize(
    ("where", "made_under"),
    [
        ("as-written", "taskhub"),
        ("on-taskhub", "taskhub"),
        ("on-taskhub", "immediate"),
    ],
)
def test_djangos_own_tests_pass(where, made_under):
    path = djangos_own.HOME / "tasks"
    require(str(path) if path.exists() else "", f"{path}")

    ran = subprocess.run(
        [sys.executable, "-m", djangos_own.__name__, "run", where, made_under],
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 0, ran.stderr
    assert "OK" in ran.stderr
