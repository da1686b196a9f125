"""Accessibility checks of pages, with axe-core."""

from pathlib import Path
from typing import Any

from playwright.sync_api import Page

_AXE = Path(__file__).parent / "vendor" / "axe-core-4.14.1" / "axe.min.js"
#: axe also reports lesser violations, but those are a matter of taste.
_FAULTS = ("serious", "critical")
_OPTIONS = {
    "resultTypes": ["violations"],
    # The label of Django's own search box is an image.
    "rules": {"label-title-only": {"enabled": False}},
}


def assert_accessible(page: Page, *, within: str = "#container") -> None:
    """
    Assert that axe finds no serious or critical violation in a part of a page.

    Only the current colours are checked, so check both dark and light pages.
    """
    # The page that a click has requested may still be loading.
    page.locator(within).wait_for()
    # Use the debugging protocol: the policy of the page forbids a script element.
    if not page.evaluate("'axe' in window"):
        page.evaluate(_AXE.read_text())
    found = page.evaluate(
        "([within, options]) => axe.run(within, options)", [within, _OPTIONS]
    )
    faults = [each for each in found["violations"] if each["impact"] in _FAULTS]
    assert not faults, "\n".join(map(_in_words, faults))


def _in_words(fault: dict[str, Any]) -> str:
    places = (
        f"  {' '.join(map(str, node['target']))}\n    {node['html']}\n"
        f"    {node['failureSummary']}"
        for node in fault["nodes"]
    )
    return "\n".join([f"{fault['impact']}: {fault['help']} ({fault['id']})", *places])
