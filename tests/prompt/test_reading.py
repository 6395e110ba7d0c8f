"""A whole prompt: parts, schedules, networks and notes together, counting, and the time it takes."""

from __future__ import annotations

import gc
import itertools
import math
import re
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.prompt.test_chunks import WORDS, words
from webui.messages import LANGUAGES
from webui.prompt import Rules, clip_tokenizer, count, pieces, read, rules_of, strip_comments
from webui.settings import Settings

SD_WEBUI = Rules(sd_webui=True)


def codes(text: str, rules: Rules = Rules(), negative: bool = False) -> list[str]:  # noqa: B008 (frozen)
    return [note.code for note in read(text, 20, rules, negative=negative).notes]


def schedules(text: str, steps: int = 20, rules: Rules = Rules(), **more) -> list[tuple[float, list[tuple[int, str]]]]:  # noqa: B008
    return [(part.weight, list(part.schedule)) for part in read(text, steps, rules, **more).parts]


def test_remarks_then_networks_then_parts_then_edits() -> None:
    text = "a [<lora:x:1>:b:2] AND [c:d:0.5]:0.7 # AND no more\n"
    reading = read(text, 20)
    assert schedules(text) == [(1.0, [(2, "a "), (20, "a b")]), (0.7, [(10, " c"), (20, " d")])]
    assert [network.text for network in reading.networks] == ["<lora:x:1>"]
    assert reading.texts == ["a ", "a b", " c", " d"]


def test_a_negative_prompt_has_neither_parts_nor_networks() -> None:
    text = "a AND [b:c:5] <lora:x:1>:2"
    assert schedules(text, negative=True) == [(1.0, [(5, "a AND b <lora:x:1>:2"), (20, "a AND c <lora:x:1>:2")])]
    assert read(text, 20, negative=True).networks == ()
    assert codes(text, negative=True) == []
    assert schedules("a # b", negative=True) == [(1.0, [(20, "a \n")])]


def test_each_prompt_of_a_batch_has_its_own_networks() -> None:
    """sd-webui takes those of a batch's first prompt for all."""
    assert [[network.name for network in read(text, 20).networks] for text in ("a", "b <lora:x:1>")] == [[], ["x"]]


def test_the_second_pass_counts_on_from_the_first() -> None:
    assert schedules("[b:c:15]", 10, base_steps=10) == [(1.0, [(5, "b"), (10, "c")])]
    old = Rules(old_scheduling=True)
    assert schedules("[b:c:0.5]", 6, old, base_steps=10) == [(1.0, [(5, "b"), (10, "c")])]


def test_remarks_can_be_left_in() -> None:
    assert schedules("a # b", rules=Rules(comments=False)) == [(1.0, [(20, "a # b")])]


@pytest.mark.parametrize(
    ("text", "ours", "theirs"),
    [
        ("a cat", [], []),
        ("a #ff0000 dress", ["prompt_colour_kept"], []),
        ("cat 10:30", ["prompt_number_is_text"], []),
        ("cat 10:30 AND a", [], []),
        ("a <lora:x:1> <lora:x:1> <lora:y:1>", ["network_not_applied"], ["network_not_applied"]),
        ("a | b [c:d:2]", ["prompt_edits_lost"], ["prompt_edits_lost"]),
    ],
)
def test_what_is_said(text: str, ours: list[str], theirs: list[str]) -> None:
    assert codes(text) == ours
    assert codes(text, SD_WEBUI) == theirs
    for note, language in itertools.product(read(text, 20).notes, LANGUAGES):
        assert note.code not in note.text(language)
        assert not re.search(r"{\w+}", note.text(language))


def test_networks_that_had_no_effect_are_named_once() -> None:
    (note,) = read("a <lora:x:1> <lora:x:1> <lora:y:1>", 20).notes
    assert note.params == {"names": ["<lora:x:1>", "<lora:y:1>"]}


def test_rules_are_those_of_the_settings() -> None:
    assert rules_of(Settings()) == Rules()
    changed = Settings(
        prompt_syntax="sd-webui", use_old_scheduling=True, emphasis="None", comma_padding_backtrack=3,
        enable_prompt_comments=False,
    )  # fmt: skip
    assert rules_of(changed) == Rules(True, True, "None", 3, False)


def test_without_emphasis_nothing_is_parsed() -> None:
    (piece,) = pieces("(a:1.2) BREAK [b]", Rules(emphasis="None")).pieces
    assert piece == ("(a:1.2) BREAK [b]", 1.0)
    assert [piece.weight for piece in pieces("(a BREAK b:1.2)", SD_WEBUI).pieces] == [1.2, -1.2, 1.2]


# --- counting (what is counted of one text is test_chunks'; a word of WORDS is a number)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 2 <lora:3:4> # 5 6\n7", (3, 75)),
        ("1 2 3 AND 4 5", (3, 75)),
        ("1 AND 2 3 4 5:0.5", (4, 75)),
        ("[1 2:3 4 5:7] 6", (4, 75)),
        ("[1|2 3|]", (2, 75)),
        (f"1 AND {words(76)}", (76, 150)),
        ("1 BREAK 2", (76, 150)),
        ("10:30", (2, 75)),
    ],
)
def test_the_longest_text_is_counted(text: str, expected: tuple[int, int]) -> None:
    assert count(text, WORDS) == expected


def test_a_negative_prompt_is_counted_as_one() -> None:
    assert count("1 2 3 AND 4 5", WORDS, negative=True) == (5, 75)


def test_the_rules_count() -> None:
    assert count("10:30", WORDS, SD_WEBUI) == (1, 75)
    assert count("1 BREAK 2", WORDS, Rules(emphasis="None")) == (2, 75)
    text = f"{words(55)} , {words(30)}"
    assert count(text, WORDS) == (105, 150)
    assert count(text, WORDS, Rules(backtrack=0)) == (86, 150)


def test_the_counter_s_example() -> None:
    assert count("a photo of a [cat|very small dog] <lora:x:1>", clip_tokenizer()) == (7, 75)


# --- properties

SYNTAX = st.lists(
    st.sampled_from(
        [*"[]()<>:|a1 .\\\n#,", " AND ", " BREAK ", "[a:b:2]", "[c|d]", ":.5]", "::4]", "(x:1.2)", "<l:", "#fff", ":30"]
    )
    | st.characters(),
    max_size=30,
).map("".join)
SAID = {"prompt_colour_kept", "prompt_number_is_text", "prompt_break_in_brackets"}


@settings(max_examples=300)
@given(SYNTAX, st.integers(1, 300), st.none() | st.integers(1, 150), st.builds(Rules, st.booleans(), st.booleans()))
def test_any_text_can_be_read(text: str, steps: int, before: int | None, rules: Rules) -> None:
    for negative in (False, True):
        reading = read(text, steps, rules, base_steps=before, negative=negative)
        last = before if rules.old_scheduling and before else steps
        assert reading.parts
        for part in reading.parts:
            assert math.isfinite(part.weight)
            ends = [end for end, _ in part.schedule]
            assert ends == sorted(set(ends))
            assert 1 <= ends[0] <= ends[-1] == last


@settings(max_examples=300)
@given(SYNTAX)
@example("a (b BREAK c:1.2) #fff 10:30")
def test_where_we_differ_from_sd_webui_we_say_so(text: str) -> None:
    ours, theirs = read(text, 20), read(text, 20, SD_WEBUI)
    parsed = [pieces(found) for found in ours.texts]
    said = {note.code for note in (*ours.notes, *(note for one in parsed for note in one.notes))}
    if not said & SAID:
        assert (ours.parts, ours.networks) == (theirs.parts, theirs.networks)
        assert [one.pieces for one in parsed] == [pieces(found, SD_WEBUI).pieces for found in ours.texts]


@given(st.text().filter(lambda text: not re.search(r"[\[<#:]|\bAND\b", text)))
def test_text_without_syntax_is_unchanged(text: str) -> None:
    assert schedules(text) == schedules(text, rules=SD_WEBUI) == [(1.0, [(20, text.rstrip())])]
    assert schedules(text, negative=True) == [(1.0, [(20, text)])]


@given(SYNTAX, st.booleans())
def test_it_does_not_matter_whether_remarks_are_gone_already(text: str, sd_webui: bool) -> None:
    rules = Rules(sd_webui)
    assert read(strip_comments(text, sd_webui), 20, rules) == read(text, 20, rules)


@given(st.text(st.sampled_from("12 ,[]:|()"), max_size=60) | st.just(f"[{words(80)}|BREAK]"))
def test_the_count_is_the_largest_of_all_texts(text: str) -> None:
    texts = [entry[1] for part in read(text, 20).parts for entry in part.schedule]
    counts = [count(alone, WORDS, Rules(comments=False), negative=True) for alone in texts if "[" not in alone]
    if len(counts) == len(texts):
        assert count(text, WORDS) == max(counts)


# --- time

LIMIT = 20_000  # characters
WORST = [
    "(", ")", "[", "]", "[a:", "[a|", "[:", "(:", "<a:", "<a:>", "<a", "<a:b>", "AND ", "a:1 AND ", ":", ": ", ":1",
    ":1.", "1", " ", "\\", "\\[", "#", "#f ", "# \n", "\n#", "|", "[]", "[(", "[)", "[a]", "[:3]", "[a:b:3]", "[a|b]",
    "[[a|b]|c]", "[a|b|c|d|e|f|g]", "[a:b:c]", ":3]", "|b]", "(a:1.1)", "BREAK ", "é[", "[a:b:.5][c|d] (e:1.2) AND ",
]  # fmt: skip
AROUND = {
    "alone": ("", "", Rules()),
    "as sd-webui": ("", "", SD_WEBUI),
    "composed": ("[a|b]a:", " AND b", Rules()),
    "one of two": ("[", "|x]", Rules()),
    "deep": ("[" * 50, ":3]" * 50, Rules()),
}


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("unit", WORST)
def test_any_prompt_is_read_in_no_time(unit: str, around: str) -> None:
    """20,000 characters of the worst in less than 50 ms, and time that grows no faster than the length.

    The least time of several tries, for two lengths in turn: a busy machine only ever adds to it.
    """
    before, after, rules = AROUND[around]
    short = long = math.inf
    for tries in range(1, 31):
        short, long = (
            min(best, seconds(before + (unit * length)[:length] + after, rules))
            for length, best in ((LIMIT // 8, short), (LIMIT, long))
        )
        if tries > 2 and long < 0.05 and math.log(long / short, 8) < 1.1:
            return
    pytest.fail(f"{long * 1000:.0f} ms, exponent {math.log(long / short, 8):.2f}")


def seconds(text: str, rules: Rules) -> float:
    gc.disable()  # what other tests left behind is not this one's
    start = time.thread_time()
    read(text, 20, rules)
    took = time.thread_time() - start
    gc.enable()
    return took
