"""Editing and alternation: sd-webui's own answers, a slow reader of the same grammar, properties."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.prompt import slow_editing
from webui.prompt.editing import Timing, schedule


def entries(text: str, steps: int, before: int | None = None, old: bool = False) -> list[tuple[int, str]]:
    return list(schedule(text, Timing(steps, before, old)).entries)


def every(texts: str, steps: int) -> list[tuple[int, str]]:
    """One after the other, again and again."""
    parts = texts.split("/")
    return [(step, parts[(step - 1) % len(parts)]) for step in range(1, steps + 1)]


SAME_AS_SD_WEBUI = [  # what sd-webui 1.10 answered: (steps, prompt, schedule)
    (10, "test", [(10, "test")]),
    (10, "a [b:3]", [(3, "a "), (10, "a b")]),
    (10, "a [b: 3]", [(3, "a "), (10, "a b")]),
    (10, "a [b::3]", [(3, "a b"), (10, "a ")]),
    (10, "a [b:c:3]", [(3, "a b"), (10, "a c")]),
    (10, "[(a:2):3]", [(3, ""), (10, "(a:2)")]),
    (10, "a [b : c : 1] d", [(1, "a b  d"), (10, "a  c  d")]),
    (10, "a [unbalanced", [(10, "a [unbalanced")]),
    (10, "a [b:.5] c", [(5, "a  c"), (10, "a b c")]),
    (10, "[fe|||]male", every("female/male/male/male", 10)),
    (20, "a [b:c:0.5]", [(10, "a b"), (20, "a c")]),
    (20, "a [b:c:.25]", [(5, "a b"), (20, "a c")]),
    (20, "a [b:c:1]", [(1, "a b"), (20, "a c")]),
    (20, "a [b:c:1.0]", [(20, "a b")]),
    (20, "a [b:c:0]", [(20, "a c")]),
    (20, "a [b:c:-1]", [(20, "a c")]),
    (20, "a [b:c:30]", [(20, "a b")]),
    (20, "a [b:c:0.999]", [(19, "a b"), (20, "a c")]),
    (4, "a [b|c]", [(1, "a b"), (2, "a c"), (3, "a b"), (4, "a c")]),
    (20, "[a:b:0.5][c:d:0.25]", [(5, "ac"), (10, "ad"), (20, "bd")]),
    (10, r"[a\:b:c:3]", [(3, r"a\:b"), (10, "c")]),
    (20, "a [b:c:5e-1]", [(20, "a c")]),
    (10, "[:b:2]", [(2, ""), (10, "b")]),
    # Answers of its grammar under the parser it uses (lark 1.1.2), the same for twelve hash seeds.
    (4, "a [[[b]]:2]", [(2, "a "), (4, "a [[b]]")]),
    (4, "a[b:[c:d:2]:1]e", [(1, "abe"), (2, "ace"), (4, "ade")]),
    (4, "((a][:b:c [d:3]", [(3, "((a][:b:c "), (4, "((a][:b:c d")]),
    (4, "[a|(b:1.1)]", every("a/(b:1.1)", 4)),
    (4, "[fe|]male", every("female/male", 4)),
    (4, "[[a|b]:c:3]", [(1, "a"), (2, "b"), (3, "a"), (4, "c")]),
    (4, "[a|[b:c:2]]", [(1, "a"), (2, "b"), (3, "a"), (4, "c")]),
    (4, "[[a|b]|c]", every("a/c", 4)),
    (4, "[::2]", [(2, ""), (4, "")]),
    (4, "[:2]", [(2, ""), (4, "")]),
    (4, "[|]", every("/", 4)),
    (4, "[a||b]", every("a//b", 4)),
    (4, "[a:b:\n2\t]", [(2, "a"), (4, "b")]),
    (4, "[a\nb:c:2]", [(2, "a\nb"), (4, "c")]),
    (4, "[a:b:1e0]", [(1, "a"), (4, "b")]),
    (4, "[a:b:2e-1]", [(4, "b")]),
    (4, "[a:b:.5e0]", [(2, "a"), (4, "b")]),
    (4, "[a:b:1.e-1]", [(4, "b")]),
    (4, "[a:b:+2]", [(2, "a"), (4, "b")]),
    (4, "[a:b:-.5]", [(4, "b")]),
    (4, "[a:b:2.]", [(4, "a")]),
    (4, "[(a:b):c:2]", [(2, "(a:b)"), (4, "c")]),
    (4, "[a(:b):2]", [(2, ""), (4, "a(:b)")]),
    (4, "[[a]:b:2]", [(2, "[a]"), (4, "b")]),
    (4, "([a:b:2]:1.3)", [(2, "(a:1.3)"), (4, "(b:1.3)")]),
    (4, "(a:[b:c:2])", [(2, "(a:b)"), (4, "(a:c)")]),
    (4, "[a:b:2] [c|d]", [(1, "a c"), (2, "a d"), (3, "b c"), (4, "b d")]),
    (4, r"\\[a:b:2]", [(2, r"\\a"), (4, r"\\b")]),
    (4, r"[a\|b:c:2]", [(2, r"a\|b"), (4, "c")]),
    (4, r"[a|b\]|c]", every(r"a/b\]/c", 4)),
    (4, "[{a}|b]", every("{a}/b", 4)),
    (4, "[a:b:c:2] [d:e:2]", [(2, "[a:b:c:2] d"), (4, "[a:b:c:2] e")]),
    (4, "[2:3:4]", [(4, "2")]),
    (4, "[a:b:99999999999999999999]", [(4, "a")]),
    (4, "a[b|c|d]e[f|g]h", [(1, "abefh"), (2, "acegh"), (3, "adefh"), (4, "abegh")]),
    (4, "[a|b] [c:d:2] [e:3]", [(1, "a c "), (2, "b c "), (3, "a d "), (4, "b d e")]),
]
LITERAL = [  # by sd-webui's answers too
    "[a:b:c:3]", "[a|b:3]", "[a:b:]", "[a:b]", "[a]", "[a:b:1/2]", "[<lora:x:1>:b:2]", "[a:b:2", "a:b:2]", "(a|b)",
    "a [{b|d{:.5] c", "a | b [c:d:2]", "[a:b:２]", "[a:b:2,5]", "[a:b:1_0]", "[a:b:0x2]", "[a:b:inf]", "[a:b:0.25 x]",
    "[(a:b:c):d:2]", "[(a:b:2]", "[a):b:2]", "[[a:b]:c:2]", r"\[a:b:2]", r"[a:b\:2]", r"[a:b:2\]", "[a:b:2] \\",
    "[a:b:2] \\\n", "[a|b:c]", "[a:b|c]", "[a|(b] [c:d:2]", "[a|b:c] [c:d:2]", "[a|b) [c:d:2]", "{a|b} c",
]  # fmt: skip


@pytest.mark.parametrize(("steps", "text", "expected"), SAME_AS_SD_WEBUI)
def test_schedules_are_those_of_sd_webui(steps: int, text: str, expected: list[tuple[int, str]]) -> None:
    assert entries(text, steps) == expected


@pytest.mark.parametrize("text", LITERAL)
def test_what_is_no_edit_is_text(text: str) -> None:
    assert entries(text, 10) == [(10, text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [  # the second pass of 10 steps after 10, as sd-webui 1.10 answered
        ("[b:c:15]", [(5, "b"), (10, "c")]),
        ("[b:c:5]", [(10, "c")]),
        ("[b:c:1.5]", [(5, "b"), (10, "c")]),
        ("a [b:.5] c", [(10, "a b c")]),
        ("[b:c:10]", [(10, "c")]),
        ("[b:c:11]", [(1, "b"), (10, "c")]),
        ("[b:c:2.0]", [(10, "b")]),
        ("[b|c]", every("b/c", 10)),
    ],
)
def test_a_second_pass_counts_on(text: str, expected: list[tuple[int, str]]) -> None:
    assert entries(text, 10, before=10) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[a:b:0.5]", [(5, "a"), (10, "b")]),
        ("[a:b:1.0]", [(1, "a"), (10, "b")]),  # not below 1: a step
        ("[a:b:5e-1]", [(5, "a"), (10, "b")]),
        ("[a:b:4.9]", [(4, "a"), (10, "b")]),
        ("[a:b:1]", [(1, "a"), (10, "b")]),
        ("[a:b:0]", [(10, "b")]),
        ("[a:b:-1]", [(10, "b")]),  # a share below none
    ],
)
def test_the_old_way_to_count(text: str, expected: list[tuple[int, str]]) -> None:
    assert entries(text, 10, old=True) == expected
    assert entries(text, 7, before=10, old=True) == expected  # the first pass's numbers, whatever the second has


@pytest.mark.parametrize(
    ("text", "lost"), [("a|b [c:d:2]", True), ("[c|d] \\", True), ("a|b [c]", False), ("[a", False)]
)
def test_edits_that_are_lost_are_noticed(text: str, lost: bool) -> None:
    assert schedule(text, Timing(10)).lost is lost


@pytest.mark.parametrize("number", ["1e999", "9" * 5000, "1." + "0" * 5000])
def test_a_number_of_any_size_is_one(number: str) -> None:
    assert entries(f"[a:b:{number}]", 10)[0][1] == "a"
    assert entries(f"[a:b:-{number}]", 10) == [(10, "b")]


@pytest.mark.parametrize("depth", [100, 5_000])
def test_no_depth_is_too_deep(depth: int) -> None:
    assert entries("[" * depth + "a" + ":3]" * depth, 10) == [(3, ""), (10, "a")]
    assert entries("[" * depth + "a" + "|b]" * depth, 2) == [(1, "a"), (2, "b")]


def test_texts_that_are_the_same_are_held_once() -> None:
    texts = [text for _, text in entries("a long prompt [with|without] alternation", 300)]
    assert len(texts) == 300
    assert len({id(text) for text in texts}) == 2


# --- properties

SYNTAX = st.lists(
    st.sampled_from([*"[]():|a1 .-\\\n", "[a:b:2]", "[c|d]", ":.5]", ": 3 ]", "::4]", "\\[", "(x:1.2)", "[:"]),
    max_size=25,
).map("".join)
NESTED = st.recursive(
    st.sampled_from(["a", "b c", "", "3", "("]),
    lambda inner: st.one_of(
        st.builds("[{}:{}:{}]".format, inner, inner, st.sampled_from(["2", "0.5", "-1", "30", " 1.5 ", "1"])),
        st.builds("[{}:{}]".format, inner, st.sampled_from(["2", ".5", "x"])),
        st.lists(inner, min_size=1, max_size=3).map(lambda choices: f"[{'|'.join(choices)}]"),
        st.builds("({}:1.2)".format, inner),
        st.builds("{}{}".format, inner, inner),
    ),
    max_leaves=8,
)


@settings(max_examples=300)
@given(SYNTAX | NESTED, st.sampled_from([(1, None), (5, None), (5, 4), (3, 6)]), st.booleans())
@example("[a:[b:c:2", (5, None), False)
def test_schedules_are_those_of_the_slow_reader(text: str, passes: tuple[int, int | None], old: bool) -> None:
    assert entries(text, *passes, old) == slow_editing.schedule(text, *passes, old)


@given(st.text(), st.integers(1, 300))
def test_any_text_has_a_schedule(text: str, steps: int) -> None:
    found = entries(text, steps)
    ends = [end for end, _ in found]
    assert ends == sorted(set(ends))
    assert 1 <= ends[0] <= ends[-1] == steps


@given(st.text().filter(lambda text: "[" not in text), st.integers(1, 300))
def test_text_without_edits_is_unchanged(text: str, steps: int) -> None:
    assert entries(text, steps) == [(steps, text)]
