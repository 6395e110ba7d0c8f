"""What networks answer, against what is known exactly: data distributed as N(MU, S²) and the best answers for it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from webui.sampling.guidance import Guided, Part, always
from webui.sampling.kinds import find_sampler, find_scheduler, sigmas_for
from webui.sampling.noise import ImageNoise
from webui.sampling.run import sample, start
from webui.sampling.schedule import (
    EPSILON,
    FLOW,
    FLOW_T_MAX,
    ZERO_SNR_ALPHA,
    NoiseSchedule,
    Prediction,
    V,
    flow,
    scaled_linear,
    zero_terminal_snr,
)

MU, S = 0.7, 0.5
SCHEDULE = scaled_linear()
ZERO_SNR = zero_terminal_snr(SCHEDULE)


def pair(seed: int) -> tuple[Tensor, Tensor]:
    """x0 and ε."""
    x0, eps = torch.randn(2, 8, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return x0, eps


# --- one answer


@given(st.integers(0, 999), st.sampled_from([SCHEDULE, ZERO_SNR]))
def test_v_is_that_of_salimans_and_ho(t: int, schedule: NoiseSchedule) -> None:
    """Appendix D: v = α·ε − σ·x0 on x_t = α·x0 + σ·ε with α = √ᾱ and σ = √(1−ᾱ)."""
    x0, eps = pair(t)
    alpha, std, sigma = math.sqrt(bar := schedule.alphas_cumprod[t]), math.sqrt(1 - bar), schedule.sigmas[t]
    x = x0 + sigma * eps
    torch.testing.assert_close(x * V.scale_in(sigma), alpha * x0 + std * eps)
    torch.testing.assert_close(V.x0(x, alpha * eps - std * x0, sigma), x0, rtol=1e-9, atol=1e-9)


@given(st.floats(0.001, FLOW_T_MAX))
def test_the_velocity_of_a_rectified_flow_is_noise_less_data(t: float) -> None:
    """Liu et al. 2022: x_t = (1−t)·x0 + t·ε, dx_t/dt = ε − x0."""
    x0, eps = pair(int(t * 1000))
    sigma = t / (1 - t)
    x = x0 + sigma * eps
    torch.testing.assert_close(x * FLOW.scale_in(sigma), (1 - t) * x0 + t * eps)
    torch.testing.assert_close(FLOW.x0(x, eps - x0, sigma), x0, rtol=1e-9, atol=1e-9)
    assert FLOW.timestep(flow(), sigma) == pytest.approx(1000 * t)


@pytest.mark.parametrize("kind", [EPSILON, V, FLOW], ids=lambda kind: kind.name)
def test_sampling_starts_from_sigma_times_noise(kind: Prediction) -> None:
    noise = pair(1)[1]
    assert torch.equal(start(find_sampler("Euler"), kind, noise, 14.6), noise * 14.6)
    assert torch.equal(start(find_sampler("DDIM"), kind, noise, 14.6), noise * math.hypot(1, 14.6))


def test_v_loses_nothing_where_nothing_of_the_picture_is_left() -> None:
    """In single precision, at the last timestep of zero terminal SNR; from ε the estimate is worse."""
    x0, eps = (each.float() for each in pair(5))
    sigma, bar = ZERO_SNR.sigma_max, ZERO_SNR.alphas_cumprod[-1]
    x, v = x0 + sigma * eps, math.sqrt(bar) * eps - math.sqrt(1 - bar) * x0
    torch.testing.assert_close(V.x0(x, v, sigma), x0, rtol=0, atol=1e-6)
    assert float((EPSILON.x0(x, eps, sigma) - x0).abs().max()) > 1e-5


# --- schedules


def test_zero_terminal_snr_is_algorithm_1_of_the_paper() -> None:
    """Lin et al. 2023, arXiv:2305.08891, on the betas; the last ᾱ is sd-webui's instead of 0."""
    betas = np.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2
    roots = np.sqrt(np.cumprod(1 - betas))
    first, last = roots[0], roots[-1]
    roots -= last
    roots *= first / (first - last)
    bars = roots**2
    assert bars[-1] == 0
    np.testing.assert_allclose(ZERO_SNR.alphas_cumprod[:-1], bars[:-1], rtol=1e-12)
    assert ZERO_SNR.alphas_cumprod[-1] == ZERO_SNR_ALPHA == 4.8973451890853435e-08


@pytest.mark.oracle
def test_zero_terminal_snr_is_that_of_diffusers() -> None:
    from diffusers.schedulers.scheduling_ddim import rescale_zero_terminal_snr

    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
    bars = torch.cumprod(1 - rescale_zero_terminal_snr(betas), 0)
    np.testing.assert_allclose(ZERO_SNR.alphas_cumprod[:-1], bars[:-1].numpy(), rtol=1e-9)


def test_zero_terminal_snr_keeps_the_beginning_and_ends_at_a_finite_sigma() -> None:
    assert ZERO_SNR.sigma_min == pytest.approx(SCHEDULE.sigma_min, rel=1e-9)
    assert ZERO_SNR.sigma_max == pytest.approx(4518.76, abs=0.01)
    assert np.all(np.diff(ZERO_SNR.sigmas) > 0)
    assert ZERO_SNR.t_to_sigma(ZERO_SNR.sigma_to_t(1000.0)) == pytest.approx(1000.0)


@given(st.floats(0.5, 12), st.integers(0, 998))
def test_a_flows_times_are_shifted_as_in_stable_diffusion_3(shift: float, i: int) -> None:
    """Esser et al. 2024, eq. 23: t' = s·t / (1 + (s − 1)·t), so σ' = s·σ."""
    straight, shifted = flow(), flow(shift)
    if shifted.sigmas[i] < flow().sigma_max * 0.999:
        assert shifted.sigmas[i] == pytest.approx(shift * straight.sigmas[i], rel=1e-6)


@pytest.mark.oracle
@pytest.mark.parametrize("shift", [1.0, 3.0])
def test_a_flows_times_are_those_of_diffusers(shift: float) -> None:
    from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler

    oracle: Any = FlowMatchEulerDiscreteScheduler(shift=shift)
    times = [FLOW.timestep(flow(shift), sigma) for sigma in flow(shift).sigmas]
    np.testing.assert_allclose(times[:-1], oracle.timesteps.numpy()[:0:-1], rtol=1e-5)
    assert times[-1] == pytest.approx(1000 * FLOW_T_MAX)


# --- the whole way


def best(kind: Prediction, schedule: NoiseSchedule):
    """The answer with the least squared error to x_t at a timestep, in closed form."""

    def answer(scaled: Tensor, t: float, conds: Sequence[float]) -> list[Tensor]:
        sigma = t / (1000 - t) if kind is FLOW else schedule.t_to_sigma(t)
        x = scaled / kind.scale_in(sigma)
        x0 = (x * S**2 + MU * sigma**2) / (S**2 + sigma**2)
        eps = (x - x0) / sigma
        match kind.name:
            case "epsilon":
                return [eps]
            case "v":
                return [(eps - sigma * x0) / math.hypot(1, sigma)]
            case _:
                return [eps - x0]

    return answer


@pytest.mark.parametrize(
    ("kind", "schedule"),
    [(EPSILON, SCHEDULE), (V, SCHEDULE), (V, ZERO_SNR), (FLOW, flow()), (FLOW, flow(3.0))],
    ids=["epsilon", "v", "v with zero terminal SNR", "flow", "flow, shifted"],
)
@pytest.mark.parametrize("name", ["Heun", "DPM++ 2M", "UniPC", "DEIS"])
def test_noise_flows_to_the_distribution_of_the_data(kind: Prediction, schedule: NoiseSchedule, name: str) -> None:
    """Each start ends where the exact flow takes it: MU + (x − MU)·S/√(S² + σ²).

    The last step, from the lowest σ to 0, alone is off by up to some thousandths.
    """
    sampler, unit = find_sampler(name), ImageNoise(3, (4, 8, 8)).first()
    guided = Guided(best(kind, schedule), [Part(always(1.0))], always(1.0), 1.0, schedule, kind)
    sigmas = sigmas_for(sampler, find_scheduler("karras"), 200, schedule)
    x = start(sampler, kind, unit, sigmas[0])
    exact = MU + (x - MU) * S / math.hypot(S, sigmas[0])
    found = sample(guided, sampler, sigmas, ImageNoise(3, (4, 8, 8)))
    torch.testing.assert_close(found, exact, rtol=0, atol=0.004)


def test_a_step_of_euler_is_the_same_taken_in_t() -> None:
    """x_t' = x_t + (t' − t)·velocity, as flow models are usually run."""
    times = [0.9, 0.7, 0.45, 0.2, 0.0]
    x_t = pair(2)[0].float().reshape(1, 2, 2, 2)
    sigmas = [t / (1 - t) for t in times]
    schedule = flow()
    guided = Guided(
        lambda x, t, conds: [torch.tanh(x) * t / 1000 - 0.3], [Part(always(1.0))], always(1.0), 1.0, schedule, FLOW
    )
    found = find_sampler("Euler").run(
        guided, x_t / (1 - times[0]), sigmas, lambda *_: x_t, find_sampler("Euler").options
    )
    for t, t_next in zip(times, times[1:], strict=False):
        x_t = x_t + (t_next - t) * (torch.tanh(x_t) * t - 0.3)
    torch.testing.assert_close(found, x_t, rtol=1e-5, atol=1e-6)
