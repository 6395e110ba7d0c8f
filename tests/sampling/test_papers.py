"""Other people's formulas for the same solvers, and other people's programs."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.sampling.toys import SCHEDULE, curved, karras, normal, run, start
from webui.sampling.kinds import Denoised, find_sampler
from webui.sampling.samplers.lms import weights
from webui.sampling.schedule import ScheduleOptions, leading_sigmas


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


@pytest.mark.parametrize(("steps", "each", "times"), [(20, 9, 1), (48, 12, 2)])
def test_restart_is_algorithm_1_of_the_paper(steps: int, each: int, times: int) -> None:
    """Xu et al. 2023: down by Heun; at t_min, ``times`` times: noise up to t_max, and down again."""

    def slope(x: Tensor, t: float) -> Tensor:
        return (x - curved(x, t).x0) / t

    def heun(x: Tensor, t: float, t_next: float) -> Tensor:
        d = slope(x, t)
        ahead = x + (t_next - t) * d
        return x + (t_next - t) / 2 * (d + slope(ahead, t_next)) if t_next else ahead

    def grid(high: float, low: float, n: int) -> list[float]:
        return [(high ** (1 / 7) + i / n * (low ** (1 / 7) - high ** (1 / 7))) ** 7 for i in range(n + 1)]

    sigmas = karras(steps)
    main = [*grid(sigmas[0], sigmas[-2], steps - each * times - 1), 0.0]
    t_min, t_max = (min(main, key=lambda t: abs(t - wanted)) for wanted in (0.1, 2.0))
    x = start_x = start(32, sigmas[0])
    noise = normal(3, start_x)
    for t, t_next in pairwise(main):
        x = heun(x, t, t_next)
        for _ in range(times if t_next == t_min else 0):
            x = x + math.sqrt(t_max**2 - t_min**2) * noise(t_min, t_max)
            for again, again_next in pairwise(grid(t_max, t_min, each)):
                x = heun(x, again, again_next)
    found = run(find_sampler("Restart"), curved, start_x, sigmas, normal(3, start_x))
    torch.testing.assert_close(found, x, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_lms_weights_integrate_polynomials_exactly(count: int) -> None:
    """Adams and Bashforth's own where the steps are equal; and any polynomial of lower degree than there are values."""
    bashforth = {1: [1], 2: [3 / 2, -1 / 2], 3: [23 / 12, -16 / 12, 5 / 12], 4: [55 / 24, -59 / 24, 37 / 24, -9 / 24]}
    assert weights([-float(i) for i in range(count)], 1.0) == pytest.approx(bashforth[count])
    at, end = [2.0, 3.5, 4.0, 7.0][:count], 1.25
    for degree in range(count):
        exact = (end ** (degree + 1) - at[0] ** (degree + 1)) / (degree + 1)
        found = sum(weight * value**degree for weight, value in zip(weights(at, end), at, strict=True))
        assert found == pytest.approx(exact)


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
