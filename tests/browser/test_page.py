"""The page as people use it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import NewPage
from tests.test_main import free_port, started

pytestmark = pytest.mark.browser
HOSTILE = '<img src=x onerror="window.hacked=1"> {value} ${window.hacked=1} </script>'


def prompt(page: Page) -> Locator:
    return page.get_by_label("Prompt", exact=True)


def number(page: Page, field: str) -> Locator:
    return page.locator(f"#field-{field} input[type=number]")


def fill(page: Page, text: str, steps: int = 4, count: int = 1) -> None:
    prompt(page).fill(text)
    for field, value in (("sampling-steps", steps), ("batch-count", count)):
        number(page, field).fill(str(value))
        number(page, field).blur()


def picture(page: Page) -> Locator:
    """The large one, finished."""
    return page.locator(".frame img:not(.rough)")


def progress(page: Page) -> Locator:
    return page.locator(".progress")


def test_from_a_prompt_to_a_file(new_page: NewPage, home: Path) -> None:
    """The whole program: its server process, its worker, a tiny model."""
    with started(home, "--port", str(free_port()), "--use-cpu") as server:
        page = new_page(f"{server.url}/")
        expect(prompt(page)).to_be_focused()
        fill(page, "a red boat on the sea at sunset", steps=150, count=3)
        prompt(page).press("Control+Enter")
        expect(page.locator(".where")).to_have_text(re.compile(r"Picture \d of 3 · Step \d+ of 150"))
        expect(page.locator(".frame img.rough")).to_have_attribute("src", re.compile("^data:image/jpeg"))
        expect(page.locator(".thumb.made")).to_have_count(3)
        expect(progress(page)).to_be_hidden()
        expect(picture(page)).to_be_visible()
        text = page.locator(".text").inner_text()
        assert text.startswith("a red boat on the sea at sunset\nSteps: 150,")
        with Image.open(home / page.locator(".path").inner_text()) as saved:
            assert saved.info["parameters"] == text
        assert picture(page).evaluate("image => image.naturalWidth") == 64  # the checkpoint's own size


def test_a_reload_shows_the_running_job_and_the_form_again(new_page: NewPage, url: str) -> None:
    page = new_page(url)
    fill(page, "kept across reloads", steps=60, count=8)
    page.locator("#field-sampling-sampler input").click()
    page.get_by_role("option", name="Heun", exact=True).click()
    page.get_by_role("button", name="Generate", exact=True).click()
    expect(page.locator(".thumb.made").first).to_be_visible()
    page.reload()
    expect(page.locator(".where")).to_have_text(re.compile("of 8 · "))
    expect(prompt(page)).to_have_value("kept across reloads")
    expect(number(page, "batch-count")).to_have_value("8")
    expect(page.locator("#field-sampling-sampler input")).to_have_value("Heun")
    other = new_page(url)
    expect(other.locator("#queue")).to_contain_text("1 running")
    expect(other.get_by_role("heading", name="What shall it be?")).to_be_visible()  # another browser's work
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    expect(progress(page)).to_be_hidden()


def test_interrupt_first_ends_after_the_picture_then_at_once_and_keeps_what_there_is(
    new_page: NewPage, url: str
) -> None:
    page = new_page(url)
    fill(page, "stopped", steps=60, count=20)
    page.get_by_role("button", name="Generate", exact=True).click()
    expect(page.locator(".thumb.made").first).to_be_visible()
    page.get_by_role("button", name="Interrupt").click()
    expect(page.locator(".where")).to_have_text("Stopping after this picture")
    page.get_by_role("button", name="Stop now").click()
    expect(progress(page)).to_be_hidden()
    expect(page.locator(".note")).to_contain_text("of 20 pictures are kept")
    made = page.locator(".thumb.made").count()
    assert 1 <= made < 20
    page.reload()
    expect(page.locator(".thumb.made")).to_have_count(made)


def test_a_press_while_a_job_runs_puts_the_next_into_the_queue(new_page: NewPage, url: str) -> None:
    page = new_page(url)
    fill(page, "first", steps=60, count=4)
    prompt(page).press("Control+Enter")
    expect(progress(page)).to_be_visible()
    fill(page, "second", steps=2)
    prompt(page).press("Control+Enter")
    expect(page.locator("#toast")).to_have_text("Added to the queue.")
    expect(page.locator("#queue")).to_have_text("1 running · 1 waiting")
    expect(page.locator(".text")).to_contain_text("second")


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("seeds-seed", "many", "Seed has to be a whole number."),
        ("size-width", "65", "Width has to be a multiple of 8."),
    ],
)
def test_a_bad_value_is_named_in_words_where_it_stands(
    new_page: NewPage, url: str, field: str, value: str, words: str
) -> None:
    page = new_page(url)
    box = page.locator(f"#field-{field} input:not([type=range])")
    box.fill(value)
    page.get_by_role("button", name="Generate", exact=True).click()
    expect(page.get_by_role("alert").filter(has_text=words)).to_be_visible()
    expect(page.locator(f"#field-{field} .why")).to_have_text(words)
    expect(page.get_by_text("Error", exact=True)).to_have_count(0)


def test_chinese_follows_the_browser_and_the_switch_is_remembered(new_page: NewPage, url: str) -> None:
    page = new_page(url, locale="zh-CN")
    expect(page.get_by_label("提示词", exact=True)).to_be_visible()
    expect(page.get_by_role("tab", name="文生图")).to_be_visible()
    expect(page.get_by_role("heading", name="想画点什么？")).to_be_visible()
    expect(page.locator("#queue")).to_contain_text(re.compile("就绪|运行中"))
    page.get_by_label("随机种子", exact=True).fill("x")
    page.get_by_role("button", name="生成", exact=True).click()
    expect(page.get_by_role("alert").filter(has_text="随机种子 应为整数。")).to_be_visible()
    page.get_by_role("button", name="English").click()
    expect(prompt(page)).to_be_visible()
    page.reload()
    expect(page.get_by_role("button", name="Generate", exact=True)).to_be_visible()


def test_the_colours_follow_the_system_and_the_switch_is_remembered(new_page: NewPage, url: str) -> None:
    page = new_page(url, color_scheme="dark")
    body = page.locator("body")
    expect(body).to_have_class(re.compile(r"\bdark\b"))
    page.get_by_role("button", name="Light or dark").click()
    expect(body).not_to_have_class(re.compile(r"\bdark\b"))
    page.reload()
    expect(prompt(page)).to_be_visible()
    expect(body).not_to_have_class(re.compile(r"\bdark\b"))


def test_on_a_phone_everything_fits_and_generate_is_at_hand(new_page: NewPage, url: str) -> None:
    page = new_page(url, viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True)
    fill(page, "small", steps=3, count=4)
    page.get_by_role("button", name="Generate", exact=True).tap()
    expect(picture(page)).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    box = page.get_by_role("button", name="Generate", exact=True).bounding_box()
    assert box and box["y"] + box["height"] <= 844
    frame = page.locator(".pic").bounding_box()
    form = prompt(page).bounding_box()
    assert frame and form and frame["y"] < form["y"]  # the picture first


def test_a_chosen_model_is_remembered_and_said_to_be_gone(new_page: NewPage, url: str, home: Path) -> None:
    page = new_page(url)
    models = home / "models" / "Stable-diffusion"
    checkpoint = page.get_by_label("Stable Diffusion checkpoint", exact=True)
    (models / "new.safetensors").symlink_to(models / "tiny.safetensors")
    page.get_by_role("button", name="Look for new models").click()
    expect(page.locator("#toast")).to_have_text("Models looked up again; new checkpoints: 1.")
    checkpoint.click()
    page.get_by_role("option", name="new.safetensors").click()
    page.reload()
    expect(checkpoint).to_have_value(re.compile("^new.safetensors"))
    (models / "new.safetensors").unlink()
    page.get_by_role("button", name="Look for new models").click()
    expect(page.locator("#toast")).to_have_text(
        "new.safetensors is not there any more; tiny.safetensors is chosen instead."
    )
    expect(checkpoint).to_have_value(re.compile("^tiny.safetensors"))


def test_hostile_words_stay_words(new_page: NewPage, url: str) -> None:
    page = new_page(url)
    fill(page, HOSTILE, steps=2)
    prompt(page).press("Control+Enter")
    expect(page.locator(".text")).to_contain_text(HOSTILE)
    assert page.evaluate("window.hacked") is None
    page.reload()
    expect(prompt(page)).to_have_value(HOSTILE)
    assert page.evaluate("window.hacked") is None


def test_seed_buttons_examples_and_token_counters(new_page: NewPage, url: str) -> None:
    page = new_page(url)
    page.get_by_role("button", name="a red boat on the sea at sunset").click()
    expect(prompt(page)).to_have_value("a red boat on the sea at sunset")
    expect(page.locator("#field-prompts-prompt .count")).to_have_text("8/75")
    seed = page.get_by_label("Seed", exact=True)
    seed.fill("9007199254740993")  # one more than a browser's numbers can tell apart
    fill(page, "seeded", steps=2, count=2)
    prompt(page).press("Control+Enter")
    expect(page.locator(".thumb.made")).to_have_count(2)
    page.get_by_role("button", name="Picture 2").click()
    page.get_by_role("button", name="Use the seed of the picture shown").click()
    expect(seed).to_have_value("9007199254740994")
    page.get_by_role("button", name="Random seed").click()
    expect(seed).to_have_value("-1")


def test_settings_are_saved_and_a_wrong_one_is_named(new_page: NewPage, url: str) -> None:
    page = new_page(url)
    page.get_by_role("tab", name="Settings").click()
    days = page.get_by_label("Days to keep unsaved pictures", exact=True)
    days.fill("0")
    page.get_by_role("button", name="Apply settings").click()
    words = "Days to keep unsaved pictures has to be 1 or more."
    expect(page.locator("#setting-keep_unsaved_days .why")).to_have_text(words)
    days.fill("5")
    page.get_by_role("button", name="Apply settings").click()
    expect(page.locator("#toast")).to_have_text("Settings saved.")
    page.reload()
    page.get_by_role("tab", name="Settings").click()
    expect(page.get_by_label("Days to keep unsaved pictures", exact=True)).to_have_value("5")


def test_the_page_finds_its_server_again(new_page: NewPage, url: str) -> None:
    """A laptop that slept, a server that was restarted: the page goes on by itself."""
    page = new_page(url)
    page.context.set_offline(True)
    prompt(page).fill("in the dark")
    prompt(page).press("Control+Enter")
    expect(page.get_by_role("alert").filter(has_text="No answer from the server")).to_be_visible()
    page.context.set_offline(False)
    fill(page, "there again", steps=2)
    prompt(page).press("Control+Enter")
    expect(page.locator(".text")).to_contain_text("there again")
