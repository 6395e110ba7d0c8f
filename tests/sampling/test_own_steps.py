"""Samplers that place steps of their own: DPM adaptive, DPM fast and Restart."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.sampling.toys import MU, S, curved, gaussian, karras, normal, run, start
from webui.sampling.kinds import Denoise, Denoised, Sampler, calls, find_sampler
from webui.sampling.samplers.dpm_fast import orders_of
from webui.sampling.samplers.restart import steps_of

ADAPTIVE = find_sampler("DPM adaptive")
named = lambda sampler: sampler.name  # noqa: E731


def adaptive(denoise: Denoise, sigmas: list[float], eta: float = 0.0) -> tuple[Tensor, int]:
    called: list[float] = []

    def counted(x: Tensor, sigma: float) -> Denoised:
        called.append(sigma)
        return denoise(x, sigma)

    x = start(64, sigmas[0])
    return run(ADAPTIVE, counted, x, sigmas, normal(0, x), eta=eta), len(called)


def test_dpm_adaptive_ends_within_its_tolerance() -> None:
    x = start(64, 14.6)
    exact = MU + (x - MU) * math.hypot(S, 0.03) / math.hypot(S, 14.6)
    found, called = adaptive(gaussian, [14.6, 0.03])
    assert float(((found - exact) / (0.0078 + 0.05 * exact.abs())).square().mean().sqrt()) < 1
    assert called % 3 == 0


def test_dpm_adaptive_asks_only_for_the_range() -> None:
    few, many = (
        adaptive(gaussian, [14.6, 0.03, 0.0], eta=1.0),
        adaptive(gaussian, [14.6, *np.linspace(9, 1), 0.03, 0.0], eta=1.0),
    )
    assert torch.equal(few[0], many[0])


def test_dpm_adaptive_takes_more_steps_where_it_is_harder() -> None:
    def wavy(x: Tensor, sigma: float) -> Denoised:
        return Denoised(gaussian(x, sigma).x0 + 0.2 * math.sin(12 * math.log(sigma)))

    assert adaptive(wavy, [14.6, 0.03])[1] > 1.5 * adaptive(gaussian, [14.6, 0.03])[1]


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_dpm_adaptive_ends_whatever_the_network_answers(bad: float) -> None:
    found, called = adaptive(lambda x, sigma: Denoised(x * bad), [14.6, 0.03])
    assert not torch.isfinite(found).any()
    assert called <= 6


@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_the_calls_of_dpm_adaptive_are_estimated_within_a_factor_of_two(eta: float) -> None:
    assert 0.5 < adaptive(curved, [14.6, 0.03], eta)[1] / calls(ADAPTIVE, [14.6, 0.03]) < 2


@pytest.mark.parametrize("sampler", [ADAPTIVE, find_sampler("DPM fast")], ids=named)
def test_an_empty_range_leaves_x_as_it_is(sampler: Sampler) -> None:
    x = start(4, 1.0)
    for sigmas in ([0.0], [0.5], [0.5, 0.0]):
        assert torch.equal(run(sampler, gaussian, x, sigmas, normal(0, x)), x)


@pytest.mark.parametrize(
    ("number", "orders"),
    [(0, []), (1, [1]), (2, [2]), (3, [2, 1]), (4, [3, 1]), (5, [3, 2]), (6, [3, 2, 1]), (12, [3, 3, 3, 2, 1])],
)
def test_dpm_fast_spends_its_calls(number: int, orders: list[int]) -> None:
    assert orders_of(number) == orders
    assert sum(orders) == number


@pytest.mark.parametrize(
    ("steps", "each", "times"), [(1, 0, 0), (19, 0, 0), (20, 9, 1), (35, 9, 1), (36, 9, 2), (60, 15, 2)]
)
def test_restart_goes_back_as_in_sd_webui(steps: int, each: int, times: int) -> None:
    sigmas = karras(steps)
    done = steps_of(sigmas)
    assert len(done) == steps
    main = karras(steps - each * times)
    ups = [(before[1], after[0]) for before, after in pairwise(done) if after[0] != before[1]]
    if times:
        low, high = (min(main, key=lambda sigma: abs(sigma - wanted)) for wanted in (0.1, 2.0))
        assert ups == [(low, pytest.approx(high))] * times
    else:
        assert ups == []
        assert done == list(pairwise(sigmas))


def test_restart_takes_its_own_sigmas_from_any_schedule() -> None:
    """From 20 steps on only the first of what it is given and the last but one count, as in sd-webui."""
    sigmas = karras(24)
    other = [sigmas[0], *np.linspace(9, 1, 22), *sigmas[-2:]]
    assert steps_of(other) == steps_of(sigmas)
