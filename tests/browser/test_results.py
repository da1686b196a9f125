"""The pages of results in a browser, with a real worker."""

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from taskhub import operations
from taskhub.models import BulkAction, Status, TaskLog, TaskResult
from taskhub.operations.results import Selection
from tests import tasks
from tests.browser.axe import assert_accessible
from tests.browser.conftest import fits
from tests.factories import TaskResultFactory
from tests.servers import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def worker(start_node):
    """Start a worker."""
    return start_node("--processes=1")


@pytest.mark.any_size
def test_a_page_follows_a_running_result_and_cancels_it(admin, worker, page, gate):
    result = tasks.tell_progress.enqueue(gate.path)
    admin("taskhub_taskresult_change", result.id)

    # The page updates itself.
    bar = page.get_by_role("progressbar")
    expect(bar).to_have_attribute("value", "30", timeout=30_000)
    expect(page.get_by_text("Attempt 1 is running")).to_be_visible(timeout=30_000)
    assert fits(page)
    assert_accessible(page)
    page.get_by_role("button", name="Cancel", exact=True).click()

    expect(page.get_by_text("is told to stop within two seconds")).to_be_visible()
    expect(page.get_by_text("It was cancelled by admin.")).to_be_visible()
    expect(page.get_by_role("button", name="Retry")).to_be_visible()
    assert fits(page)
    assert_accessible(page)
    gate.open()
    assert TaskResult.objects.get().status == Status.CANCELLED


@pytest.mark.any_size
def test_a_page_shows_the_outcome_without_being_reloaded(admin, worker, page, gate):
    result = tasks.log_behind_a_gate.enqueue(gate.path)
    admin("taskhub_taskresult_change", result.id)
    expect(page.get_by_text("It waits")).to_be_visible(timeout=30_000)

    gate.open()

    expect(page.get_by_text("It goes on")).to_be_visible(timeout=30_000)
    expect(page.get_by_text("Attempt 1 was successful")).to_be_visible(timeout=30_000)
    expect(page.get_by_role("progressbar")).to_have_count(0)


@pytest.mark.any_size
def test_the_failures_of_a_cause_are_retried(admin, worker, page):
    tasks.fail_at_first_try.enqueue_many([("one",), ("two",), ("three",)])
    wait_until(lambda: TaskResult.objects.failed().count() == 3, "three failures")
    admin("taskhub_taskresult_changelist")

    page.get_by_role("link", name="Failures by cause").click()
    expect(page.get_by_role("heading", name="ConnectionError")).to_be_visible()
    assert fits(page)
    assert_accessible(page)
    page.get_by_role("link", name="Retry all").click()

    expect(page.get_by_text("3 results", exact=True)).to_be_visible()
    expect(page.get_by_label("At most, per second")).to_have_value("10")
    assert fits(page)
    assert_accessible(page)
    page.get_by_role("button", name="Retry 3 results").click()

    # The page updates itself.
    expect(page.get_by_text("3 of 3")).to_be_visible(timeout=30_000)
    expect(page.get_by_role("status")).to_have_text("Done")
    assert fits(page)
    assert_accessible(page)
    wait_until(lambda: TaskResult.objects.successful().count() == 3, "the retries")
    assert BulkAction.objects.get().requested_by == "admin"


@pytest.mark.any_size
def test_selected_results_are_deleted(admin, worker, page):
    for _number in range(3):
        TaskResultFactory(successful=True)
    admin("taskhub_taskresult_changelist")
    page.locator("#result_list input[name=_selected_action]").first.check()
    page.get_by_label("Action:").select_option("delete_selected")
    page.locator(".actions button[type=submit]").click()

    page.get_by_role("button", name="Delete 1 result").click()

    expect(page.get_by_role("status")).to_have_text("Done", timeout=30_000)
    assert TaskResult.objects.count() == 2
    admin("taskhub_bulkaction_changelist")
    expect(page.get_by_role("link", name="Delete")).to_be_visible()
    assert fits(page)
    assert_accessible(page)


def test_a_task_is_enqueued_by_hand(admin, worker, page):
    admin("taskhub_taskresult_changelist")
    page.get_by_role("link", name="Enqueue a task").click()
    page.get_by_label("Task").select_option("tests.tasks.gather")
    page.get_by_role("button", name="Show the form").click()
    expect(page.get_by_text("Gather what it is given.")).to_be_visible()
    assert fits(page)
    assert_accessible(page)

    page.get_by_label("first").fill("1")
    page.get_by_label("rest").fill("3")
    page.get_by_role("button", name="Enqueue").click()

    # A refused form keeps the entered values.
    expect(page.locator(".field-arg_rest .errorlist")).to_contain_text(
        "Expected a list"
    )
    expect(page.get_by_label("first")).to_have_value("1")
    assert_accessible(page)
    page.get_by_label("rest").fill("[3, 4]")
    page.get_by_role("button", name="Enqueue").click()

    expect(page.get_by_text("Enqueued.")).to_be_visible()
    expect(page.get_by_text("Attempt 1 was successful")).to_be_visible(timeout=30_000)
    assert TaskResult.objects.get().return_value == [1, 2, 3, 4]


@pytest.mark.any_size
def test_a_failed_result_is_enqueued_again_with_other_arguments(admin, worker, page):
    tasks.order.enqueue("seven", "4711", boxes="none")
    TaskResult.objects.update(status=Status.FAILED, place="")
    admin("taskhub_taskresult_change", TaskResult.objects.get().pk)

    page.get_by_role("link", name="with other arguments").click()
    expect(page.get_by_label("card")).to_have_value("")
    expect(page.get_by_text("4711")).to_have_count(0)
    assert fits(page)
    assert_accessible(page)
    page.get_by_label("number").fill("8")
    page.get_by_label("boxes").fill("[1]")
    page.get_by_role("button", name="Enqueue").click()

    expect(page.get_by_text("Attempt 1 was successful")).to_be_visible(timeout=30_000)
    expect(page.get_by_text("Instead of")).to_be_visible()
    new = TaskResult.objects.successful().get()
    assert (new.args, new.kwargs) == ([8, "4711"], {"boxes": [1]})
    assert new.return_value == "8 to Main Street"


def test_a_page_of_the_site_follows_a_result(live_server, config, worker, page, gate):
    result = tasks.tell_progress.enqueue(gate.path)
    page.goto(f"{live_server.url}{reverse('result', args=[result.id])}")

    expect(page.get_by_text("3 of 10 three")).to_be_visible(timeout=30_000)
    expect(page.get_by_role("progressbar")).to_have_attribute("value", "30")
    assert fits(page)
    assert_accessible(page, within="main")
    gate.open()

    expect(page.get_by_text("Successful")).to_be_visible(timeout=30_000)
    expect(page.get_by_role("progressbar")).to_have_count(0)


@pytest.mark.any_size
def test_a_page_shows_the_end_of_a_task_that_keeps_no_row(admin, worker, page, gate):
    result = tasks.tell_progress_and_leave_no_row.enqueue(gate.path)
    admin("taskhub_taskresult_change", result.id)
    bar = page.get_by_role("progressbar")
    expect(bar).to_have_attribute("value", "30", timeout=30_000)

    gate.open()

    expect(page.get_by_text("No longer kept")).to_be_visible(timeout=30_000)


@pytest.mark.any_size
def test_a_hidden_page_sends_no_requests(admin, page):
    row = TaskResultFactory(running=True)
    page.clock.install()
    admin("taskhub_taskresult_change", row.pk)
    page.evaluate(
        "addEventListener('taskhub:progress', () => document.body.dataset.told = 'yes')"
    )
    page.clock.run_for(1_000)
    expect(page.locator("body[data-told]")).to_be_attached()
    asked = []
    page.on("request", lambda request: asked.append(request.url))

    page.evaluate(
        "Object.defineProperty(document, 'hidden', {value: true, configurable: true})"
    )
    page.clock.run_for(60_000)
    assert asked == []

    page.evaluate("delete document.hidden")
    with page.expect_request("**/live/*"):
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def test_each_page_is_accessible_in_light_and_dark_colours(admin, page):
    row = TaskResultFactory(
        failed=True, cause="c", task_path="tests.tasks.order", args=[7, "x"]
    )
    TaskResultFactory(parent_id=row.pk)
    TaskLog.objects.create(
        result_id=row.pk,
        attempt=1,
        lines=[["", level, "shop", "said"] for level in ("INFO", "WARNING", "ERROR")],
    )
    action = operations.results.start_bulk("retry", Selection(), by="admin", expected=4)
    pages = [
        ("taskhub_taskresult_changelist",),
        ("taskhub_taskresult_failures",),
        ("taskhub_taskresult_change", row.pk),
        ("taskhub_taskresult_again", row.pk),
        ("taskhub_taskresult_enqueue",),
        ("taskhub_taskresult_bulk", "cancel"),
        ("taskhub_taskresult_bulk", "delete"),
        ("taskhub_bulkaction_changelist",),
        ("taskhub_bulkaction_change", action.pk),
    ]

    is_wide = page.viewport_size["width"] > 1_000
    # Colours do not depend on the size.
    for scheme in ("light", "dark") if is_wide else ("dark",):
        # Set the colours before the page is loaded, since they change in a transition.
        page.emulate_media(color_scheme=scheme)
        for address in pages:
            admin(*address)
            assert fits(page), address
            assert_accessible(page)
