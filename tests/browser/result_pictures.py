"""
Take pictures of the result pages, from a separate site.

    python -m tests.browser.result_pictures docs/images
"""

import sys
from pathlib import Path

from playwright.sync_api import Browser, Page

from tests.browser.screenshots import run, save

_WIDE, _PHONE = (1280, 800), (390, 844)
_RESULTS = "/admin/taskhub/taskresult/"
#: The address of each page, with placeholders for ids, such as {failed}.
_PAGES = {
    "results-list": f"{_RESULTS}?status=FAILED",
    "failures": f"{_RESULTS}failures/",
    "result": f"{_RESULTS}{{failed}}/change/",
    "result-running": f"{_RESULTS}{{running}}/change/",
    "bulk-retry": f"{_RESULTS}bulk/retry/?status=FAILED&cause={{cause}}&per_second=10",
    "bulk-action": "/admin/taskhub/bulkaction/{bulk}/change/",
    "bulk-list": "/admin/taskhub/bulkaction/",
    "enqueue": f"{_RESULTS}enqueue/?task=shop.tasks.charge",
    "result-again": f"{_RESULTS}{{failed}}/again/",
}
#: The pictures in the documentation; `--all` takes all pages, colours and sizes.
_KEPT = [
    ("results-list", "light", _WIDE),
    ("failures", "light", _WIDE),
    ("failures", "dark", _PHONE),
    ("result", "light", _WIDE),
    ("result-running", "light", _WIDE),
    ("bulk-retry", "light", _WIDE),
    ("bulk-action", "light", _WIDE),
    ("enqueue", "light", _WIDE),
]


def wanted(everything: bool) -> list[tuple[str, str, tuple[int, int]]]:
    """Return the pictures to take: page, colours and size."""
    if not everything:
        return _KEPT
    return [
        (name, scheme, size)
        for name in _PAGES
        for scheme in ("light", "dark")
        for size in (_WIDE, _PHONE)
    ]


def sign_in(browser: Browser, base: str, scheme: str, size: tuple[int, int]) -> Page:
    """Log in as a superuser; return the page."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme=scheme
    )
    page = context.new_page()
    page.goto(f"{base}/admin/")
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password").fill("ada")
    page.get_by_role("button", name="Log in").click()
    return page


def take(browser: Browser, base: str, folder: Path) -> None:
    """Take the pictures."""
    from tests.browser import incident

    ids = incident.fill()
    for name, scheme, size in wanted("--all" in sys.argv):
        page = sign_in(browser, base, scheme, size)
        page.goto(base + _PAGES[name].format(**ids))
        page.wait_for_load_state("load")
        endings = ["dark"] * (scheme == "dark") + ["phone"] * (size == _PHONE)
        path = folder / f"{'-'.join([name, *endings])}.png"
        save(page.screenshot(full_page=True), path)
        page.context.close()


if __name__ == "__main__":
    sys.exit(run(take, __doc__))
