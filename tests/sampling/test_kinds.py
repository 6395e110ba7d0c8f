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
        ("DPM++ SDE", ("k_dpmpp_sde",)),
        ("DPM++ 2M SDE", ("k_dpmpp_2m_sde",)),
        ("DPM++ 2M SDE Heun", ("k_dpmpp_2m_sde_heun",)),
        ("DPM++ 2S a", ("k_dpmpp_2s_a",)),
        ("DPM++ 3M SDE", ("k_dpmpp_3m_sde",)),
        ("Euler a", ("k_euler_a", "k_euler_ancestral")),
        ("Euler", ("k_euler",)),
        ("LMS", ("k_lms",)),
        ("Heun", ("k_heun",)),
        ("DPM2", ("k_dpm_2",)),
        ("DPM2 a", ("k_dpm_2_a",)),
        ("DPM fast", ("k_dpm_fast",)),
        ("DPM adaptive", ("k_dpm_ad",)),
        ("Restart", ("restart",)),
        ("DDIM", ("ddim",)),
        ("DDIM CFG++", ("ddim_cfgpp",)),
        ("PLMS", ("plms",)),
        ("UniPC", ("unipc",)),
        ("LCM", ("k_lcm",)),
        ("TCD", ("tcd",)),
        ("DEIS", ("deis",)),
    ]


def test_what_they_use_is_as_in_sd_webui() -> None:
    """Which of its samplers take which option, are of second order, leave a sigma out; its own are up to DDIM."""

    def using(*uses: str) -> list[str]:
        return [each.name for each in samplers().values() if each.order <= 150 and each.uses.issuperset(uses)]

    assert using("second_order") == ["DPM++ SDE", "DPM++ 2S a", "Heun", "DPM2", "DPM2 a", "Restart"]
    assert using("brownian") == ["DPM++ SDE", "DPM++ 2M SDE", "DPM++ 2M SDE Heun", "DPM++ 3M SDE"]
    assert using("discard") == ["DPM++ 3M SDE", "DPM2", "DPM2 a"]
    assert using("ensd") == ["DPM++ 2S a", "Euler a", "DPM2 a", "DPM fast", "DPM adaptive"]
    assert using("churn") == ["Euler", "Heun", "DPM2"]
    assert using("eta") == [*using("brownian")[:3], *using("ensd")[:1], "DPM++ 3M SDE", *using("ensd")[1:], "DDIM"]
    assert set(using("s_noise")) == {*using("brownian"), *using("churn"), "DPM++ 2S a", "DPM2 a", "DPM fast"}


@pytest.mark.parametrize(
    ("word", "nearest"),
    [("DPM++ 2S", "DPM++ 2S a"), ("dpm adaptiv", "DPM adaptive"), ("Restrat", "Restart"), ("UniPCC", "UniPC")],
)
def test_new_names_are_among_the_nearest(word: str, nearest: str) -> None:
    with pytest.raises(UnknownName) as caught:
        find_sampler(word)
    assert caught.value.nearest[0] == nearest


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
