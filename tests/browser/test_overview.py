"""The overview in a browser, with a real worker: updates, links and charts."""

import re

import pytest
from playwright.sync_api import expect

from tests import tasks
from tests.browser.axe import assert_accessible
from tests.browser.conftest import fits
from tests.factories import PeriodicTaskFactory

pytestmark = pytest.mark.django_db(transaction=True)

OVERVIEW = "taskhub_taskmetrics_changelist"


@pytest.fixture
def overview(admin):
    """Open the overview."""
    return admin(OVERVIEW)


@pytest.mark.any_size
def test_the_charts_are_updated_while_a_worker_runs(overview, start_node):
    finished = overview.locator("[data-chart=throughput] .taskhub-summary")
    expect(finished).to_have_text("0 runs finished, 0 of them failed.")
    before = overview.locator("[data-chart=throughput] canvas").screenshot()

    for number in range(30):
        tasks.add.enqueue(number)
    tasks.fail.enqueue("a reason")
    start_node("--processes=1")

    expect(finished).to_have_text("31 runs finished, 1 of them failed.", timeout=60_000)
    assert overview.locator("[data-chart=throughput] canvas").screenshot() != before
    table = overview.get_by_role("region", name="By task")
    expect(table.get_by_role("link", name="add")).to_be_visible()
    expect(overview.get_by_role("region", name="Nodes")).to_contain_text("Present")
    assert fits(overview)
    assert_accessible(overview)


@pytest.mark.any_size
def test_the_overview_links_to_the_results(overview, start_node):
    tasks.fail.enqueue("a reason")
    start_node("--processes=1")
    table = overview.get_by_role("region", name="By task")
    expect(table).to_contain_text("100.0 %", timeout=60_000)

    overview.get_by_role("button", name="Pause").click()
    table.get_by_role("link", name="1", exact=True).click()

    expect(overview.locator("#result_list tbody tr")).to_have_count(1)
    assert re.search(r"status=FAILED.*task=|task=.*status=FAILED", overview.url)


@pytest.mark.any_size
def test_a_paused_or_hidden_overview_sends_no_requests(admin, page):
    page.clock.install()
    admin(OVERVIEW)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    state = page.locator(".taskhub-live-state")
    expect(state).to_have_text("Live")
    with page.expect_response("**/live/**"):
        page.clock.run_for(5_000)

    page.get_by_role("button", name="Pause").click()
    expect(state).to_have_text("Paused")
    asked.clear()
    page.clock.run_for(600_000)
    assert asked == []
    with page.expect_response("**/live/**"):
        page.get_by_role("button", name="Resume").click()
    expect(state).to_have_text("Live")

    hide(page, hidden=True)
    asked.clear()
    page.clock.run_for(600_000)
    assert asked == []
    with page.expect_response("**/live/**"):
        hide(page, hidden=False)


def hide(page, *, hidden):
    """Act as if the tab was hidden behind another one, or shown again."""
    page.evaluate(
        """hidden => {
            Object.defineProperty(
                document, "hidden", { configurable: true, value: hidden });
            document.dispatchEvent(new Event("visibilitychange"));
        }""",
        hidden,
    )


@pytest.mark.any_size
def test_a_chart_is_also_available_as_a_table(overview, start_node):
    tasks.add.enqueue(1)
    start_node("--processes=1")
    chart = overview.locator("[data-chart=throughput]")
    expect(chart.locator(".taskhub-summary")).to_have_text(
        "1 run finished, 0 of them failed.", timeout=60_000
    )

    chart.get_by_text("As a table").click()

    rows = chart.locator(".taskhub-as-table tr")
    expect(rows).to_have_count(62)
    expect(rows.first).to_have_text("FromFailedCancelledSuccessful")
    assert sum(int(text.split("\t")[-1]) for text in rows.all_inner_texts()[1:]) == 1
    assert_accessible(overview)


def test_the_charts_follow_the_theme(overview):
    canvas = overview.locator("[data-chart=depth] canvas")
    dark = canvas.screenshot()

    overview.evaluate("document.documentElement.dataset.theme = 'light'")

    assert canvas.screenshot() != dark
    assert_accessible(overview)


def test_the_tables_are_shown_without_javascript(browser, live_server, admin, page):
    PeriodicTaskFactory(name="Bills")
    context = browser.new_context(
        java_script_enabled=False, storage_state=page.context.storage_state()
    )
    plain = context.new_page()

    plain.goto(live_server.url + "/admin/taskhub/taskmetrics/?range=15m")

    expect(plain.get_by_role("region", name="Next runs")).to_contain_text("Bills")
    plain.locator("[data-chart=throughput] summary").click()
    expect(plain.locator("[data-chart=throughput] tbody tr")).to_have_count(16)
    expect(plain.get_by_role("button", name="Pause")).to_be_hidden()
    context.close()
