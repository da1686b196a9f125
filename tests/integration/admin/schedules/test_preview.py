"""The preview: the next runs of a schedule while its form is filled in."""

from datetime import UTC, datetime, timedelta

import pytest

from taskhub import operations
from taskhub.admin.periodic_tasks.views.preview import (
    PreviewForm,
    preview,
    row_for_preview,
)
from taskhub.schedules import cron, solar
from tests.factories import PeriodicTaskFactory
from tests.integration.admin.schedules.pages import (
    PREVIEW,
    change,
)

pytestmark = pytest.mark.django_db


def as_typed(row=None, **fields):
    """Return the query that periodic.js sends."""
    return {
        "row": row.pk if row else "",
        "kind": "cron",
        "expression": "0 3 * * *",
        "tz": "UTC",
        "browser_zone": "",
        **fields,
    }


def forecast(row=None, **fields):
    """Return the preview of a form at noon UTC on 20 October 2026."""
    typed = as_typed(row, **fields)
    noon = datetime(2026, 10, 20, 12, tzinfo=UTC)
    known = row_for_preview(str(typed["row"]))
    return preview(PreviewForm(typed), known, typed["browser_zone"], noon)


def test_the_next_runs_are_shown_in_the_zones_of_schedule_and_browser():
    answer = forecast(tz="Europe/Berlin", browser_zone="America/New_York")

    assert answer["words"] == "At 03:00 (Europe/Berlin)"
    assert (answer["zone"], answer["browser_zone"]) == (
        "Europe/Berlin",
        "America/New_York",
    )
    assert len(answer["runs"]) == 10
    first = answer["runs"][0]
    assert first["there"] == "Wed 21 Oct 2026, 03:00"
    assert first["here"] == "Tue 20 Oct 2026, 21:00"
    assert first["until"] == "in 13\N{NO-BREAK SPACE}hours"


def test_the_first_run_after_a_clock_change_is_marked():
    runs = forecast(tz="Europe/Berlin")["runs"]

    marked = {run["there"]: run["clocks"] for run in runs if run["clocks"]}
    assert marked == {
        "Sun 25 Oct 2026, 03:00": (
            "The clocks change before this run: from UTC+02:00 to UTC+01:00."
        )
    }


@pytest.mark.parametrize("zone", ["", "UTC", "Etc/UTC", "No/Where", "../../etc"])
def test_an_equal_or_invalid_browser_zone_is_left_out(zone):
    answer = forecast(browser_zone=zone)

    assert answer["browser_zone"] == ""
    assert answer["runs"][0]["here"] == ""


def test_each_error_is_reported_at_its_field():
    assert forecast(expression="0 3 30 2 *")["errors"].keys() == {"expression"}
    assert "never fires" in forecast(expression="0 3 30 2 *")["errors"]["expression"][0]
    assert forecast(tz="Mars")["errors"].keys() == {"tz"}
    assert forecast(kind="every", count="0", unit="days")["errors"].keys() == {"count"}


@pytest.mark.parametrize("kind", ["cron", "every", "once", "solar", "", "lunar"])
def test_empty_fields_have_no_errors_and_no_description(admin_client, kind):
    answer = admin_client.get(PREVIEW, {"kind": kind, "browser_zone": "UTC"}).json()

    assert answer["words"] == ""
    assert answer["errors"].keys() <= {"kind"}


def test_days_without_a_sunset_are_skipped_and_mentioned():
    answer = forecast(
        kind="solar", event="sunset", latitude="78.2", longitude="15.6", tz=""
    )

    (pause,) = {run["pause"] for run in answer["runs"]} - {""}
    assert pause == "No sunset there for 113 days before."


def test_the_preview_respects_start_end_and_maximum_runs():
    start = {"start_at_0": "2026-11-01", "start_at_1": "00:00"}
    end = {"end_at_0": "2026-11-02", "end_at_1": "12:00"}

    runs = forecast(**start)["runs"]
    assert runs[0]["there"] == "Sun 1 Nov 2026, 03:00"
    assert len(forecast(**start, **end)["runs"]) == 2
    assert len(forecast(max_runs="3")["runs"]) == 3
    row = PeriodicTaskFactory(total_run_count=2)
    assert len(forecast(row, max_runs="3")["runs"]) == 1


def test_an_interval_is_counted_from_the_start_time():
    typed = {"kind": "every", "count": "90", "unit": "minutes"}

    runs = forecast(**typed, start_at_0="2026-10-20", start_at_1="00:10")["runs"]

    assert runs[0]["there"] == "Tue 20 Oct 2026, 12:10"


def test_a_time_in_the_past_has_no_runs():
    answer = forecast(kind="once", at_0="2026-10-19", at_1="00:00")

    assert answer["runs"] == []
    assert answer["words"] == "Once, on Mon 19 Oct 2026, 00:00"


def test_the_page_shows_the_next_runs_without_javascript(admin_client):
    row = PeriodicTaskFactory(
        schedule=solar("sunset", latitude=52.52, longitude=13.405)
    )

    page = admin_client.get(change(row)).content.decode()

    assert page.count("taskhub-until") == 10


def test_a_preview_saves_nothing(admin_client):
    row = PeriodicTaskFactory()

    admin_client.get(PREVIEW, as_typed(row, max_runs="1"))

    before = row.schedule
    row.refresh_from_db()
    assert (row.schedule, row.max_runs) == (before, None)


def test_the_preview_starts_after_a_skipped_run(admin_client):
    row = PeriodicTaskFactory(schedule=cron("0 3 * * *"))
    skipped = operations.schedules.skip_next(row)

    answer = admin_client.get(PREVIEW, as_typed(row)).json()

    following = skipped + timedelta(days=1)
    assert answer["runs"][0]["at"] == following.isoformat()
