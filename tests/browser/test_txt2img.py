"""What people do beyond prompt and Generate: second passes, pasted texts, dropped pictures, styles, keys."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import numpy
import pytest
from playwright.sync_api import Locator, Page, Request, expect

from tests.browser.conftest import NewPage
from tests.browser.test_page import fill, number, picture, progress, prompt
from webui.outputs import png
from webui.request import Hires, Size, Txt2Img, final_size

pytestmark = pytest.mark.browser

TEXT = """a (red:1.3) boat
Negative prompt: people
Steps: 4, Sampler: Euler a, Schedule type: Karras, CFG scale: 5.5, Seed: 9007199254740993, Size: 128x64, \
Model hash: 0123456789, Model: elsewhere, Variation seed: 77, Variation seed strength: 0.2, Denoising strength: 0.4, \
Clip skip: 2, Hires upscale: 1.5, Hires steps: 3, Hires upscaler: Lanczos, Version: v1.10.1"""


def switch(page: Page, name: str) -> Locator:
    return page.get_by_role("checkbox", name=name, exact=True)


def generate(page: Page) -> None:
    page.get_by_role("button", name="Generate", exact=True).click()


def make_one(page: Page, text: str = "a boat") -> None:
    fill(page, text, steps=2)
    generate(page)
    expect(picture(page)).to_be_visible()
    expect(progress(page)).to_be_hidden()


def body(request: Request) -> dict[str, Any]:
    return json.loads(request.post_data or "")


def expect_filled(page: Page) -> None:
    """The form as TEXT has it."""
    expect(prompt(page)).to_have_value("a (red:1.3) boat")
    expect(page.get_by_label("Negative prompt", exact=True)).to_have_value("people")
    expect(page.locator("#field-sampling-sampler input")).to_have_value("Euler a")
    expect(page.locator("#field-sampling-scheduler input")).to_have_value("Karras")
    for field, value in (
        ("sampling-steps", "4"),
        ("sampling-cfg_scale", "5.5"),
        ("size-width", "128"),
        ("size-height", "64"),
        ("seeds-subseed_strength", "0.2"),
        ("hires-scale", "1.5"),
        ("hires-steps", "3"),
        ("hires-denoising", "0.4"),
    ):
        expect(number(page, field)).to_have_value(value)
    expect(page.get_by_label("Seed", exact=True)).to_have_value("9007199254740993")
    expect(page.get_by_label("Variation seed", exact=True)).to_have_value("77")
    expect(switch(page, "Hires. fix")).to_be_checked()
    expect(switch(page, "Variation and seed resize")).to_be_checked()
    expect(switch(page, "Refiner")).not_to_be_checked()
    expect(page.locator("#field-hires-upscaler input")).to_have_value("Lanczos")


def carry(page: Page, event: str, content: bytes, name: str, kind: str) -> None:
    """Drop or paste a file on the prompt."""
    prompt(page).evaluate(
        """(area, [event, data, name, type]) => {
            const bytes = Uint8Array.from(atob(data), (sign) => sign.charCodeAt(0));
            const carried = new DataTransfer();
            carried.items.add(new File([bytes], name, { type }));
            const how = { bubbles: true, cancelable: true };
            area.dispatchEvent(
                event === "paste"
                    ? new ClipboardEvent(event, { ...how, clipboardData: carried })
                    : new DragEvent(event, { ...how, dataTransfer: carried }),
            );
        }""",
        [event, base64.b64encode(content).decode(), name, kind],
    )


def test_a_second_pass_from_the_page(new_page: NewPage, url: str) -> None:
    page = new_page(url)
    expect(page.locator("#field-hires-upscaler")).to_be_hidden()
    switch(page, "Hires. fix").check()
    expect(page.locator(".becomes")).to_have_text("From 64×64 to 128×128")
    number(page, "hires-scale").fill("1.5")
    number(page, "hires-scale").blur()
    page.locator("#field-hires-upscaler input").click()
    page.get_by_role("option", name="Latent (bicubic antialiased)", exact=True).click()
    page.get_by_role("button", name="Checkpoint, sampler and prompts of the second pass").click()
    page.get_by_label("Hires prompt", exact=True).fill("finer")
    with page.expect_request("**/page/jobs") as asked:
        make_one(page)
    values = body(asked.value)
    assert values["hires.enabled"] is True
    assert (values["hires.scale"], values["hires.upscaler"]) == (1.5, "Latent (bicubic antialiased)")
    assert (values["hires.prompt"], values["hires.sampler"], values["hires.checkpoint"]) == ("finer", "", "")
    page.reload()
    expect(switch(page, "Hires. fix")).to_be_checked()
    expect(page.locator(".becomes")).to_have_text("From 64×64 to 96×96")


@pytest.mark.parametrize(
    ("width", "height", "scale", "to"),
    [(512, 768, 2, (0, 0)), (520, 64, 1.35, (0, 0)), (512, 768, 2, (1000, 0)), (512, 768, 2, (0, 1000)),
     (512, 768, 2, (1024, 1000))],
)  # fmt: skip
def test_the_page_says_the_size_that_the_second_pass_ends_with(
    new_page: NewPage, url: str, width: int, height: int, scale: float, to: tuple[int, int]
) -> None:
    page = new_page(url)
    switch(page, "Hires. fix").check()
    fields = {"size-width": width, "size-height": height, "hires-scale": scale}
    for field, value in {**fields, "hires-width": to[0], "hires-height": to[1]}.items():
        number(page, field).fill(str(value))
        number(page, field).blur()
    hires = Hires(scale=scale, width=to[0], height=to[1])
    size = "×".join(map(str, final_size(Txt2Img(size=Size(width=width, height=height), hires=hires))))
    expect(page.locator(".becomes")).to_have_text(f"From {width}×{height} to {size}")


def test_a_pasted_text_fills_the_form_and_what_is_left_is_said(new_page: NewPage, url: str) -> None:
    page = new_page(url)
    prompt(page).fill(TEXT)
    page.locator("#read").click()
    expect_filled(page)
    notes = page.locator("#asked .note")
    missing = notes.filter(has_text="elsewhere")
    expect(missing).to_be_visible()
    chips = page.locator(".override")
    expect(chips.filter(has_text="Clip skip: 2")).to_be_visible()
    page.reload()
    expect_filled(page)
    expect(chips.filter(has_text="Clip skip: 2")).to_be_visible()
    with page.expect_request("**/page/jobs") as asked:
        generate(page)
    assert body(asked.value)["overrides"] == {"CLIP_stop_at_last_layers": 2, "prompt_syntax": "sd-webui"}
    expect(picture(page)).to_be_visible()
    chips.filter(has_text="Clip skip: 2").get_by_role("button").click()
    expect(chips).to_have_count(1)
    with page.expect_request("**/page/jobs") as asked:
        generate(page)
    assert body(asked.value)["overrides"] == {"prompt_syntax": "sd-webui"}


def test_a_note_can_be_put_away(new_page: NewPage, url: str) -> None:
    page = new_page(url)
    prompt(page).fill(TEXT)
    page.locator("#read").click()
    note = page.locator("#asked .note").filter(has_text="elsewhere")
    note.get_by_role("button", name="Close").click()
    expect(note).to_have_count(0)


def test_an_empty_prompt_takes_the_last_picture_s_text(new_page: NewPage, url: str) -> None:
    page = new_page(url)
    make_one(page, "the last one")
    prompt(page).fill("")
    page.locator("#read").click()
    expect(prompt(page)).to_have_value("the last one")


@pytest.mark.parametrize(
    ("event", "name", "kind"),
    [("drop", "picture.png", "image/png"), ("drop", "text.txt", "text/plain"), ("paste", "picture.png", "image/png")],
)
def test_a_picture_or_a_text_that_is_dropped_or_pasted_fills_the_form(
    new_page: NewPage, url: str, event: str, name: str, kind: str
) -> None:
    content = png(numpy.zeros((8, 8, 3), numpy.uint8), TEXT) if kind == "image/png" else TEXT.encode()
    page = new_page(url)
    carry(page, event, content, name, kind)
    expect_filled(page)


def test_a_picture_of_ours_that_is_dropped_may_be_made_again(new_page: NewPage, url: str) -> None:
    page = new_page(url)
    again = page.locator("#asked .again")
    carry(page, "drop", png(numpy.zeros((8, 8, 3), numpy.uint8), TEXT), "picture.png", "image/png")
    expect_filled(page)
    expect(again).to_have_count(0)  # sd-webui made it
    ours = "a boat\nSteps: 2, Sampler: Euler, Seed: 7, Size: 64x64, Version: atelier-0.1.0"
    carry(page, "drop", png(numpy.zeros((64, 64, 3), numpy.uint8), ours), "picture.png", "image/png")
    again.get_by_role("button", name="Reproduce").click()
    expect(page.locator(".stage .notes .note").first).to_be_visible()
    again.get_by_role("button", name="Close").click()
    expect(again).to_have_count(0)


def test_a_file_that_is_no_picture_is_refused_in_words(new_page: NewPage, url: str) -> None:
    page = new_page(url)
    prompt(page).fill("stays")
    carry(page, "drop", b"nothing that anybody could look at", "picture.png", "image/png")
    expect(page.locator("#toast.bad")).to_be_visible()
    expect(prompt(page)).to_have_value("stays")


def test_a_chosen_picture_is_enlarged_used_and_made_again(new_page: NewPage, url: str) -> None:
    page = new_page(url)
    fill(page, "a boat", steps=2, count=2)
    generate(page)
    expect(page.locator(".thumb.made")).to_have_count(2)
    expect(progress(page)).to_be_hidden()
    page.get_by_role("button", name="Picture 1").click()
    seed = re.search(r"Seed: (\d+)", page.locator(".text").inner_text())
    assert seed
    prompt(page).fill("something else")
    page.get_by_role("button", name="Use these settings").click()
    expect(prompt(page)).to_have_value("a boat")
    expect(page.get_by_label("Seed", exact=True)).to_have_value(seed[1])

    page.get_by_role("button", name="Reproduce").click()
    verdict = page.locator(".stage .notes .note")
    expect(verdict.first).to_be_visible()
    said = verdict.first.inner_text()
    page.reload()
    expect(verdict.first).to_have_text(said)

    with page.expect_request("**/page/enlarge") as asked:
        page.get_by_role("button", name="Hires", exact=True).click()
    assert body(asked.value)["index"] == 0
    expect(page.locator(".thumb.made")).to_have_count(1)
    expect(progress(page)).to_be_hidden()
    assert seed[1] in page.locator(".text").inner_text()


def test_styles_are_written_chosen_applied_and_deleted(new_page: NewPage, url: str) -> None:
    page = new_page(url)
    editor = page.get_by_role("dialog")
    page.get_by_role("button", name="Edit styles").click()
    for name, text, negative in (("Oil", "{prompt}, oil painting", "photo"), ("Ink", "ink", "")):
        editor.get_by_role("button", name="+ New style").click()
        editor.get_by_label("Name").fill(name)
        editor.get_by_label("Text for the prompt").fill(text)
        editor.get_by_label("Text for the negative prompt").fill(negative)
        editor.get_by_role("button", name="Save").click()
        expect(editor.get_by_text(f"Saved: {name}")).to_be_visible()
    page.keyboard.press("Escape")
    expect(editor).to_be_hidden()

    chosen = page.get_by_label("Styles", exact=True)
    for name in ("Oil", "Ink"):
        chosen.click()
        page.get_by_role("option", name=name, exact=True).click()
    chosen.press("Tab")
    make_one(page, "a boat")
    expect(page.locator(".text")).to_contain_text("a boat, oil painting, ink")
    page.reload()
    expect(page.locator("#field-prompts-styles .token")).to_have_count(2)
    page.get_by_role("button", name="Put the styles into the prompt").click()
    expect(prompt(page)).to_have_value("a boat, oil painting, ink")
    expect(page.get_by_label("Negative prompt", exact=True)).to_have_value("photo")
    expect(page.locator("#field-prompts-styles .token")).to_have_count(0)

    page.get_by_role("button", name="Edit styles").click()
    editor.get_by_role("button", name="Ink", exact=True).click()
    editor.get_by_role("button", name="Delete").click()
    expect(editor.get_by_text("Deleted: Ink")).to_be_visible()
    expect(editor.get_by_role("button", name="Ink", exact=True)).to_have_count(0)


UP, DOWN, LEFT, RIGHT = "Control+ArrowUp", "Control+ArrowDown", "Alt+ArrowLeft", "Alt+ArrowRight"


# Before and after; "|" is the cursor, and two of them are the ends of what is selected.
KEYS = {
    UP: [
        ("a r|ed boat", "a (|red|:1.1) boat"),
        ("a |red boat| here", "a (|red boat|:1.1) here"),
        ("a (|red|:1.1) boat", "a (|red|:1.2) boat"),
        ("a (|red|:0.9) boat", "a |red| boat"),
        ("a (red b|oat) here", "a (|red boat|:1.2) here"),
        ("a [r|ed] boat", "a |red| boat"),
        ("a |(red:1.25)| boat", "a (|red|:1.35) boat"),
        ("a ((r|ed)) boat", "a ((|red|:1.2)) boat"),
        (r"a \(r|ed\) boat", r"a \((|red|:1.1)\) boat"),
        ("sea, <lora:in|k:0.8>, sky", "sea, <lora:|ink|:0.85>, sky"),
        ("<lora:in|k>", "<lora:|ink|:1.05>"),
        ("<lora:in|k:te=0.5:0.8>", "<lora:|ink|:te=0.5:0.85>"),
        ("a , | , b", "a , | , b"),
        ("", ""),
    ],
    DOWN: [
        ("a r|ed boat", "a (|red|:0.9) boat"),
        ("a (|red|:1.1) boat", "a |red| boat"),
        ("(a, (b|:1.3):1.2)", "(a, (|b|:1.2):1.2)"),
        ("<lora:in|k:1>", "<lora:|ink|:0.95>"),
    ],
    LEFT: [
        ("a, b b|, c", "|b b|, a, c"),
        ("|a, b", "|a, b"),
        ("a, (b, c|, d:1.2), e", "a, (|c|, b, d:1.2), e"),
        ("a,\n  b|", "|b|,\n  a"),
    ],
    RIGHT: [
        ("a|, b, c", "b, |a|, c"),
        ("a, (b, c), d|", "a, (b, c), d|"),
        ("(x:1.2|), y", "(x:1.2|), y"),
        ("a|, (b, c), d", "(b, c), |a|, d"),
    ],
}


@pytest.mark.parametrize("key", KEYS)
def test_keys_edit_the_prompt(new_page: NewPage, url: str, key: str) -> None:
    page = new_page(url)
    for before, after in KEYS[key]:
        assert press(page, before, key) == after, before


def press(page: Page, before: str, key: str) -> str:
    text = before.replace("|", "")
    ends = [at - i for i, at in enumerate(at for at, sign in enumerate(before) if sign == "|")] or [0]
    prompt(page).fill(text)
    prompt(page).evaluate("(area, [from, to]) => area.setSelectionRange(from, to)", [ends[0], ends[-1]])
    prompt(page).press(key)
    now, start, end = prompt(page).evaluate("area => [area.value, area.selectionStart, area.selectionEnd]")
    if not before:
        return now
    if start == end:
        return f"{now[:start]}|{now[start:]}"
    return f"{now[:start]}|{now[start:end]}|{now[end:]}"


def test_what_a_key_did_is_sent_and_can_be_undone(new_page: NewPage, url: str) -> None:
    page = new_page(url)
    press(page, "a r|ed boat", UP)
    with page.expect_request("**/page/jobs") as asked:
        prompt(page).press("Control+Enter")
    assert body(asked.value)["prompts.prompt"] == "a (red:1.1) boat"
    prompt(page).press("Control+z")
    expect(prompt(page)).to_have_value("a red boat")


def test_keys_go_by_the_settings(new_page: NewPage, url: str, home: Path) -> None:
    page = new_page(url)
    assert page.request.post(f"{url}page/settings", data={"keyedit_precision_attention": 0.05}).ok
    page.wait_for_function("atelier.keys().attention === 0.05")
    assert press(page, "a r|ed boat", UP) == "a (|red|:1.05) boat"
