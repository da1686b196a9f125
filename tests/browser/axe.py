"""Looks for what keeps people from using a page, with axe-core."""

from pathlib import Path
from typing import Any

from playwright.sync_api import Page

_AXE = Path(__file__).parent / "vendor" / "axe-core-4.14.1" / "axe.min.js"
#: What is less than serious is told by axe, too, but is a matter of taste.
_FAULTS = ("serious", "critical")
_OPTIONS = {
    "resultTypes": ["violations"],
    # Django's own search box has a picture for its label.
    "rules": {"label-title-only": {"enabled": False}},
}


def assert_accessible(page: Page, *, within: str = "#container") -> None:
    """
    Assert that axe finds no serious and no critical fault in a part of a page.

    That is of colours as the page has them now: look at dark pages and light ones.
    """
    # What was clicked a moment ago may still be on its way.
    page.locator(within).wait_for()
    # By the debugging protocol: the page's own policy allows no such script.
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
