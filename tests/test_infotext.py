from __future__ import annotations

import pytest

from webui.infotext import format_infotext, number, quote


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("a b", "a b"),
        ("a,b", '"a,b"'),
        ("a:b", '"a:b"'),
        ("a\nb", '"a\\nb"'),
        ('say "hi"', 'say "hi"'),
        ("雪,", '"雪,"'),
        (7, "7"),
    ],
)
def test_values_are_quoted_only_where_they_must_be(value: object, written: str) -> None:
    assert quote(value) == written


@pytest.mark.parametrize(("value", "written"), [(7.0, "7"), (7.5, "7.5"), (0.05, "0.05")])
def test_whole_numbers_have_no_point(value: float, written: str) -> None:
    assert number(value) == written


def test_the_text_is_sd_webui_s() -> None:
    fields = {"Steps": 20, "Sampler": "DPM++ 2M", "VAE": None, "Model": "my, model", "Tiling": "Tiling"}
    assert format_infotext("a\nb", "c", fields) == (
        'a\nb\nNegative prompt: c\nSteps: 20, Sampler: DPM++ 2M, Model: "my, model", Tiling'
    )
    assert format_infotext("", "", {"Steps": 1}) == "Steps: 1"
