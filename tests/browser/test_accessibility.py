"""That pages can be used by everybody, as far as a program can tell."""

import pytest
from playwright.sync_api import expect

from tests.browser.axe import assert_accessible


def test_what_cannot_be_read_is_found(page):
    page.set_content(
        '<div id="container"><h1>Overview</h1>'
        '<p style="color: #888; background: #777">Can anybody read this?</p></div>'
    )

    with pytest.raises(AssertionError, match=r"serious: .*\(color-contrast\)"):
        assert_accessible(page)


def test_what_can_be_used_is_let_alone(page):
    page.set_content(
        '<div id="container"><h1>Overview</h1>'
        '<p style="color: #000; background: #fff">Anybody can read this.</p></div>'
    )

    expect(page.get_by_role("heading")).to_be_visible()
    assert_accessible(page)
