"""Times in forms: unchanged times are kept, new ones are read as cron reads them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings as site_settings
from django.utils import timezone, translation
from hypothesis import given
from hypothesis import strategies as st

from taskhub.admin.forms.date_time import read_local
from taskhub.models import PeriodicTask, TaskResult
from taskhub.schedules import every, once
from tests.factories import PeriodicTaskFactory
from tests.integration.admin.results.pages import text_of
from tests.integration.admin.schedules.pages import (
    ADD,
    BACKFILL,
    PREVIEW,
    change,
    written,
)
from tests.integration.admin.sent_forms import sent_by

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

LANGUAGES = [code for code, _name in site_settings.LANGUAGES]
BERLIN = ZoneInfo("Europe/Berlin")
#: The second time on this day at which clocks in Berlin show 02:30:45.
SECOND = datetime(2027, 10, 31, 1, 30, 45, 123456, tzinfo=UTC)
FIRST = datetime(2027, 10, 31, 0, 30, tzinfo=UTC)
GAPS_END = datetime(2027, 3, 28, 1, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def in_berlin(settings):
    settings.TIME_ZONE = "Europe/Berlin"
    with timezone.override("Europe/Berlin"):
        yield


def odd_row():
    """Return a row whose times Django's own form fields would change."""
    return PeriodicTaskFactory(
        schedule=once(SECOND),
        start_at=SECOND - timedelta(days=365, microseconds=7),
        end_at=SECOND,
        jitter=timedelta(milliseconds=1_500),
        expires_after=timedelta(hours=2, microseconds=1),
        description="As it was.\nAnd so on.",
    )


def values_of(row):
    return PeriodicTask.objects.filter(pk=row.pk).values().get()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_form_that_is_sent_unchanged_changes_nothing(admin_client, language):
    row = odd_row()
    before = values_of(row)

    with translation.override(language):
        page = text_of(admin_client.get(change(row)))
        sent = sent_by(page, "periodictask_form")
        response = admin_client.post(change(row), sent)

    assert response.status_code == 302
    assert values_of(row) == before


def test_changing_another_field_keeps_the_times(admin_client):
    row = odd_row()
    sent = sent_by(text_of(admin_client.get(change(row))), "periodictask_form")

    response = admin_client.post(change(row), {**sent, "description": "New."})

    assert response.status_code == 302
    after = PeriodicTask.objects.get()
    assert after.description == "New."
    assert (after.schedule, after.start_at, after.end_at) == (
        row.schedule,
        row.start_at,
        row.end_at,
    )


@pytest.mark.parametrize("language", ["en", "ro", "zh-hans", "ar-dz"])
def test_changing_the_day_keeps_the_time_to_the_microsecond(admin_client, language):
    row = odd_row()

    with translation.override(language):
        sent = sent_by(text_of(admin_client.get(change(row))), "periodictask_form")
        other_day = sent["at_0"].replace("31", "30")
        admin_client.post(change(row), {**sent, "at_0": other_day})

    expected = datetime(2027, 10, 30, 2, 30, 45, 123456, tzinfo=BERLIN)
    assert PeriodicTask.objects.get().schedule == once(expected.astimezone(UTC))


@pytest.mark.parametrize(
    ("day", "clock", "moment"),
    [
        ("2027-10-31", "02:30", FIRST),
        ("2027-03-28", "02:30", GAPS_END),
        ("2027-03-28", "02:00", GAPS_END),
        ("2027-03-28", "02:59:59", GAPS_END),
        ("2027-03-28", "03:00", GAPS_END),
    ],
)
@pytest.mark.parametrize("field", ["at", "start_at", "end_at"])
def test_a_new_time_is_read_as_cron_reads_it(admin_client, field, day, clock, moment):
    changes = {f"{field}_0": day, f"{field}_1": clock}
    if field == "at":
        changes["kind"] = "once"

    response = admin_client.post(ADD, written(**changes))

    assert response.status_code == 302
    row = PeriodicTask.objects.get()
    found = row.schedule.at if field == "at" else getattr(row, field)
    assert found == moment


@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01"])
def test_the_first_and_last_day_of_the_calendar_are_refused(admin_client, day):
    page = admin_client.post(ADD, written(kind="once", at_0=day, at_1="23:59"))

    assert "at" in page.context["adminform"].form.errors


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "America/Los_Angeles"])
@pytest.mark.parametrize("end", ["0001-01-01T00:00:00", "9999-12-31T23:59:59"])
def test_times_at_a_limit_of_the_calendar_are_shown(admin_client, settings, zone, end):
    """Only code or SQL can write such times; the form refuses them."""
    settings.TIME_ZONE = zone
    row = PeriodicTaskFactory()
    moment = datetime.fromisoformat(end).replace(tzinfo=UTC)
    PeriodicTask.objects.filter(pk=row.pk).update(start_at=moment, end_at=moment)

    with timezone.override(zone):
        page = admin_client.get(change(row))

    assert page.status_code == 200
    assert end.partition("T")[0][:4] in text_of(page)


def test_the_preview_keeps_the_exact_time_of_an_unchanged_field(admin_client):
    row = odd_row()
    page = text_of(admin_client.get(change(row)))
    sent = sent_by(page, "periodictask_form")
    named = {name: value for name, value in sent.items() if "_at" not in name}

    told = admin_client.get(PREVIEW, {**named, "row": row.pk}).json()

    assert [run["at"] for run in told["runs"]] == [SECOND.isoformat()]


def test_backfill_and_enqueue_forms_read_times_as_cron_does(admin_client):
    row = PeriodicTaskFactory(
        schedule=every(minutes=30), created_at=datetime(2024, 1, 1, tzinfo=UTC)
    )
    times = {"start_0": "2025-10-26", "start_1": "02:30"}
    times |= {"end_0": "2025-10-26", "end_1": "02:30"}
    admin_client.post(BACKFILL, {"ids": row.pk, **times})
    assert TaskResult.objects.get().tick_at == datetime(2025, 10, 26, 0, 30, tzinfo=UTC)

    admin_client.post(
        "/admin/taskhub/taskresult/enqueue/?task=tests.tasks.add",
        {"arg_a": "1", "run_after_0": "2027-03-28", "run_after_1": "02:30"},
    )
    assert TaskResult.objects.order_by("pk").last().run_after == GAPS_END


@given(
    naive=st.datetimes(*(datetime(year, 1, 1) for year in (1971, 2037))),  # noqa: DTZ001
    zone=st.sampled_from(
        ["Europe/Berlin", "Africa/Cairo", "Australia/Lord_Howe", "America/St_Johns"]
    ).map(ZoneInfo),
)
def test_a_local_time_is_its_first_occurrence_or_the_end_of_its_gap(naive, zone):
    moment = read_local(naive, zone)

    shown = moment.astimezone(UTC).astimezone(zone)
    assert shown.replace(tzinfo=None) >= naive
    earlier = (moment.astimezone(UTC) - timedelta(seconds=1)).astimezone(zone)
    if shown.replace(tzinfo=None) != naive:
        assert earlier.replace(tzinfo=None) < naive
    else:
        assert shown.fold == 0


def test_saving_does_not_move_the_ticks_of_an_interval(admin_client):
    """The ticks are counted from the start time, to the second."""
    start = timezone.now() + timedelta(days=1, seconds=1, microseconds=5)
    row = PeriodicTaskFactory(schedule=every(hours=1), start_at=start)

    with translation.override("zh-hans"):
        sent = sent_by(text_of(admin_client.get(change(row))), "periodictask_form")
        admin_client.post(change(row), sent)

    after = PeriodicTask.objects.get()
    assert (after.start_at, after.next_run_at) == (row.start_at, row.next_run_at)
