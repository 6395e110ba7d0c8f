from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from webui.infotext import Extent, Parsed, format_infotext, parse, quote
from webui.infotext.parse import pairs, unquote

# sd-webui's expression for pairs, as its documentation of the format gives it (modules/infotext_utils.py, v1.10).
REFERENCE = re.compile(r'\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')
# Letters that mean something to it, and some that must not.
LINES = st.text(alphabet=st.sampled_from('ab1 _-/:,"\\\té雪x.\r\u2003()') | st.characters(exclude_characters="\n"))
TEXTS = st.text(max_size=60) | st.lists(
    st.sampled_from([
        "a cat", "\n", "\n\n", " ", "Negative prompt:", "Negative prompt: b", "Steps: 1, Seed: 2",
        "Steps: 20, Sampler: x, Seed: 1", '"', "\\", ",", ":", "Prompt: x", "512x512", "\r", "\t", "\u2028", "雪",
    ])
).map("".join)  # fmt: skip
FIELDS: Mapping[str, object] = {"Steps": 20, "Sampler": "Euler a", "Seed": 1, "Size": Extent(512, 768)}


@settings(max_examples=200)
@given(LINES)
@example('a b: "x, y", ab: z')
@example('ab: "x\\", cd: y')
@example('ab: "x" y, cd: "", ef:"')
@example("-ab: c, a: b, 雪/a: ,, : x: yy:z")
@example("ab:, cd:\t \r")
def test_pairs_are_those_of_the_regular_expression(line: str) -> None:
    assert list(pairs(line)) == REFERENCE.findall(line)


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("", Parsed()),
        ("a cat", Parsed("a cat")),
        ("a\nNegative prompt: b\nSteps: 20, Seed: 1", Parsed("a", "b\nSteps: 20, Seed: 1")),  # two pairs are none
        ("a\nNegative prompt: b\nc\nSteps: 2, Seed: 1, Size: 8x16", Parsed(
            "a", "b\nc", {"Steps": "2", "Seed": "1", "Size-1": "8", "Size-2": "16"})),
        ("see the Negative prompt: here", Parsed("see the Negative prompt: here")),
        ("  a \n\n b\t\nNegative prompt:\n c\nNegative prompt: d", Parsed("a\n\nb", "c\nd")),
        ("cat: 1, dog: 2, cow: 3", Parsed(fields={"cat": "1", "dog": "2", "cow": "3"})),
        ("X: 1, Steps: 2, Seed: 3, CFG scale: 4", Parsed(fields={"Steps": "2", "Seed": "3", "CFG scale": "4"})),
        ("Steps: 2, Model: my, model, Seed: 1", Parsed(fields={"Steps": "2", "Model": "my", "Seed": "1"})),
        ('Steps: 2, Model: "m, \\"n\\"", Seed: 1', Parsed(fields={"Steps": "2", "Model": 'm, "n"', "Seed": "1"})),
        ('Steps: 2, Model: "a\\qb", Seed: 1', Parsed(fields={"Steps": "2", "Model": '"a\\qb"', "Seed": "1"})),
        ("Steps: 2, Model: , Seed: 1", Parsed(fields={"Steps": "2", "Seed": "1"})),
        ("Steps: 2, Hires resize: 0x1024, Seed: 1", Parsed(
            fields={"Steps": "2", "Hires resize-1": "0", "Hires resize-2": "1024", "Seed": "1"})),
        ("a\r\nNegative prompt: b\r\nSteps: 2, Seed: 1, ENSD: 3\r\n", Parsed(
            "a", "b", {"Steps": "2", "Seed": "1", "ENSD": "3"})),
        ("a\nSteps: 2, Seed: 1, Seed: 4", Parsed("a", fields={"Steps": "2", "Seed": "4"})),
    ],
)  # fmt: skip
def test_reading(text: str, parsed: Parsed) -> None:
    assert parse(text) == parsed


def test_sd_webui_reads_the_prompt_s_own_field() -> None:
    read = parse('ab\nSteps: 1, Seed: 2, Size: 8x8, Prompt: "a\\nNegative prompt: b", Negative prompt: ""')
    assert (read.prompt, read.negative) == ("a\nNegative prompt: b", "")
    assert "Prompt" not in read.fields


@settings(max_examples=200)
@given(TEXTS, TEXTS)
@example("a\n\nNegative prompt: b\n\nNegative prompt: c", "")
@example("Steps: 1, Seed: 2", "Steps: 20, Sampler: x, Seed: 1")
@example("", "Steps: 20, Sampler: x, Seed: 1")
@example(" a ", "\n")
@example("512x512\n", "a\nNegative prompt: b")
@example("a\r\nb", "\u2028")
def test_every_prompt_is_read_back_as_it_was(prompt: str, negative: str) -> None:
    read = parse(format_infotext(prompt, negative, FIELDS))
    assert (read.prompt, read.negative) == (prompt, negative)
    assert read.fields == {"Steps": "20", "Sampler": "Euler a", "Seed": "1", "Size-1": "512", "Size-2": "768"}


@settings(max_examples=200)
@given(TEXTS.filter(bool))
@example('"a"')
@example('"a" b "c"')
@example("512x512")
@example(" a")
@example("\ttab")
@example('a\\"b')
def test_every_value_is_read_back_as_it_was(value: str) -> None:
    assert parse(format_infotext("a", "", {**FIELDS, "Model": value, "Last": "x"})).fields["Model"] == value


@settings(max_examples=200)
@given(TEXTS)
def test_values_that_sd_webui_can_read_back_are_written_as_it_does(value: str) -> None:
    bare = not any(mark in value for mark in ",:\n")
    theirs = value if bare else json.dumps(value, ensure_ascii=False)
    match = REFERENCE.fullmatch(f"Model: {theirs}")
    read_by_them = unquote(match[2]) if match else None
    if read_by_them == value and not re.match(r"\d+x\d+$", value) and value == value.strip():
        assert quote(value) == theirs


def test_prompts_are_written_twice_only_where_they_must_be() -> None:
    assert format_infotext("a,\n\nb", "c: d", FIELDS).count("Prompt") == 0
    assert format_infotext(" a", "c", FIELDS).endswith(', Prompt: " a"')
    assert format_infotext("a", "b\nNegative prompt: c", FIELDS).endswith(', Negative prompt: "b\\nNegative prompt: c"')


def test_half_a_character_is_not_let_in() -> None:
    assert parse('Steps: 1, Seed: 2, Model: "a\\ud800"').fields["Model"] == "a\ufffd"


WORST = {
    "letters": "a" * 10,
    "colons": ":" * 10,
    "short keys": "a:" * 5,
    "quotes": 'ab:"' * 3,
    "escapes": 'ab: "\\\\",',
    "blanks": "ab:   \t  ",
    "keys": "a b-c/d: 1,",
    "lines": "a\nNegative prompt:\n",
}


@pytest.mark.parametrize("unit", WORST.values(), ids=WORST)
def test_time_is_linear_on_hostile_texts(unit: str) -> None:
    """A quadratic reader would take 16 times as long on 4 times the text; 8 leaves room for the unforeseen."""

    def seconds(length: int) -> float:
        text = (unit * (length // len(unit) + 1))[:length]
        best = float("inf")
        for _ in range(5):
            start = time.process_time()
            parse(text)
            best = min(best, time.process_time() - start)
        return best

    assert seconds(200_000) < 8 * seconds(50_000) + 0.002
