"""Laws every solver obeys, on the one denoiser whose answer is known exactly, and other people's formulas.

If every pixel were distributed as N(MU, S²), the best denoiser would be x0 = (x·S² + MU·σ²)/(S² + σ²), and x would
follow x(σ) = MU + (x(σ₀) − MU)·√((S² + σ²)/(S² + σ₀²)).
"""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor

from webui.sampling.kinds import Denoise, Denoised, Noise, Sampler, find_sampler, find_scheduler, samplers, sigmas_for
from webui.sampling.schedule import ScheduleOptions, leading_sigmas, scaled_linear

MU, S = 0.7, 0.5
SCHEDULE = scaled_linear()
ALL = list(samplers().values())
ORDER = {"Euler": 1, "Euler a": 1, "DDIM": 1, "Heun": 2, "DPM++ 2M": 2}
ids = pytest.mark.parametrize("sampler", ALL, ids=lambda sampler: sampler.name)


def around(mu: float) -> Denoise:
    return lambda x, sigma: Denoised((x * S**2 + mu * sigma**2) / (S**2 + sigma**2))


gaussian = around(MU)


def curved(x: Tensor, sigma: float) -> Denoised:
    """Nothing of a solver's arithmetic is hidden by its being linear in x or smooth in sigma."""
    return Denoised(torch.tanh(x * 1.3 / (1 + sigma)) + 0.3 * torch.cos(x / (1 + sigma)) * math.sin(sigma))


def silent(sigma: float, sigma_next: float) -> Tensor:
    raise AssertionError("noise was drawn")


def normal(seed: int, like: Tensor) -> Noise:
    generator = torch.Generator().manual_seed(seed)
    return lambda sigma, sigma_next: torch.randn(like.shape, generator=generator, dtype=like.dtype)


def start(count: int, sigma: float, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return MU + torch.randn(count, generator=generator, dtype=dtype) * math.hypot(S, sigma)


def run(sampler: Sampler, denoise: Denoise, x: Tensor, sigmas: list[float], noise: Noise = silent, /, **options: float):
    return sampler.run(denoise, x, sigmas, noise, replace(sampler.options, **options))


def without_noise(sampler: Sampler) -> dict[str, float]:
    return {"eta": 0.0} if "eta" in sampler.uses else {}


def karras(n: int) -> list[float]:
    return sigmas_for(find_sampler("Euler"), find_scheduler("karras"), n, SCHEDULE)


# --- laws


@ids
def test_error_falls_with_the_documented_order(sampler: Sampler) -> None:
    x = start(64, 10)
    exact = MU + (x - MU) * math.hypot(S, 0.1) / math.hypot(S, 10)

    def error(steps: int) -> float:
        sigmas = np.geomspace(10, 0.1, steps + 1).tolist()
        scale = math.hypot(1, 0.1) if "timesteps" in sampler.uses else 1  # these return √ᾱ x
        return float((run(sampler, gaussian, x, sigmas, **without_noise(sampler)) * scale - exact).abs().max())

    assert math.log2(error(64) / error(128)) == pytest.approx(ORDER[sampler.name], abs=0.15)


@ids
def test_twenty_steps_end_on_the_distribution(sampler: Sampler) -> None:
    """The whole way, to σ = 0: every start ends near where the exact flow takes it."""
    sigmas = karras(20)
    x = start(64, sigmas[0])
    exact = MU + (x - MU) * S / math.hypot(S, sigmas[0])
    found = run(sampler, gaussian, x, sigmas, **without_noise(sampler))
    assert float((found - exact).abs().max()) < (0.2 if ORDER[sampler.name] == 1 else 0.04)


@ids
def test_linear_in_x_for_a_linear_denoiser(sampler: Sampler) -> None:
    def denoise(x: Tensor, sigma: float) -> Denoised:
        return Denoised(x / (1 + sigma**2))

    sigmas, options = karras(9), without_noise(sampler)
    x, y = start(16, 14.6, seed=1), start(16, 14.6, seed=2)
    together = run(sampler, denoise, 2 * x - 3 * y, sigmas, **options)
    apart = 2 * run(sampler, denoise, x, sigmas, **options) - 3 * run(sampler, denoise, y, sigmas, **options)
    torch.testing.assert_close(together, apart, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("Euler a", {}),
        ("Euler a", {"eta": 0.5}),
        ("DDIM", {"eta": 1.0}),
        ("Euler", {"s_churn": 40.0}),
        ("Heun", {"s_churn": 40.0}),
    ],
)
def test_added_noise_keeps_mean_and_variance(name: str, options: dict[str, float]) -> None:
    """Exactly, not by drawing: each noise is a direction of its own, so the variance is the length of x, squared."""
    sampler = find_sampler(name)

    def std(steps: int) -> float:
        sigmas = karras(steps)
        directions = iter(torch.eye(steps + 1, dtype=torch.float64))
        x = next(directions) * math.hypot(S, sigmas[0])
        centred = run(sampler, around(0), x, sigmas, lambda *_: next(directions), **options)
        return float(centred.norm())

    assert std(400) == pytest.approx(S, rel=0.03)
    sigmas = karras(20)
    mean = torch.full((1,), MU, dtype=torch.float64)
    assert float(run(sampler, gaussian, mean, sigmas, lambda *_: torch.zeros(1), **options)) == pytest.approx(MU)


@ids
def test_a_batch_is_its_pictures_bit_for_bit(sampler: Sampler) -> None:
    sigmas = [float(sigma) for sigma in karras(12)]
    batch = torch.stack([start(7, sigmas[0], seed, torch.float32) for seed in range(3)])
    options = {"s_churn": 10.0} if "churn" in sampler.uses else {"eta": 1.0} if "eta" in sampler.uses else {}

    def together(noises: list[Noise]) -> Noise:
        return lambda sigma, sigma_next: torch.stack([noise(sigma, sigma_next) for noise in noises])

    noises = [normal(seed, picture) for seed, picture in enumerate(batch)]
    found = run(sampler, curved, batch, sigmas, together(noises), **options)
    for seed, picture in enumerate(batch):
        assert torch.equal(found[seed], run(sampler, curved, picture, sigmas, normal(seed, picture), **options))


@ids
def test_model_is_called_as_often_as_said_and_noise_drawn_only_when_used(sampler: Sampler) -> None:
    called: list[float] = []

    def denoise(x: Tensor, sigma: float) -> Denoised:
        called.append(sigma)
        return gaussian(x, sigma)

    sigmas = karras(8)
    run(sampler, denoise, start(4, sigmas[0]), sigmas, **without_noise(sampler))  # silent: raises if noise is drawn
    assert len(called) == 8 * sampler.calls_per_step - (sampler.calls_per_step - 1)
    assert min(called) > 0


@pytest.mark.parametrize(("name", "options"), [("Euler a", {}), ("DDIM", {"eta": 0.3})])
def test_ancestral_noise_is_drawn_for_every_step_but_the_last(name: str, options: dict[str, float]) -> None:
    drawn: list[tuple[float, float]] = []

    def noise(sigma: float, sigma_next: float) -> Tensor:
        drawn.append((sigma, sigma_next))
        return torch.zeros(4, dtype=torch.float64)

    sigmas = karras(8)
    run(find_sampler(name), gaussian, start(4, sigmas[0]), sigmas, noise, **options)
    assert drawn == list(pairwise(sigmas))[:-1]


@pytest.mark.parametrize("name", ["Euler", "Heun"])
def test_churn_stays_between_its_limits(name: str) -> None:
    drawn: list[float] = []

    def noise(sigma: float, sigma_next: float) -> Tensor:
        drawn.append(sigma)
        return torch.zeros(4, dtype=torch.float64)

    sigmas = karras(20)
    run(find_sampler(name), gaussian, start(4, sigmas[0]), sigmas, noise, s_churn=5.0, s_tmin=0.5, s_tmax=5.0)
    assert drawn == [sigma for sigma in sigmas if 0.5 <= sigma <= 5.0]


@pytest.mark.parametrize(("s_churn", "factor"), [(0.6, 1.2), (1e9, math.sqrt(2))])
def test_churn_is_shared_among_the_steps_and_limited(s_churn: float, factor: float) -> None:
    seen: list[float] = []

    def denoise(x: Tensor, sigma: float) -> Denoised:
        seen.append(sigma)
        return Denoised(x)

    x, sigmas = torch.zeros(2, dtype=torch.float64), [8.0, 4.0, 2.0, 0.0]
    run(find_sampler("Euler"), denoise, x, sigmas, normal(0, x), s_churn=s_churn)
    assert seen == pytest.approx([8 * factor, 4 * factor, 2 * factor])


def test_s_noise_scales_what_is_added() -> None:
    x = torch.zeros(100_000, dtype=torch.float64)

    def added(name: str, **options: float) -> float:
        return float(
            run(find_sampler(name), lambda x, sigma: Denoised(x), x, [2.0, 1.0], normal(0, x), **options).std()
        )

    assert added("Euler a", s_noise=1.5) == pytest.approx(1.5 * added("Euler a"))
    assert added("Euler", s_churn=0.2, s_noise=1.5) == pytest.approx(1.5 * added("Euler", s_churn=0.2))


# --- other people's formulas


def test_dpmpp_2m_is_algorithm_2_of_the_paper() -> None:
    """DPM-Solver++(2M) as Lu et al. 2022 print it: in x_t with α_t, σ_t and λ_t = log(α_t/σ_t)."""
    sigmas = karras(12)[:-1]
    alpha = [1 / math.hypot(1, sigma) for sigma in sigmas]
    std = [sigma / math.hypot(1, sigma) for sigma in sigmas]
    lam = [math.log(a / s) for a, s in zip(alpha, std, strict=True)]
    start_x = start(32, sigmas[0])

    x = start_x * alpha[0]
    q = [curved(x / alpha[0], sigmas[0]).x0]
    for i in range(1, len(sigmas)):
        h = lam[i] - lam[i - 1]
        data = q[-1]
        if i > 1:
            r = (lam[i - 1] - lam[i - 2]) / h
            data = (1 + 1 / (2 * r)) * q[-1] - 1 / (2 * r) * q[-2]
        x = std[i] / std[i - 1] * x - alpha[i] * math.expm1(-h) * data
        q.append(curved(x / alpha[i], sigmas[i]).x0)

    torch.testing.assert_close(
        run(find_sampler("DPM++ 2M"), curved, start_x, sigmas), x / alpha[-1], rtol=1e-11, atol=1e-11
    )


def test_dpmpp_2m_lands_on_the_last_estimate() -> None:
    seen: list[Tensor] = []

    def denoise(x: Tensor, sigma: float) -> Denoised:
        seen.append(curved(x, sigma).x0)
        return Denoised(seen[-1])

    sigmas = karras(6)
    found = run(find_sampler("DPM++ 2M"), denoise, start(8, sigmas[0]), sigmas)
    torch.testing.assert_close(found, seen[-1])


def test_euler_a_is_the_posterior_of_ddpm() -> None:
    """Eta 1: x_{t−1} ~ N(μ̃, β̃) of Ho et al. 2020, eq. 6 and 7, given the same noise."""
    sigmas = leading_sigmas(20, SCHEDULE, ScheduleOptions())
    bar = [1 / (1 + sigma**2) for sigma in sigmas]
    start_x = start(32, sigmas[0])

    x, noise = start_x * math.sqrt(bar[0]), normal(3, start_x)
    for (before, after), (sigma, sigma_next) in zip(pairwise(bar), pairwise(sigmas), strict=True):
        x0 = curved(x / math.sqrt(before), sigma).x0
        alpha = before / after
        mean = math.sqrt(after) * (1 - alpha) / (1 - before) * x0 + math.sqrt(alpha) * (1 - after) / (1 - before) * x
        x = mean + math.sqrt((1 - after) / (1 - before) * (1 - alpha)) * noise(sigma, sigma_next)

    found = run(find_sampler("Euler a"), curved, start_x, sigmas, normal(3, start_x))
    torch.testing.assert_close(found, x / math.sqrt(bar[-1]), rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("eta", [0.0, 0.4, 1.0])
def test_ddim_is_equation_12_of_the_paper(eta: float) -> None:
    """Song et al. 2020, on sd-webui's timesteps; like there, what comes out is x_t at the last of them."""
    sigmas = leading_sigmas(20, SCHEDULE, ScheduleOptions())
    bar = [1 / (1 + sigma**2) for sigma in sigmas]
    start_x = start(32, sigmas[0])

    x, noise = start_x * math.sqrt(bar[0]), normal(3, start_x)
    for (a, b), (sigma, sigma_next) in zip(pairwise(bar), pairwise(sigmas), strict=True):
        x0 = curved(x / math.sqrt(a), sigma).x0
        eps = (x - math.sqrt(a) * x0) / math.sqrt(1 - a)
        std = eta * math.sqrt((1 - b) / (1 - a)) * math.sqrt(1 - a / b)
        x = math.sqrt(b) * x0 + math.sqrt(1 - b - std**2) * eps
        if eta:
            x = x + std * noise(sigma, sigma_next)

    found = run(find_sampler("DDIM"), curved, start_x, sigmas, normal(3, start_x), eta=eta)
    torch.testing.assert_close(found, x, rtol=1e-11, atol=1e-11)


def network(sigma: float, x: Tensor) -> Tensor:
    """The ε that a network would answer for ``curved``."""
    return (x - curved(x, sigma).x0) / sigma


@pytest.mark.oracle
@pytest.mark.parametrize("name", ["Euler", "Heun"])
def test_k_diffusion_samplers_are_those_of_diffusers(name: str) -> None:
    from diffusers.schedulers.scheduling_euler_discrete import EulerDiscreteScheduler
    from diffusers.schedulers.scheduling_heun_discrete import HeunDiscreteScheduler

    sigmas = [float(np.float32(sigma)) for sigma in karras(12)]  # diffusers keeps them in single precision
    oracle = {"Euler": EulerDiscreteScheduler, "Heun": HeunDiscreteScheduler}[name]()
    oracle.set_timesteps(12)
    exact = torch.tensor(sigmas, dtype=torch.float64)
    doubled = torch.cat([exact[:1], exact[1:-1].repeat_interleave(2), exact[-1:]])
    oracle.sigmas = exact if name == "Euler" else doubled

    x = start_x = start(32, sigmas[0])
    for i, t in enumerate(oracle.timesteps):
        x = oracle.step(network(float(oracle.sigmas[i]), x), t, x, return_dict=False)[0]
    found = run(find_sampler(name), curved, start_x, sigmas)
    torch.testing.assert_close(found, x, rtol=2e-6, atol=2e-6)


@pytest.mark.oracle
def test_ddim_is_that_of_diffusers() -> None:
    from diffusers.schedulers.scheduling_ddim import DDIMScheduler

    oracle = DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", timestep_spacing="leading", steps_offset=1,
        clip_sample=False, set_alpha_to_one=False,
    )  # fmt: skip
    oracle.set_timesteps(20)
    sigmas = leading_sigmas(20, SCHEDULE, ScheduleOptions())
    start_x = start(32, sigmas[0])
    x = start_x / math.hypot(1, sigmas[0])
    for sigma, t in zip(sigmas[:-1], oracle.timesteps, strict=False):  # sd-webui leaves its last step out
        x = oracle.step(network(sigma, x * math.hypot(1, sigma)), int(t), x, return_dict=False)[0]
    torch.testing.assert_close(run(find_sampler("DDIM"), curved, start_x, sigmas), x, rtol=5e-6, atol=5e-6)
