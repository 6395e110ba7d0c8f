"""``explain prompt``: the JSON that people and tests read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from webui import explain


@pytest.fixture
def explained(capsys: pytest.CaptureFixture[str]):
    def run(*arguments: str) -> dict[str, Any]:
        assert explain.main(["prompt", *arguments]) == 0
        return json.loads(capsys.readouterr().out)

    return run


def test_everything_about_a_prompt(explained) -> None:
    text = "a (b:1.5) BREAK [c:d:0.5] <lora:x:0.8:unet=1> AND e:0.5 # remark"
    assert explained(text, "--steps", "10") == {
        "parts": [
            {
                "weight": 1.0,
                "schedule": [[5, "a (b:1.5) BREAK c"], [10, "a (b:1.5) BREAK d"]],
                "attention": [
                    [["a ", 1.0], ["b", 1.5], ["", 1.0], ["BREAK", -1], ["c", 1.0]],
                    [["a ", 1.0], ["b", 1.5], ["", 1.0], ["BREAK", -1], ["d", 1.0]],
                ],
            },
            {"weight": 0.5, "schedule": [[10, " e"]], "attention": [[[" e", 1.0]]]},
        ],
        "networks": [{"type": "lora", "name": "x", "arguments": ["0.8", "unet=1"]}],
        "count": [76, 150],
        "chunks": [2, 1],
        "notes": [
            {
                "code": "network_not_applied",
                "text": "<lora:x:0.8:unet=1> had no effect: additional networks cannot be used yet.",
            }
        ],
    }


def test_nothing(explained) -> None:
    assert explained("") == {
        "parts": [{"weight": 1.0, "schedule": [[20, ""]], "attention": [[["", 1.0]]]}],
        "networks": [], "count": [0, 75], "chunks": [0], "notes": [],
    }  # fmt: skip


def test_the_second_pass(explained) -> None:
    both = explained("[b:c:15]", "--steps", "10", "--hires-steps", "12", "--sd-webui")
    assert both["parts"][0]["schedule"] == [[5, "b"], [12, "c"]]
    old = explained("[b:c:0.5]", "--steps", "10", "--hires-steps", "12", "--old-scheduling")
    assert old["parts"][0]["schedule"] == [[5, "b"], [10, "c"]]


def test_as_sd_webui_reads_it(explained) -> None:
    text = "(a BREAK b:1.2) #fff\n10:30"
    ours, theirs = explained(text), explained(text, "--sd-webui")
    assert [note["code"] for note in ours["notes"]] == [
        "prompt_colour_kept", "prompt_number_is_text", "prompt_break_in_brackets",
    ]  # fmt: skip
    assert ours["parts"][0]["attention"] == [[["a", 1.2], ["BREAK", -1], ["b", 1.2], [" #fff\n10:30", 1.0]]]
    assert theirs["notes"] == []
    assert theirs["parts"] == [
        {
            "weight": 30.0,
            "schedule": [[20, "(a BREAK b:1.2) \n10"]],
            "attention": [[["a", 1.2], ["BREAK", -1.2], ["b", 1.2], [" \n10", 1.0]]],
        }
    ]


def test_what_is_no_weight_is_said_either_way(explained) -> None:
    for more in ((), ("--sd-webui",)):
        assert [note["code"] for note in explained("(a:1.1.1)", *more)["notes"]] == ["prompt_not_a_weight"]


def test_a_note_about_many_texts_is_given_once(explained) -> None:
    assert len(explained("(a:1.1.1) [b|c]")["notes"]) == 1


def test_the_chunks_are_those_of_the_longest_text(explained) -> None:
    words = " ".join(["cat"] * 60)
    answer = explained(f"a AND [b|{words}, {words[:79]}]")
    assert (answer["count"], answer["chunks"]) == ([95, 150], [61, 20])
    assert explained(f"{words}, {words[:79]}", "--backtrack", "0")["chunks"] == [75, 6]


def test_other_ways_to_read(explained) -> None:
    assert explained("a AND (b)", "--negative")["parts"][0]["attention"] == [[["a AND ", 1.0], ["b", 1.1]]]
    assert explained("(a) BREAK", "--emphasis", "None")["parts"][0]["attention"] == [[["(a) BREAK", 1.0]]]


@pytest.mark.parametrize("arguments", [(), ("a", "--steps", "0"), ("a", "--hires-steps", "x")])
def test_what_cannot_be_meant_is_refused(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        explain.main(["prompt", *arguments])
    assert stopped.value.code == 2
    assert capsys.readouterr().out == ""
