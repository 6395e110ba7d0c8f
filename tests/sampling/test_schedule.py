"""Timesteps and sigmas of Stable Diffusion's noise schedule."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from webui.sampling.schedule import EPSILON, ScheduleOptions, leading_sigmas, scaled_linear

SCHEDULE = scaled_linear()


def test_the_ends_are_those_of_stable_diffusion_1() -> None:
    assert SCHEDULE.sigma_min == pytest.approx(0.0291671582, abs=1e-10)
    assert SCHEDULE.sigma_max == pytest.approx(14.6146412293, abs=1e-10)
    assert len(SCHEDULE.sigmas) == 1000


@pytest.mark.oracle
def test_alphas_are_those_of_diffusers() -> None:
    from diffusers.schedulers.scheduling_ddim import DDIMScheduler

    oracle = DDIMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
    np.testing.assert_allclose(SCHEDULE.alphas_cumprod, oracle.alphas_cumprod.numpy(), rtol=2e-6)


def test_whole_timesteps_convert_exactly_both_ways() -> None:
    for t, sigma in enumerate(SCHEDULE.sigmas):
        assert SCHEDULE.t_to_sigma(t) == sigma
        assert SCHEDULE.sigma_to_t(sigma) == t


@given(st.floats(0, 999))
def test_fractions_come_back(t: float) -> None:
    assert SCHEDULE.sigma_to_t(SCHEDULE.t_to_sigma(t)) == pytest.approx(t, abs=1e-9)


@given(st.floats(0.03, 14.6))
def test_between_timesteps_t_is_linear_in_log_sigma(sigma: float) -> None:
    expected = np.interp(np.log(sigma), np.log(SCHEDULE.sigmas), np.arange(1000))
    assert SCHEDULE.sigma_to_t(sigma) == pytest.approx(expected, abs=1e-9)


def test_beyond_the_ends_the_ends_hold() -> None:
    assert SCHEDULE.sigma_to_t(0) == SCHEDULE.sigma_to_t(1e-9) == 0
    assert SCHEDULE.sigma_to_t(1e9) == 999
    assert SCHEDULE.t_to_sigma(-1) == SCHEDULE.sigma_min
    assert SCHEDULE.t_to_sigma(1e9) == SCHEDULE.sigma_max


@pytest.mark.parametrize("n", range(2, 151))
def test_leading_timesteps_are_those_of_sd_webui(n: int) -> None:
    expected = np.clip(np.asarray(list(range(0, 1000, 1000 // n))) + 1, 0, 999)
    timesteps = [SCHEDULE.sigma_to_t(sigma) for sigma in leading_sigmas(n, SCHEDULE, ScheduleOptions())]
    assert timesteps == expected[::-1].tolist()


@pytest.mark.parametrize(("n", "count"), [(20, 20), (30, 31), (7, 8), (1, 2)])
def test_leading_timesteps_may_be_more_than_the_steps(n: int, count: int) -> None:
    assert len(leading_sigmas(n, SCHEDULE, ScheduleOptions())) == count


@given(st.integers(1, 999))
def test_epsilon_scaling_is_that_of_ddpm(t: int) -> None:
    """x_t = √ᾱ·x0 + √(1−ᾱ)·ε is what the network sees of x = x0 + σ·ε, and from ε comes x0 back."""
    generator = torch.Generator().manual_seed(t)
    x0, eps = torch.randn(2, 8, generator=generator, dtype=torch.float64)
    alpha, sigma = SCHEDULE.alphas_cumprod[t], SCHEDULE.sigmas[t]
    x = x0 + sigma * eps
    torch.testing.assert_close(x * EPSILON.scale_in(sigma), alpha**0.5 * x0 + (1 - alpha) ** 0.5 * eps)
    torch.testing.assert_close(EPSILON.x0(x, eps, sigma), x0)
    assert EPSILON.start(sigma) == sigma
