"""The attention syntax: sd-webui's own answers, properties, and the time it takes."""

from __future__ import annotations

import math
import re
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from webui.prompt.attention import BREAK, MAX_DEPTH, Piece, parse

B = ("BREAK", -1)

SAME_AS_SD_WEBUI = [  # what sd-webui 1.10 answered
    ("", [("", 1.0)]),
    ("normal text", [("normal text", 1.0)]),
    ("an (important) word", [("an ", 1.0), ("important", 1.1), (" word", 1.0)]),
    ("((a))", [("a", 1.2100000000000002)]),
    ("(((a)))", [("a", 1.3310000000000004)]),
    ("[a]", [("a", 0.9090909090909091)]),
    ("[[a]]", [("a", 0.8264462809917354)]),
    ("(a:1.5)", [("a", 1.5)]),
    ("(a: 1.5 )", [("a", 1.5)]),
    ("(a :1.2)", [("a ", 1.2)]),
    ("(a:-1)", [("a", -1.0)]),
    ("(a:+.5)", [("a", 0.5)]),
    ("(a:0)", [("a", 0.0)]),
    ("((a:1.5))", [("a", 1.6500000000000001)]),
    ("[a:1.5]", [("a:1.5", 0.9090909090909091)]),
    ("a:1.5", [("a:1.5", 1.0)]),
    ("(a:b:1.5)", [("a:b", 1.5)]),
    ("(a:1.5", [("a:1.5", 1.1)]),
    (r"\(literal\]", [("(literal]", 1.0)]),
    ("(unnecessary)(parens)", [("unnecessaryparens", 1.1)]),
    ("()", [("", 1.0)]),
    ("(:1.5)", [("", 1.0)]),
    ("([a])", [("a", 1.0)]),
    ("[(a)]", [("a", 1.0)]),
    ("a BREAK b", [("a", 1.0), B, ("b", 1.0)]),
    ("BREAK", [("", 1.0), B, ("", 1.0)]),
    ("a BREAKb", [("a BREAKb", 1.0)]),
    ("(break:1.2)", [("break", 1.2)]),
    ("(a:1e3)", [("a:1e3", 1.1)]),
    ("(a|b:1.2)", [("a|b", 1.2)]),
    ("{a}", [("{a}", 1.0)]),
    ("<lora:x:1>", [("<lora:x:1>", 1.0)]),
    (r"(a\:1.3)", [("a", 1.3)]),
    (r"a\b", [("ab", 1.0)]),
    ("a\\", [("a", 1.0)]),
    ("\\\\", [("\\", 1.0)]),
    ("a) b]", [("a) b]", 1.0)]),
    ("(a (b:2)", [("a ", 1.1), ("b", 2.2)]),
    ("(a:１.５)", [("a", 1.5)]),  # digits of any script
    # Ranges may overlap without lying in each other.
    ("(a[b)c]d", [("a", 1.1), ("b", 1.0), ("c", 0.9090909090909091), ("d", 1.0)]),
]


@pytest.mark.parametrize(("text", "pieces"), SAME_AS_SD_WEBUI)
def test_pieces_are_those_of_sd_webui(text: str, pieces: list[tuple[str, float]]) -> None:
    assert list(parse(text).pieces) == pieces
    assert list(parse(text, sd_webui=True).pieces) == pieces
    assert parse(text).notes == ()


def test_a_break_in_brackets_is_one_unless_sd_webui_is_followed() -> None:
    ours, theirs = parse("(a BREAK b:1.2)"), parse("(a BREAK b:1.2)", sd_webui=True)
    assert list(ours.pieces) == [("a", 1.2), B, ("b", 1.2)]
    assert [note.code for note in ours.notes] == ["prompt_break_in_brackets"]
    assert list(theirs.pieces) == [("a", 1.2), ("BREAK", -1.2), ("b", 1.2)]
    assert theirs.notes == ()


def test_a_break_is_never_merged_with_text_of_its_weight() -> None:
    assert list(parse("(a BREAK b:-1)").pieces) == [("a", -1.0), B, ("b", -1.0)]


@pytest.mark.parametrize("number", ["1.1.1", ".", "..", "9" * 400])
def test_what_is_no_number_is_text_and_said(number: str) -> None:
    parsed = parse(f"(a:{number}) b")
    assert list(parsed.pieces) == [(f"a:{number}", 1.1), (" b", 1.0)]
    assert [(note.code, note.params) for note in parsed.notes] == [("prompt_not_a_weight", {"number": number})]


def test_depth_is_capped_and_said_once() -> None:
    parsed = parse("(" * 200 + "a" + ")" * 200 + "b")
    assert [piece.text for piece in parsed.pieces] == ["a", "b"]
    assert [piece.weight for piece in parsed.pieces] == pytest.approx([1.1**MAX_DEPTH, 1.0])
    assert [(note.code, note.params) for note in parsed.notes] == [("prompt_too_deep", {"limit": MAX_DEPTH})]
    assert parse("(" * MAX_DEPTH + "a").notes == ()


@pytest.mark.parametrize("text", ["(a:1.1.1)", "(" * 65, "(BREAK)"])
@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_every_note_has_words(text: str, language: str) -> None:
    (note,) = parse(text).notes
    assert note.code not in note.text(language)
    assert "{" not in note.text(language)


# --- properties

SYNTAX = st.text(st.sampled_from("ab ()[]\\:.15-BREAK\n,") | st.characters(), max_size=60) | st.lists(
    st.sampled_from(["(", ")", "[", "]", ":1.3)", ":", "\\", "BREAK", " ", "a", "b,", "1"]), max_size=60
).map("".join)


@given(SYNTAX)
def test_any_text_has_pieces(text: str) -> None:
    pieces = parse(text).pieces
    assert pieces
    assert all(math.isfinite(weight) for _, weight in pieces)
    assert all(a.weight != b.weight or BREAK in (a, b) for a, b in zip(pieces, pieces[1:], strict=False))


@given(SYNTAX)
def test_nothing_is_said_that_was_not_written(text: str) -> None:
    """The pieces' letters are the text's, in order, some left out; and no word is lost."""
    written = iter(text)
    assert all(letter in written for piece in parse(text).pieces for letter in piece.text)
    words = re.findall("[ab]", text)
    assert re.findall("[ab]", "".join(piece.text for piece in parse(text).pieces)) == words


@given(st.text().filter(lambda text: not re.search(r"\bBREAK\b", text)))
def test_escaped_text_comes_back(text: str) -> None:
    assert parse(re.sub(r"([\\()\[\]])", r"\\\1", text)).pieces == (Piece(text, 1.0),)


def letter_by_letter(text: str) -> list[list]:
    """The syntax once more, plain and slow: closing a bracket multiplies every letter since it opened."""
    letters: list[list] = []
    opened: dict[str, list[int]] = {"(": [], "[": []}

    def close(bracket: str, factor: float) -> None:
        since = opened[bracket].pop()
        for letter in letters[since:]:
            letter[1] *= factor

    while text:
        weight = re.match(r":\s*([+-]?[.\d]+)\s*\)", text)
        if escape := re.match(r"\\([\\()\[\]]?)", text):
            letters += [[letter, 1.0] for letter in escape[1]]
            text = text[len(escape[0]) :]
        elif weight and opened["("] and weight[1].count(".") < 2 and weight[1].strip("+-") != ".":
            close("(", float(weight[1]))
            text = text[len(weight[0]) :]
        else:
            if text[0] in "([":
                opened[text[0]].append(len(letters))
            elif text[0] in ")]" and opened["(" if text[0] == ")" else "["]:
                close(*{")": ("(", 1.1), "]": ("[", 1 / 1.1)}[text[0]])
            else:
                letters.append([text[0], 1.0])
            text = text[1:]
    for bracket, factor in (("(", 1.1), ("[", 1 / 1.1)):
        while opened[bracket]:
            close(bracket, factor)
    return letters


@settings(max_examples=500)
@given(st.text("ab ()[]\\:.15-", max_size=50))
@example("(a[b(c]d:1.5)e")
def test_weights_are_those_found_letter_by_letter(text: str) -> None:
    pieces = parse(text).pieces
    assert [[letter, piece.weight] for piece in pieces for letter in piece.text] == letter_by_letter(text)


# --- time

WORST = ["(", ")", "[", "()", "(a)", "([", ":", ": ", " ", "\\", "BREAK ", "(a:1.1)", ":1", "a:1)", "1", "é("]


def seconds(text: str) -> float:
    def once() -> float:
        start = time.thread_time()
        parse(text)
        return time.thread_time() - start

    return min(once() for _ in range(3))


@pytest.mark.parametrize("prefix", ["", "(" * MAX_DEPTH], ids=["", "deep"])
@pytest.mark.parametrize("bad", WORST)
def test_time_grows_with_the_length(bad: str, prefix: str) -> None:
    """Eight times the text takes about eight times as long; were it quadratic, 64 times."""
    short, long = (prefix + bad * (length // len(bad)) for length in (2_500, 20_000))
    assert seconds(long) < 24 * seconds(short) + 0.002
    assert seconds(long) < 0.15  # 0.02 at most on an idle machine
