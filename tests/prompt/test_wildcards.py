from __future__ import annotations

import random
import time
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webui.prompt.wildcards import MAX_LENGTH, Draw, Wildcards


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "colour.txt").write_text("red\n# a remark\n\n  green  \n", encoding="utf-8-sig")
    (tmp_path / "clothes").mkdir()
    (tmp_path / "clothes" / "hat.txt").write_text("{top|straw} hat\n")
    (tmp_path / "clothes" / "coat.txt").write_text("__colour__ coat\n")
    (tmp_path / "ever.txt").write_text("a __ever__ b\n")
    (tmp_path / "bomb.txt").write_text("__bomb__ __bomb__ __bomb__\n")
    return tmp_path


def draws(text: str, folder: Path = Path("nowhere"), times: int = 200) -> set[str]:
    return {Draw(Wildcards(folder), random.Random(seed)).text(text) for seed in range(times)}


@pytest.mark.parametrize(
    ("text", "results"),
    [
        ("a {red|green} cat", {"a red cat", "a green cat"}),
        ("{a|}", {"a", ""}),
        ("{{a|b}|{c|d}}", {"a", "b", "c", "d"}),
        ("{2$$a|b|c}", {"a, b", "b, a", "a, c", "c, a", "b, c", "c, b"}),
        ("{2$$ and $$a|b}", {"a and b", "b and a"}),
        ("{0-1$$a|b}", {"", "a", "b"}),
        ("{-1$$a|b}", {"", "a", "b"}),
        ("{2-$$a|b}", {"a, b", "b, a"}),
        ("{9$$a|b}", {"a, b", "b, a"}),
        ("{0::a|b}", {"b"}),
        ("{prompt} {} {a", {"{prompt} {} {a"}),
        ("{a|b", {"{a|b"}),
        ("a|b} [c|d]", {"a|b} [c|d]"}),
        (r"\{a|b\}", {r"\{a|b\}"}),
        ("5__", {"5__"}),
    ],
)
def test_braces(text: str, results: set[str]) -> None:
    assert draws(text) == results


@pytest.mark.parametrize(
    ("text", "results"),
    [
        ("__colour__ cat", {"red cat", "green cat"}),
        ("__Colour__", {"red", "green"}),
        ("__clothes/hat__", {"top hat", "straw hat"}),
        ("__clothes/*__", {"top hat", "straw hat", "red coat", "green coat"}),
        ("{__colour__|blue}", {"red", "green", "blue"}),
        ("__colour__ __colour__", {"red red", "red green", "green red", "green green"}),
    ],
)
def test_lists(folder: Path, text: str, results: set[str]) -> None:
    assert draws(text, folder) == results


def test_weights_count(folder: Path) -> None:
    counts = Counter(Draw(Wildcards(folder), random.Random(seed)).text("{3::a|b}") for seed in range(2000))
    assert 0.70 < counts["a"] / 2000 < 0.80


def test_a_list_that_is_not_there_stays_and_is_named(folder: Path) -> None:
    draw = Draw(Wildcards(folder), random.Random(1))
    assert draw.text("__color__, __color__, __colour__").startswith("__color__, __color__, ")
    (note,) = draw.notes.values()
    assert note.params["nearest"][0] == "colour"
    assert "color" in note.text()
    elsewhere = Draw(Wildcards(folder / "none"), random.Random(1))
    elsewhere.text("__color__")
    assert elsewhere.notes["color"].code == "no_wildcards"


def test_lists_that_name_themselves_end(folder: Path) -> None:
    for text in ("__ever__", "__bomb__"):
        assert len(Draw(Wildcards(folder), random.Random(1)).text(text)) <= MAX_LENGTH


def test_no_list_lies_outside_the_folder(folder: Path) -> None:
    (folder.parent / "secret.txt").write_text("secret\n")
    assert draws("__../secret__", folder, 1) == {"__../secret__"}


@given(st.text())
def test_any_text_has_a_result(text: str) -> None:
    Draw(Wildcards(Path("nowhere")), random.Random(1)).text(text)


@pytest.mark.parametrize("unit", ["{", "{a|", "__", "}|", "__c", "\\", "__a b ", "{1$$"])
def test_time_grows_with_the_length_alone(unit: str) -> None:
    def seconds(length: int) -> float:
        text = (unit * length)[:length]
        times = []
        for _ in range(3):
            start = time.perf_counter()
            Draw(Wildcards(Path("nowhere")), random.Random(1)).text(text)
            times.append(time.perf_counter() - start)
        return min(times)

    assert seconds(20_000) < 12 * seconds(5_000)  # 4 is linear, 16 is quadratic
