"""Finding what lies in a package, with a package made for the purpose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from webui.registry import UnknownName, discover, find


@dataclass(frozen=True)
class Fruit:
    name: str
    label: str
    order: int = 0
    aliases: tuple[str, ...] = ()


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Writes a package of the given files, each the source of one module, and gives its name."""
    name = f"fruits_{tmp_path.name}"
    monkeypatch.syspath_prepend(tmp_path)

    def write(**sources: str) -> str:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
        for module, source in sources.items():
            (tmp_path / name / f"{module}.py").write_text(f"from {__name__} import Fruit\n{source}", encoding="utf-8")
        return name

    return write


def test_order_then_name_decides_and_files_do_not(package: Callable[..., str]) -> None:
    name = package(
        a="X = Fruit('plum', 'Plum', 2)",
        b="X = Fruit('pear', 'Pear', 1)\nY = Fruit('fig', 'Fig', 1)\nnot_a_fruit = 'kiwi'",
    )
    assert list(discover(name, Fruit)) == ["fig", "pear", "plum"]


def test_an_instance_imported_elsewhere_counts_once(package: Callable[..., str]) -> None:
    name = package(a="X = Fruit('fig', 'Fig')", b="from .a import X\nY = Fruit('pear', 'Pear')")
    assert list(discover(name, Fruit)) == ["fig", "pear"]


@pytest.mark.parametrize(
    "second",
    ["Fruit('fig', 'Other')", "Fruit('FIG', 'Other')", "Fruit('pear', 'fig')", "Fruit('pear', 'Pear', 0, ('Fig',))"],
)
def test_two_that_answer_to_one_word_are_an_error(package: Callable[..., str], second: str) -> None:
    name = package(a="X = Fruit('fig', 'Fig')", b=f"X = {second}")
    with pytest.raises(ValueError, match=r"(?i)fig"):
        discover(name, Fruit)


def test_found_once_and_not_to_be_changed(package: Callable[..., str]) -> None:
    name = package(a="X = Fruit('fig', 'Fig')")
    found = discover(name, Fruit)
    assert discover(name, Fruit) is found
    with pytest.raises(TypeError):
        found["pear"] = found["fig"]  # pyright: ignore[reportIndexIssue]


FRUITS = {
    fruit.name: fruit
    for fruit in (
        Fruit("fig", "Sweet fig", aliases=("ficus",)),
        Fruit("pear", "Pear"),
        Fruit("peach", "Peach"),
        Fruit("plum", "Plum"),
        Fruit("Plum tomato", "Tomato"),
    )
}


@pytest.mark.parametrize("word", ["fig", "FIG", "sweet fig", "Sweet Fig", "ficus", "Ficus", " fig "])
def test_name_label_and_alias_find_in_any_case(word: str) -> None:
    assert find(FRUITS, word).name == "fig"


def test_unknown_names_tell_the_three_nearest_by_label() -> None:
    with pytest.raises(UnknownName) as caught:
        find(FRUITS, "pearch", "fruit")
    assert (caught.value.what, caught.value.name) == ("fruit", "pearch")
    assert set(caught.value.nearest[:2]) == {"Pear", "Peach"}
    assert len(caught.value.nearest) == 3
    assert "fruit" in str(caught.value)


def test_nearest_names_a_thing_once_whatever_its_words() -> None:
    alike = {"a": Fruit("figaro", "Figaro", aliases=("figara", "figari")), "b": Fruit("plum", "Plum")}
    with pytest.raises(UnknownName) as caught:
        find(alike, "figar")
    assert caught.value.nearest == ["Figaro", "Plum"]


def test_nothing_is_near_in_an_empty_list() -> None:
    with pytest.raises(UnknownName) as caught:
        find({}, "fig", "fruit")
    assert caught.value.nearest == []
