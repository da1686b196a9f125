"""Periodic tasks in a browser, under a strict content security policy."""

import pytest
from playwright.sync_api import expect

from taskhub.models import PeriodicTask, TaskResult
from taskhub.schedules import cron
from tests.browser.conftest import fits
from tests.factories import PeriodicTaskFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def form(admin):
    """Open the form of a new periodic task."""
    return admin("taskhub_periodictask_add")


def runs(page):
    return page.locator(".taskhub-runs li")


def test_the_next_runs_are_updated_while_the_user_types(form):
    expect(form.get_by_text("They are shown here when")).to_be_visible()

    form.get_by_label("Cron expression").press_sequentially("0 3 * * MON-FRI")
    expect(form.locator(".taskhub-words")).to_have_text(
        "At 03:00, Monday through Friday"
    )
    expect(runs(form)).to_have_count(10)
    expect(runs(form).first).to_contain_text(", 03:00")

    form.get_by_label("Cron expression").fill("30 4 * * *")
    expect(form.locator(".taskhub-words")).to_have_text("At 04:30")
    expect(runs(form).first).to_contain_text(", 04:30")
    assert fits(form)


def test_the_next_runs_are_asked_for_again_after_an_error_of_the_site(
    form, console_errors
):
    """The same values are sent again, for example when the user returns to them."""
    preview = "**/periodictask/preview/**"
    form.route(preview, lambda route: route.fulfill(status=503))
    field = form.get_by_label("Cron expression")
    with form.expect_console_message(lambda message: "503" in message.text):
        field.fill("30 4 * * *")
    form.unroute(preview)
    expect(runs(form)).to_have_count(0)

    field.dispatch_event("input")

    expect(runs(form)).to_have_count(10)
    (error,) = console_errors
    assert "503" in error
    console_errors.clear()


def test_runs_are_also_shown_in_the_time_zone_of_the_browser(form):
    form.get_by_label("Cron expression").fill("0 12 * * *")
    form.get_by_label("Time zone").fill("Asia/Kathmandu")

    expect(form.locator(".taskhub-zones")).to_contain_text("Asia/Kathmandu")
    here = form.evaluate("Intl.DateTimeFormat().resolvedOptions().timeZone")
    expect(form.locator(".taskhub-zones")).to_contain_text(here)
    expect(runs(form).first.locator("time")).to_contain_text(", 12:00")
    expect(runs(form).first.locator(".taskhub-here")).to_be_visible()


def test_an_invalid_cron_expression_is_reported_at_its_field(form):
    form.get_by_label("Cron expression").fill("0 3 * * FRY")

    fault = form.locator(".form-row.field-expression .errorlist")
    expect(fault).to_contain_text("'FRY' is no day of week")
    expect(form.get_by_label("Cron expression")).to_have_attribute(
        "aria-invalid", "true"
    )
    expect(form.locator(".errorlist")).to_have_count(1)
    expect(runs(form)).to_have_count(0)

    form.get_by_label("Cron expression").fill("0 3 * * FRI")
    expect(fault).to_have_count(0)
    expect(runs(form)).to_have_count(10)

    form.get_by_label("Time zone").fill("Europe/Berln")
    expect(fault).to_contain_text("Europe/Berlin")
    above = fault.bounding_box()
    below = form.get_by_label("Time zone").bounding_box()
    assert above["y"] < below["y"]
    assert abs(above["x"] - below["x"]) < 200


@pytest.mark.parametrize(
    ("kind", "shown"),
    [
        ("At times of the calendar (cron)", {"expression", "tz"}),
        ("Interval", {"count", "unit"}),
        ("Once", {"at_0", "at_1"}),
        ("Solar", {"event", "latitude", "longitude"}),
    ],
)
def test_only_the_fields_of_the_chosen_kind_are_shown(form, kind, shown):
    form.get_by_label(kind, exact=True).check()

    names = (
        *("expression", "tz", "count", "unit", "at_0", "at_1"),
        *("event", "latitude", "longitude"),
    )
    for name in names:
        visible = form.locator(f"[name={name}]").is_visible()
        assert visible is (name in shown), name
    # Fields that are still empty show no errors.
    expect(form.locator(".errorlist")).to_have_count(0)


def test_a_choice_shows_the_field_or_description_that_belongs_to_it(form):
    window = form.get_by_label("Window for missed runs")
    expect(window).to_be_hidden()
    form.get_by_label("Missed runs:", exact=True).select_option("all")
    expect(window).to_be_visible()

    form.get_by_label("Task:").select_option("tests.tasks.give_back")
    expect(form.get_by_text("give_back(value)")).to_be_visible()
    expect(form.get_by_text("Return what was given")).to_be_visible()


def test_a_schedule_is_created_and_run_and_its_result_is_opened(form):
    form.get_by_label("Name").fill("Greetings")
    form.get_by_label("Task:").select_option("tests.tasks.send")
    form.get_by_label("Positional arguments").fill("grace@example.com")
    form.get_by_label("Interval").check()
    form.get_by_label("Every:").fill("90")
    expect(form.locator(".taskhub-words")).to_have_text("Every 90 minutes")
    form.get_by_role("button", name="Save and continue editing").click()

    # A refused form keeps the entered values and the kind.
    expect(form.get_by_text("Expected a list as JSON")).to_be_visible()
    expect(form.get_by_label("Every:")).to_have_value("90")
    expect(form.get_by_label("Cron expression")).to_be_hidden()
    form.get_by_label("Positional arguments").fill('["grace@example.com"]')
    form.get_by_label("Expires after").fill("90 minutes")
    form.get_by_role("button", name="Save and continue editing").click()

    expect(form.get_by_text("was added successfully")).to_be_visible()
    expect(form.get_by_label("Expires after")).to_have_value("90 minutes")
    expect(form.get_by_text("in 1 hour").first).to_be_visible()
    form.get_by_role("button", name="Run now").click()
    expect(form.get_by_text("“Greetings” was enqueued")).to_be_visible()
    assert fits(form)
    form.get_by_role("link", name="its result").click()
    expect(form.get_by_role("link", name="Greetings")).to_be_visible()

    row = PeriodicTask.objects.get()
    result = TaskResult.objects.get()
    assert (result.periodic_task, result.args) == (row, ["grace@example.com"])


def test_past_runs_are_backfilled(admin, page):
    row = PeriodicTaskFactory(name="Bills", schedule=cron("0 * * * *"))
    admin("taskhub_periodictask_change", row.pk)

    page.get_by_role("link", name="Backfill").click()
    for name, value in {
        "start_0": "2026-01-01",
        "start_1": "00:30",
        "end_0": "2026-01-02",
        "end_1": "00:30",
    }.items():
        page.locator(f"[name={name}]:visible").fill(value)
    page.get_by_role("button", name="Show the runs").click()
    expect(page.get_by_text("24 runs", exact=True)).to_be_visible()
    page.get_by_role("button", name="Enqueue 24 runs").click()

    expect(page.get_by_text("Enqueued 24 past runs of “Bills”")).to_be_visible()
    assert TaskResult.objects.filter(periodic_task=row).count() == 24
    page.get_by_role("link", name="all results").click()
    expect(page.get_by_text("24 task results", exact=False).first).to_be_visible()


def test_a_long_name_does_not_make_the_list_too_wide(admin, page):
    PeriodicTaskFactory(
        name="shop.tasks.delete_old_pictures", runs=["failed"], nightly=True
    )

    admin("taskhub_periodictask_changelist")

    fits_beside_filters = "table => table.scrollWidth <= table.parentNode.clientWidth"
    assert page.eval_on_selector("#result_list", fits_beside_filters)


def test_the_list_fits_and_its_charts_have_a_label(admin, page):
    PeriodicTaskFactory(
        name="Bills", runs=["successful", "failed"], nightly=True, description="x" * 300
    )

    admin("taskhub_periodictask_changelist")

    name = "Last 2 runs: 1 successful, 1 failed; the longest took 2.0 s"
    expect(page.get_by_role("img", name=name)).to_be_visible()
    colours = page.eval_on_selector_all(
        ".taskhub-sparkline rect", "all => all.map(bar => getComputedStyle(bar).fill)"
    )
    assert len(set(colours)) == 2
    assert fits(page)
