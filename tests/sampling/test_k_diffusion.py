"""k-diffusion's numbers (``oracle/k_diffusion.json`` says whose, and how they were made), and what we make of the same.

Ancestral noise is torch's, drawn in the same order; that of the SDE kinds is one Brownian path for both.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from tests.sampling.oracle import problem
from tests.sampling.oracle.problem import Result
from webui.sampling.kinds import Denoised, Noise, find_sampler, find_scheduler, samplers
from webui.sampling.noise import ImageNoise
from webui.sampling.schedule import ScheduleOptions, scaled_linear

CASES = {case.name: case for case in problem.CASES}
RESULTS = problem.results()
PICTURES = dict(problem.PICTURES)
BAR = {"float32": 1e-5, "float64": 1e-10}

pytestmark = pytest.mark.oracle


def ours(result: Result) -> tuple[Tensor, list[float]]:
    """x, and the sigma of every model call."""
    case, seed, called = CASES[result.name], result.seed, []
    x = problem.start(seed, PICTURES[seed], problem.DTYPES[result.dtype])

    def denoise(x: Tensor, sigma: float) -> Denoised:
        called.append(sigma)
        return Denoised(problem.mixture(x, sigma))

    sampler = find_sampler(case.sampler)
    noise = problem.brownian(seed, x) if "sde" in case.function else drawn_by_torch(seed, x)
    options = replace(sampler.options, **case.options)
    return sampler.run(denoise, x, problem.sigmas_of(case, x.dtype), noise, options), called


def drawn_by_torch(seed: int, like: Tensor) -> Noise:
    generator = torch.Generator().manual_seed(seed)
    return lambda sigma, sigma_next: torch.randn(like.shape, generator=generator, dtype=like.dtype)


def test_every_case_and_every_sampler_of_k_diffusion_is_compared() -> None:
    expected = [
        (case.name, dtype, seed) for case in problem.CASES for dtype in problem.DTYPES for seed, _ in problem.PICTURES
    ]
    assert [(result.name, result.dtype, result.seed) for result in RESULTS] == expected
    from_elsewhere = {"Restart"} | {sampler.name for sampler in samplers().values() if sampler.order >= 150}
    assert {case.sampler for case in problem.CASES} == samplers().keys() - from_elsewhere


@pytest.mark.parametrize("result", RESULTS, ids=lambda result: f"{result.name}-{result.dtype}-{result.seed}")
def test_sampler_is_that_of_k_diffusion(result: Result) -> None:
    found, called = ours(result)
    bar = 1e-7 if result.info and result.dtype == "float64" else BAR[result.dtype]  # its tolerances are float32
    assert problem.difference(found, result.x) < bar
    if result.info:
        assert len(called) == result.info["nfe"]


@pytest.mark.parametrize("made", problem.stored()["schedules"], ids=lambda made: f"{made['scheduler']} {made['n']}")
def test_schedule_is_that_of_k_diffusion(made: dict) -> None:
    """Its own is in single precision, and a power of 7 costs some of that."""
    place = find_scheduler(made["scheduler"]).sigmas
    assert place is not None
    options = ScheduleOptions(sigma_min=problem.LOW, sigma_max=problem.HIGH, rho=made["rho"])
    assert place(made["n"], scaled_linear(), options) == pytest.approx(made["sigmas"], rel=2e-6)


def test_brownian_noise_is_that_of_k_diffusion() -> None:
    tree = problem.stored()["tree"]
    noise = ImageNoise(tree["seed"], tuple(tree["shape"][1:]), "CPU").brownian(problem.LOW, problem.HIGH)
    for sigma, sigma_next, drawn in zip(tree["sigmas"], tree["sigmas"][1:], tree["noise"], strict=False):
        found = noise(sigma, sigma_next)
        assert list(found.shape) == tree["shape"]
        torch.testing.assert_close(found.flatten(), torch.tensor(drawn), rtol=1e-6, atol=1e-6)
