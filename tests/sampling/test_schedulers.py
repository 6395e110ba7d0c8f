"""Where each scheduler puts the sigmas."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from webui.sampling.kinds import Scheduler, find_sampler, find_scheduler, samplers, schedulers, sigmas_for
from webui.sampling.schedule import ScheduleOptions, scaled_linear

SCHEDULE = scaled_linear()
PLACING = [scheduler for scheduler in schedulers().values() if scheduler.sigmas]


def sigmas(scheduler: str, n: int) -> list[float]:
    place = find_scheduler(scheduler).sigmas
    assert place is not None
    return place(n, SCHEDULE, ScheduleOptions())


def test_names_labels_and_order_are_those_of_sd_webui() -> None:
    listed = [(each.name, each.label, each.aliases, each.rho, each.on_timesteps) for each in schedulers().values()]
    assert listed == [
        ("automatic", "Automatic", (), None, False),
        ("uniform", "Uniform", (), None, True),
        ("karras", "Karras", (), 7.0, False),
        ("exponential", "Exponential", (), None, False),
        ("sgm_uniform", "SGM Uniform", ("SGMUniform",), None, True),
    ]


@pytest.mark.parametrize("word", ["sgm_uniform", "SGM Uniform", "sgm uniform", "SGMUniform", "sgmuniform"])
def test_any_of_its_words_finds_a_scheduler(word: str) -> None:
    assert find_scheduler(word).name == "sgm_uniform"


@pytest.mark.parametrize(
    ("scheduler", "expected"),
    [  # sd-webui 1.10 on Stable Diffusion 1.5, five steps
        ("uniform", [14.6146, 4.0861, 1.6156, 0.6951, 0.0292, 0]),
        ("karras", [14.6146, 4.7965, 1.2741, 0.2479, 0.0292, 0]),
        ("exponential", [14.6146, 3.0890, 0.6529, 0.1380, 0.0292, 0]),
    ],
)
def test_five_steps_are_those_of_sd_webui(scheduler: str, expected: list[float]) -> None:
    assert sigmas(scheduler, 5) == pytest.approx(expected, abs=5e-5)


@pytest.mark.parametrize("scheduler", PLACING, ids=lambda scheduler: scheduler.name)
def test_sigmas_fall_from_the_largest_to_nothing_in_as_many_steps_as_asked(scheduler: Scheduler) -> None:
    for n in range(1, 151):
        placed = sigmas(scheduler.name, n)
        assert len(placed) == n + 1
        assert placed[0] == pytest.approx(SCHEDULE.sigma_max)
        assert placed[-1] == 0
        assert np.all(np.diff(placed) < 0)
        assert all(type(sigma) is float for sigma in placed)


@pytest.mark.parametrize("n", [3, 20, 77])
def test_spacing_is_even_where_it_should_be(n: int) -> None:
    def even(values: list[float]) -> bool:
        return bool(np.ptp(np.diff(values)) < 1e-9)

    assert even([sigma ** (1 / 7) for sigma in sigmas("karras", n)[:-1]])
    assert even([np.log(sigma) for sigma in sigmas("exponential", n)[:-1]])
    assert even([SCHEDULE.sigma_to_t(sigma) for sigma in sigmas("uniform", n)[:-1]])


@pytest.mark.parametrize("n", [1, 2, 20, 150])
def test_sgm_uniform_is_uniform_with_a_step_more_and_without_its_lowest_sigma(n: int) -> None:
    longer = sigmas("uniform", n + 1)
    assert sigmas("sgm_uniform", n) == pytest.approx([*longer[:-2], 0])


@pytest.mark.oracle
@pytest.mark.parametrize(
    ("scheduler", "options"),
    [("karras", {"use_karras_sigmas": True}), ("exponential", {"use_exponential_sigmas": True}), ("uniform", {})],
)
def test_sigmas_are_those_of_diffusers(scheduler: str, options: dict[str, Any]) -> None:
    """But for the single precision of its 1 − ᾱ, which counts at the smallest sigma."""
    from diffusers.schedulers.scheduling_euler_discrete import EulerDiscreteScheduler

    oracle = EulerDiscreteScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", **options)
    oracle.set_timesteps(20)
    np.testing.assert_allclose(sigmas(scheduler, 20), oracle.sigmas.numpy(), rtol=2e-5)


@pytest.mark.parametrize(
    ("sampler", "scheduler"),
    [("DPM++ 2M", "karras"), ("Euler", "uniform"), ("Euler a", "uniform"), ("Heun", "uniform")],
)
def test_automatic_is_the_samplers_own(sampler: str, scheduler: str) -> None:
    automatic = sigmas_for(find_sampler(sampler), find_scheduler("Automatic"), 13, SCHEDULE)
    assert automatic == sigmas(scheduler, 13)


def test_automatic_ddim_takes_timesteps_and_otherwise_what_it_is_given() -> None:
    ddim = find_sampler("DDIM")
    timesteps = sigmas_for(ddim, find_scheduler("Automatic"), 5, SCHEDULE)
    assert timesteps == pytest.approx([5.1344, 2.2929, 1.1682, 0.5741, 0.0413], abs=5e-5)
    assert sigmas_for(ddim, find_scheduler("Karras"), 5, SCHEDULE) == sigmas("karras", 5)


@pytest.mark.parametrize("sampler", samplers())
def test_no_steps_are_refused(sampler: str) -> None:
    with pytest.raises(ValueError, match="steps"):
        sigmas_for(find_sampler(sampler), find_scheduler("Automatic"), 0, SCHEDULE)
