"""The Settings tab and the bar of quick settings, in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import NewPage

pytestmark = pytest.mark.browser


def opened(new_page: NewPage, url: str, name: str = "Settings", **options: object) -> Page:
    page = new_page(url, **options)
    page.get_by_role("tab", name=name).click()
    expect(page.locator("#setting-tiling")).to_be_visible()
    return page


def find(page: Page, text: str) -> Locator:
    """The settings that are found by a text."""
    page.get_by_role("searchbox").fill(text)
    return page.locator("#settings [id^=setting-]:visible")


@pytest.mark.parametrize(
    "text",
    ["opposite edges tile", "TILING", "平铺", "瓷砖", "tiling  edges"],
    ids=["help", "name", "zh", "zh help", "both"],
)
def test_a_setting_is_found_by_words_of_either_language(new_page: NewPage, url: str, text: str) -> None:
    page = opened(new_page, url)
    found = find(page, text)
    expect(found).to_have_count(1)
    expect(found).to_have_id("setting-tiling")
    expect(page.locator("#settings .section:visible")).to_have_count(1)


def test_a_setting_is_found_by_sd_webuis_name(new_page: NewPage, url: str) -> None:
    page = opened(new_page, url)
    expect(find(page, "CLIP_stop_at")).to_have_id("setting-CLIP_stop_at_last_layers")
    expect(find(page, "no such thing")).to_have_count(0)
    expect(page.get_by_text("No setting fits.")).to_be_visible()


def test_what_was_changed_is_marked_and_goes_back(new_page: NewPage, url: str) -> None:
    page = opened(new_page, url)
    tiling = page.locator("#setting-tiling")
    expect(tiling.locator(".reset")).to_be_hidden()
    tiling.get_by_role("checkbox").check()
    expect(page.locator("#settings .apply")).to_have_attribute("data-unsaved", "1 not saved yet")
    page.get_by_role("button", name="Apply settings").click()
    expect(page.locator("#toast")).to_have_text("Settings saved.")
    expect(page.locator("#settings .apply")).to_have_attribute("data-unsaved", "")
    page.get_by_role("button", name="Changed (2)").click()  # the checkpoint of the test's home is the other
    expect(page.locator("#settings [id^=setting-]:visible")).to_have_count(2)
    tiling.get_by_role("button", name="Back to the default: Tiling").click()
    expect(tiling.get_by_role("checkbox", include_hidden=True)).not_to_be_checked()
    expect(page.get_by_role("button", name="Changed (1)")).to_be_visible()
    page.get_by_role("button", name="Apply settings").click()
    expect(page.locator("#settings .apply")).to_have_attribute("data-unsaved", "")


def test_quick_settings_stand_on_every_tab_and_hold_at_once(new_page: NewPage, url: str) -> None:
    page = opened(new_page, url)
    chooser = page.get_by_role("combobox", name="Quick settings")
    for label in ("Tiling", "Emphasis", "Schedule: rho"):
        chooser.fill(label)
        page.get_by_role("option", name=label, exact=True).click()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Apply settings").click()
    bar = page.locator("#quick")
    expect(bar.locator("label > span")).to_have_text(["Tiling", "Emphasis", "Schedule: rho"])

    other = new_page(url)  # somebody else, who has not opened the settings
    other.locator("#quick").get_by_label("Tiling").check()
    expect(other.locator("#toast")).to_have_text("Saved: Tiling")
    other.locator("#quick").get_by_label("Emphasis").select_option("No norm")
    expect(other.locator("#toast")).to_have_text("Saved: Emphasis")
    other.locator("#quick").get_by_label("Schedule: rho").fill("99")
    other.locator("#quick").get_by_label("Schedule: rho").press("Tab")
    expect(other.locator("#toast")).to_have_text("Schedule: rho has to be 20 or less.")
    expect(other.locator("#quick").get_by_label("Schedule: rho")).to_have_value("0")
    other.get_by_role("tab", name="Settings").click()
    expect(other.locator("#setting-tiling").get_by_role("checkbox")).to_be_checked()
    expect(other.locator("#settings .apply")).to_have_attribute("data-unsaved", "")

    page.reload()
    expect(page.locator("#quick").get_by_label("Tiling")).to_be_checked()
    expect(page.locator("#quick").get_by_label("Emphasis")).to_have_value("No norm")


def test_applying_sends_only_what_was_changed_here(new_page: NewPage, url: str) -> None:
    """Two pages are open; neither undoes what the other has set."""
    one, other = opened(new_page, url), opened(new_page, url)
    one.locator("#setting-tiling").get_by_role("checkbox").check()
    one.get_by_role("button", name="Apply settings").click()
    expect(one.locator("#toast")).to_have_text("Settings saved.")
    other.locator("#setting-save_txt").get_by_role("checkbox").check()
    other.get_by_role("button", name="Apply settings").click()
    expect(other.locator("#toast")).to_have_text("Settings saved.")
    other.reload()
    other.get_by_role("tab", name="Settings").click()
    expect(other.locator("#setting-tiling").get_by_role("checkbox")).to_be_checked()
    expect(other.locator("#setting-save_txt").get_by_role("checkbox")).to_be_checked()
