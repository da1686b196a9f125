"""Fixtures for tests in a real browser."""

import os
import shutil
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
from django.conf import settings
from django.urls import reverse
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

_FLAGS = [
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-background-networking",
]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Start the Chromium that is installed on the system."""
    # The browser lives only for this package: while it does, playwright runs an event
    # loop in this thread, and Django would refuse every query as one from async code.
    program = shutil.which("chromium")
    if program is None:
        reason = "no chromium: run `make test`, or install it"
        pytest.fail(reason) if settings.CI else pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=_FLAGS)
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
        yield browser
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]
        browser.close()


def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Deselect the phone variants of tests that are marked `any_size`."""
    small = [
        item
        for item in items
        if item.get_closest_marker("any_size") and "phone" in item.name
    ]
    config.hook.pytest_deselected(items=small)
    items[:] = [item for item in items if item not in small]


@pytest.fixture
def console_errors() -> list[str]:
    """The errors that the page has logged; a test removes those that it expects."""
    return []


@pytest.fixture(params=["wide", "phone"])
def page(browser, request, console_errors) -> Iterator[Page]:
    """Yield a page on a wide screen or a phone; assert that it logs no errors."""
    size = {"wide": (1280, 900), "phone": (390, 844)}[request.param]
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme="dark"
    )
    page = context.new_page()
    page.on("pageerror", lambda error: console_errors.append(str(error)))
    page.on("console", lambda message: console_errors.extend(_errors(message)))
    yield page
    context.close()
    assert console_errors == []


def _errors(message: ConsoleMessage) -> list[str]:
    source = message.location["url"]
    # Browsers request an icon, which the admin does not have. A script that a test
    # evaluates has no URL. If the page's policy blocks a part of axe, that is no fault
    # of the page.
    if message.type != "error" or not source or source.endswith("/favicon.ico"):
        return []
    return [message.text]


@pytest.fixture
def config(configure):
    """Use the database broker, as the demo does."""
    return configure(broker_url="database://")


@pytest.fixture
def admin(live_server, config, page, admin_user):
    """Log in; return a function that opens a page of the admin."""

    def admin(name, *args, **query):
        path = reverse(f"admin:{name}", args=args)
        page.goto(f"{live_server.url}{path}?{urlencode(query)}")
        return page

    admin("index")
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill("password")
    page.get_by_role("button", name="Log in").click()
    return admin


def fits(page: Page) -> bool:
    """Return whether no content is wider than the screen."""
    return page.evaluate(
        "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    )
