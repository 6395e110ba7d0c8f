"""The list of samplers, as people and sd-webui's clients know it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from webui.registry import UnknownName
from webui.sampling.kinds import find_sampler, find_scheduler, samplers


def test_names_aliases_and_order_are_those_of_sd_webui() -> None:
    assert [(each.name, each.aliases) for each in samplers().values()] == [
        ("DPM++ 2M", ("k_dpmpp_2m",)),
        ("Euler a", ("k_euler_a", "k_euler_ancestral")),
        ("Euler", ("k_euler",)),
        ("Heun", ("k_heun",)),
        ("DDIM", ("ddim",)),
    ]


@pytest.mark.parametrize("word", ["Euler a", "euler a", "K_EULER_A", "k_euler_ancestral"])
def test_any_of_its_words_finds_a_sampler(word: str) -> None:
    assert find_sampler(word).name == "Euler a"


def test_unknown_names_are_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownName) as caught:
        find_sampler("Eular")
    assert (caught.value.what, caught.value.nearest[0]) == ("sampler", "Euler")
    with pytest.raises(UnknownName) as caught:
        find_scheduler("Karas")
    assert (caught.value.what, caught.value.nearest[0]) == ("scheduler", "Karras")


def test_the_server_lists_them_without_torch() -> None:
    program = (
        "import sys; from webui.sampling import kinds, schedule; import webui.prompt; webui.prompt.clip_tokenizer();"
        "[kinds.sigmas_for(sampler, scheduler, 20, schedule.scaled_linear())"
        " for sampler in kinds.samplers().values() for scheduler in kinds.schedulers().values()];"
        "sys.exit(', '.join({'torch', 'transformers', 'diffusers'} & set(sys.modules)) or None)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
