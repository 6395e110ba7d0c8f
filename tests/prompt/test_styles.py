from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webui.messages import Fault
from webui.prompt import styles
from webui.prompt.styles import Style, StyleStore


@pytest.mark.parametrize(
    ("prompt", "applied", "result"),
    [
        ("a cat", ["oil painting"], "a cat, oil painting"),
        ("a cat", ["photo of {prompt}, 35mm"], "photo of a cat, 35mm"),
        ("a cat", ["oil", "by {prompt}!"], "by a cat, oil!"),
        ("", ["oil"], "oil"),
        ("a cat", [""], "a cat"),
        ("a cat", [], "a cat"),
        ("a", ["{prompt} and {prompt}"], "a and a"),
    ],
)
def test_a_style_goes_behind_or_around(prompt: str, applied: list[str], result: str) -> None:
    assert styles.apply(prompt, applied) == result


@pytest.mark.parametrize(
    "style", [Style("s", "oil", ""), Style("s", "photo of {prompt}, 35mm", "bad"), Style("s", "", "x")]
)
@given(prompt=st.text("ab ,", max_size=8).map(str.strip))
def test_what_was_applied_can_be_taken_out(style: Style, prompt: str) -> None:
    prompt = prompt.rstrip(", ")
    text, negative = styles.apply(prompt, [style.prompt]), styles.apply("", [style.negative])
    assert styles.take_out(style, text, negative) == (prompt, "")


def test_a_style_that_is_not_there_or_says_nothing_is_not_taken_out() -> None:
    assert styles.take_out(Style("s", "oil", "bad"), "a cat, oil", "") is None
    assert styles.take_out(Style("s", "oil"), "a toil pan", "") is None
    assert styles.take_out(Style("s"), "a cat", "") is None
    assert styles.take_out(Style("s", "a{prompt}a"), "a", "") is None  # its two ends may not overlap


@pytest.fixture
def store(tmp_path: Path) -> StyleStore:
    return StyleStore(tmp_path / "styles.csv")


def test_styles_are_kept_with_all_their_signs(store: StyleStore, tmp_path: Path) -> None:
    odd = Style("Ölbild, “groß”", 'two\nlines, "quoted"', "{prompt}, 差")
    store.save(odd)
    store.save(Style("b", "x"))
    store.save(Style("b", "y"))
    assert StyleStore(tmp_path / "styles.csv").all() == (odd, Style("b", "y"))
    store.delete("b")
    assert store.all() == (odd,)
    assert (tmp_path / "styles.csv.bak").is_file()


def test_a_file_changed_by_hand_is_read_again(store: StyleStore, tmp_path: Path) -> None:
    assert store.all() == ()
    file = tmp_path / "styles.csv"
    file.write_bytes(b"name,text\r\nold,one\r\n,nobody\r\nold,two\r\n")
    assert store.all() == (Style("old", "one"),)
    file.write_text("name,prompt,negative_prompt\nnew,a\n")
    os.utime(file, (1, 1))
    assert store.all() == (Style("new", "a"),)


def test_unknown_and_nameless_styles_are_refused(store: StyleStore) -> None:
    store.save(Style("a"))
    with pytest.raises(Fault, match="nobody"):
        store.texts(["a", "nobody"])
    for name in ("", "  ", "x" * 1001, "a\nb"):
        with pytest.raises(Fault):
            store.save(Style(name))
