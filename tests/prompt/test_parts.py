"""What is taken out of a prompt before it is parsed (remarks, networks), and its parts."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webui.prompt import Network, strip_comments
from webui.prompt.composition import split
from webui.prompt.networks import LoraWeights, extract, lora_weights

# --- remarks

BOTH = [  # text, without remarks
    ("a cat", "a cat"),
    ("a # b", "a \n"),
    ("a # b\nc", "a \nc"),
    ("# b\nc", "\nc"),
    ("a\n# b\nc", "a\nc"),  # a line of its own goes with its line end
    ("a\n  # b\nc", "a\n  \nc"),
    ("a\n#b\n#c\nd", "a\n\nd"),
    ("a#1 b", "a\n"),
    ("#", "\n"),
    ("a #ff", "a \n"),
    ("a #fffff", "a \n"),
    ("a #ggg", "a \n"),
    ("a #fffx", "a \n"),
    ("a #ffffff0", "a \n"),
    ("a #fff_", "a \n"),
    ("a\r\n#b", "a\r\n"),
]
COLOURS = ["#fff", "#FF00aa", "#12345678", "#abcd, blue", "a #fff.", "x\n#fff y\nz"]


@pytest.mark.parametrize(("text", "expected"), BOTH)
@pytest.mark.parametrize("sd_webui", [False, True])
def test_remarks_go(text: str, expected: str, sd_webui: bool) -> None:
    assert strip_comments(text, sd_webui) == expected


@pytest.mark.parametrize("text", COLOURS)
def test_a_colour_is_no_remark_unless_sd_webui_is_followed(text: str) -> None:
    assert strip_comments(text) == text
    assert "#" not in strip_comments(text, sd_webui=True)


def test_a_remark_after_a_colour_is_one() -> None:
    assert strip_comments("a #ff0000 dress # red\nb") == "a #ff0000 dress \nb"


HASHES = st.text(st.sampled_from("#abf0 \nz"), max_size=30)


@given(HASHES)
def test_sd_webui_s_remarks_are_those_of_its_two_patterns(text: str) -> None:
    """As its documents give them: first whole lines, then from any # to the end of the line."""
    lines_gone = re.sub("(^|\n)#[^\n]*(\n|$)", "\n", text)
    assert strip_comments(text, sd_webui=True) == re.sub("#[^\n]*(\n|$)", "\n", lines_gone)


@given(HASHES, st.booleans())
def test_remarks_are_taken_out_once(text: str, sd_webui: bool) -> None:
    once = strip_comments(text, sd_webui)
    assert strip_comments(once, sd_webui) == once


# --- networks


@pytest.mark.parametrize(
    ("text", "rest", "tags"),
    [
        ("a <lora:x:1> b", "a  b", [("lora", "x", ("1",))]),
        ("<lora:x>", "", [("lora", "x", ())]),
        ("<lora:x:0.5:1:8><lora:x:.3>", "", [("lora", "x", ("0.5", "1", "8")), ("lora", "x", (".3",))]),
        ("<lora:x:te=0.5:unet=1>", "", [("lora", "x", ("te=0.5", "unet=1"))]),
        ("<hypernet:h:1>a", "a", [("hypernet", "h", ("1",))]),
        ("<any:a b/c.d\n:x>", "", [("any", "a b/c.d\n", ("x",))]),
        ("<lora:a<b:c>", "", [("lora", "a<b", ("c",))]),
        ("<lora:>", "<lora:>", []),
        ("<lora:><lora:x>", "<lora:>", [("lora", "x", ())]),
        ("<lora>", "<lora>", []),
        ("< lora:x>", "< lora:x>", []),
        ("<lora:x", "<lora:x", []),
        ("a < b:c > d", "a < b:c > d", []),
        ("<<a:b>:c>", "<:c>", [("a", "b", ())]),
        ("<a::b>", "", [("a", "", ("b",))]),
    ],
)
def test_tags_are_taken_out(text: str, rest: str, tags: list[tuple[str, str, tuple[str, ...]]]) -> None:
    found = extract(text)
    assert found[0] == rest
    assert [(network.type, network.name, network.arguments) for network in found[1]] == tags


@given(st.text(st.sampled_from("<>:a= "), max_size=40))
def test_tags_are_those_of_sd_webui_s_pattern(text: str) -> None:
    rest, networks = extract(text)
    assert rest == re.sub(r"<(\w+):([^>]+)>", "", text)
    assert [network.text for network in networks] == [match[0] for match in re.finditer(r"<(\w+):([^>]+)>", text)]
    for network in networks:
        assert f"<{':'.join((network.type, network.name, *network.arguments))}>" == network.text


def test_an_end_that_is_not_there_is_looked_for_once() -> None:
    def seconds(text: str) -> float:
        start = time.thread_time()
        extract(text)
        return time.thread_time() - start

    assert seconds("<a:" * 150_000) < seconds("<a:>" * 150_000)  # looked for every time, it takes several times as long


def test_an_argument_with_one_equals_sign_has_a_name() -> None:
    network = Network("lora", "x", ("1", "te=2", "a=b=c", "te=3", "="))
    assert network.positional == ("1", "a=b=c")
    assert network.named == {"te": "3", "": ""}


@pytest.mark.parametrize(
    ("arguments", "weights"),
    [
        ((), LoraWeights(1.0, 1.0)),
        (("0.8",), LoraWeights(0.8, 0.8)),
        (("0.8", "0.5"), LoraWeights(0.8, 0.5)),
        (("0.8", "0.5", "8"), LoraWeights(0.8, 0.5, 8)),
        (("te=0.2",), LoraWeights(0.2, 0.2)),
        (("unet=0.2",), LoraWeights(1.0, 0.2)),
        (("0.8", "te=0.1", "unet=-1", "dyn=4"), LoraWeights(0.1, -1.0, 4)),
    ],
)
def test_weights_of_a_lora(arguments: tuple[str, ...], weights: LoraWeights) -> None:
    assert lora_weights(Network("lora", "x", arguments)) == weights


@pytest.mark.parametrize("argument", ["much", "", "te=x", "1:1:half"])
def test_a_weight_that_is_no_number_is_refused(argument: str) -> None:
    with pytest.raises(ValueError):
        lora_weights(Network("lora", "x", tuple(argument.split(":"))))


# --- parts

COMPOSED = [  # what sd-webui 1.10 answered
    ("a AND b", [("a", 1.0), (" b", 1.0)]),
    ("a :1.2 AND b AND c :2.2", [("a", 1.2), (" b", 1.0), (" c", 2.2)]),
    ("a:0.5 AND b:-1", [("a", 0.5), (" b", -1.0)]),
    ("a AND", [("a", 1.0), ("", 1.0)]),
    ("AND", [("", 1.0), ("", 1.0)]),
    ("aANDb", [("aANDb", 1.0)]),
    ("ANDROID", [("ANDROID", 1.0)]),
    ("a and b", [("a and b", 1.0)]),
    ("a (b:1.2)", [("a (b:1.2)", 1.0)]),
    ("http://x.y:80 AND b", [("http://x.y", 80.0), (" b", 1.0)]),
    ("[a AND b:c:5]", [("[a", 1.0), (" b:c:5]", 1.0)]),
    ("a:+.5\n AND b: 2. ", [("a", 0.5), (" b", 2.0)]),
    ("a:1e3 AND b:1.1.1 AND c:- AND d:.", [("a:1e3", 1.0), (" b:1.1.1", 1.0), (" c:-", 1.0), (" d:.", 1.0)]),
    ("a:１.５ AND b : :2", [("a", 1.5), (" b :", 2.0)]),  # digits of any script
]


@pytest.mark.parametrize(("text", "parts"), COMPOSED)
@pytest.mark.parametrize("sd_webui", [False, True])
def test_parts_are_those_of_sd_webui(text: str, parts: list[tuple[str, float]], sd_webui: bool) -> None:
    assert split(text, sd_webui) == (tuple(parts), ())


@pytest.mark.parametrize(("text", "before", "number"), [("a:5", "a", 5.0), ("cat 10:30", "cat 10", 30.0)])
def test_a_number_at_the_end_is_text_where_nothing_is_composed(text: str, before: str, number: float) -> None:
    assert split(text, sd_webui=True) == (((before, number),), ())
    ours = split(text)
    assert ours.parts == ((text, 1.0),)
    assert [note.code for note in ours.notes] == ["prompt_number_is_text"]
    assert f"{number:g}" in ours.notes[0].text()


def test_a_weight_too_large_to_be_held_is_text() -> None:
    text = f"a:{'9' * 400} AND b"
    assert split(text).parts == ((text[:-6], 1.0), (" b", 1.0))


PART = re.compile(r"(.*?)(\s*:\s*(?P<weight>[-+]?(\d+|\d+[.]|\d*[.]\d+)))?\s*", re.DOTALL)


@given(st.lists(st.sampled_from(["AND", " ", "\n", "a", ":", "1", ".", "-", "+5"]), max_size=16).map("".join))
def test_parts_are_those_that_a_pattern_finds(text: str) -> None:
    """By the facts: parted at each AND, an optional ``: number`` at a part's end, spaces at its end left out."""
    expected = []
    for part in re.split(r"\bAND\b", text):
        match = PART.fullmatch(part)
        assert match is not None
        expected.append((match[1], float(match["weight"] or 1)))
    assert list(split(text, sd_webui=True).parts) == expected
