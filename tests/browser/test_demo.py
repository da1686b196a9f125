"""The demo site in a browser, with a real worker."""

from io import BytesIO

import pytest
from django.urls import reverse
from django.utils import timezone
from PIL import Image
from playwright.sync_api import expect

from project import analysis
from project.tasks import results_of, start_analysis
from taskhub.models import Status, TaskResult
from tests.browser.conftest import fits

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def site(live_server, settings, tmp_path, start_node):
    """Start a worker; return the address of the site."""
    settings.MEDIA_ROOT = tmp_path / "media"
    start_node("--processes=1", VAR_DIR=str(tmp_path))
    return live_server.url


def test_the_main_job_shows_its_progress_and_its_result(page, site, monkeypatch):
    paths = analysis.find_modules()[:60]
    monkeypatch.setattr(analysis, "find_modules", lambda: paths)
    page.goto(site)
    assert fits(page)

    page.get_by_role("button", name="Analyse the standard library").click()

    expect(page.get_by_text("of 60 modules")).to_be_visible()
    # The page updates itself until the task has finished.
    expect(page.get_by_text("60 of 60 modules, done")).to_be_visible(timeout=60_000)
    expect(page.get_by_role("heading", name="Longest functions")).to_be_visible()
    assert fits(page)


def test_the_page_of_a_run_ends_if_its_results_cannot_be_added_up(
    page, live_server, start_node, monkeypatch
):
    monkeypatch.setattr(analysis, "find_modules", lambda: ["abc.py"])
    run = start_analysis()
    results_of(run).update(
        status=Status.SUCCESSFUL, finished_at=timezone.now(), return_value="no report"
    )
    page.goto(f"{live_server.url}{reverse('run', args=[run])}")
    expect(page.locator("#live")).to_have_attribute("data-over", "no")

    start_node("--processes=1")

    expect(page.get_by_text("could not be added up")).to_be_visible(timeout=60_000)
    expect(page.locator("#live")).to_have_attribute("data-over", "yes")
    page.get_by_role("link", name="the result of this task").click()
    expect(page.get_by_role("heading", name="add_up")).to_be_visible()


def test_a_picture_becomes_thumbnails(page, site):
    picture = BytesIO()
    Image.new("RGB", (1200, 800), "teal").save(picture, "PNG")
    page.goto(site)

    page.set_input_files(
        "input[type=file]",
        {"name": "a.png", "mimeType": "image/png", "buffer": picture.getvalue()},
    )
    page.get_by_role("button", name="Upload").click()

    expect(page.get_by_role("img")).to_have_count(3, timeout=30_000)
    expect(page.get_by_text("480 \N{MULTIPLICATION SIGN} 320")).to_be_visible()
    # The thumbnails exist, and the site serves them.
    page.wait_for_function("[...document.images].every(each => each.complete)")
    widths = page.eval_on_selector_all("img", "all => all.map(i => i.naturalWidth)")
    assert widths == [96, 240, 480]
    assert fits(page)


def test_a_file_that_is_not_an_image_is_refused_in_the_form(page, site):
    page.goto(site)

    page.set_input_files(
        "input[type=file]",
        {"name": "a.png", "mimeType": "image/png", "buffer": b"no picture"},
    )
    with page.expect_response("**/pictures/") as answer:
        page.get_by_role("button", name="Upload").click()

    assert answer.value.status == 200
    expect(page.get_by_text("Upload a valid image.")).to_be_visible()
    assert not TaskResult.objects.exists()


def test_a_mail_is_sent(page, site):
    page.goto(site)

    page.get_by_label("Name").fill("Grace")
    page.get_by_label("E-mail").fill("grace@example.com")
    page.get_by_role("button", name="Send").click()

    expect(page.get_by_text("Sent to grace@example.com")).to_be_visible(timeout=30_000)


def test_a_failure_is_shown_on_the_site_and_in_the_admin(page, site, admin_user):
    page.goto(site)

    page.get_by_role("button", name="Divide by zero").click()

    error = page.get_by_role("heading", name="builtins.ZeroDivisionError")
    expect(error).to_be_visible(timeout=30_000)
    assert fits(page)

    page.get_by_role("link", name="This result in the admin").click()
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill("password")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_text("in divide_by_zero")).to_be_visible()
    expect(page.get_by_text("builtins.ZeroDivisionError").first).to_be_visible()
