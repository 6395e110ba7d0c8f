"""Every message has words in every language, and the words name the same blanks."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from webui.messages import LANGUAGES, Message, language_of, render, texts

SOURCES = list(Path(__file__).parents[1].joinpath("webui").rglob("*.py"))
CODES = re.compile(r"(?:Fault|NotFound|TooMany|NotThis)\(\s*f?\"([a-z0-9_]+)\"|Message\(\s*code=\"([a-z0-9_]+)\"")
BLANKS = re.compile(r"{(\w+)}")


def test_the_languages_have_the_same_messages_with_the_same_blanks() -> None:
    english = texts("en")
    for language in LANGUAGES:
        words = texts(language)
        assert words.keys() == english.keys(), language
        for code, text in words.items():
            assert set(BLANKS.findall(text)) == set(BLANKS.findall(english[code])), (language, code)


def test_every_code_in_the_program_has_words() -> None:
    used = {code for path in SOURCES for match in CODES.findall(path.read_text()) for code in match if code}
    assert len(used) > 20
    assert used <= texts("en").keys() | {"unknown_"}


def test_blanks_are_filled_and_missing_ones_stay_visible() -> None:
    message = Message(code="unknown_sampler", params={"name": "{x}<b>", "nearest": ["Euler", "Euler a"]})
    assert message.text("en") == "There is no sampling method called “{x}<b>”."
    assert message.hint("zh-CN") == "相近的有：Euler, Euler a。"
    assert "{name}" in Message(code="unknown_sampler").text()


def test_an_unknown_code_is_an_error_but_a_missing_hint_is_none() -> None:
    with pytest.raises(KeyError):
        render("no such code", {}, "en")
    assert Message(code="path_outside").hint() == ""


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh-CN"),
        ("fr-FR,en-GB,zh", "en"),
        ("zh_TW.UTF-8", "zh-CN"),
        ("xx", "en"),
    ],
)
def test_the_reader_s_language(header: str | None, language: str) -> None:
    assert language_of(header) == language
