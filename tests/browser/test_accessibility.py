"""The accessibility check: it reports violations, and passes good pages."""

import pytest
from playwright.sync_api import expect

from tests.browser.axe import assert_accessible


def test_text_with_too_little_contrast_is_reported(page):
    page.set_content(
        '<div id="container"><h1>Overview</h1>'
        '<p style="color: #888; background: #777">Can anybody read this?</p></div>'
    )

    with pytest.raises(AssertionError, match=r"serious: .*\(color-contrast\)"):
        assert_accessible(page)


def test_a_page_without_violations_passes(page):
    page.set_content(
        '<div id="container"><h1>Overview</h1>'
        '<p style="color: #000; background: #fff">Anybody can read this.</p></div>'
    )

    expect(page.get_by_role("heading")).to_be_visible()
    assert_accessible(page)
