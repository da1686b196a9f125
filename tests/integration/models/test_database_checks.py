"""System checks that ask the database."""

import pytest
from django.core.management import call_command
from django.db import connection

from taskhub import checks

pytestmark = pytest.mark.django_db


def warnings(capsys):
    """The checks' ids in what `check --database` prints of taskhub."""
    call_command("check", database=["default"])
    return [word for word in capsys.readouterr().err.split() if "taskhub.W" in word]


def test_ids_are_sorted_by_their_time(capsys):
    assert warnings(capsys) == []


@pytest.mark.skipif(connection.vendor != "mysql", reason="MariaDB has sorted otherwise")
def test_a_database_that_sorts_ids_otherwise_is_warned_of(capsys, monkeypatch):
    if not connection.features.has_native_uuid_field:
        pytest.skip("It keeps UUIDs as text.")
    # These are sorted today as all were in MariaDB 10.7.
    of_version_1 = tuple(each.replace("-7", "-1") for each in checks._IDS_IN_ORDER)
    monkeypatch.setattr(checks, "_IDS_IN_ORDER", of_version_1)

    assert warnings(capsys) == ["(taskhub.W004)"]
