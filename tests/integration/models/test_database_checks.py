"""System checks that query the database."""

import pytest
from django.core.management import call_command
from django.db import connection

from taskhub.checks import databases

pytestmark = pytest.mark.django_db


def warnings(capsys):
    """Return the ids of taskhub's warnings in the output of `check --database`."""
    call_command("check", database=["default"])
    return [word for word in capsys.readouterr().err.split() if "taskhub.W" in word]


def test_a_database_that_sorts_ids_by_time_gives_no_warning(capsys):
    assert warnings(capsys) == []


@pytest.mark.skipif(
    connection.vendor != "mysql", reason="only MariaDB sorts in another way"
)
def test_a_database_that_sorts_ids_differently_gives_a_warning(capsys, monkeypatch):
    if not connection.features.has_native_uuid_field:
        pytest.skip("This server stores UUIDs as text.")
    # MariaDB sorts UUIDs of version 1 today as MariaDB 10.7 sorted all UUIDs.
    of_version_1 = tuple(each.replace("-7", "-1") for each in databases._IDS_IN_ORDER)
    monkeypatch.setattr(databases, "_IDS_IN_ORDER", of_version_1)

    assert warnings(capsys) == ["(taskhub.W004)"]
