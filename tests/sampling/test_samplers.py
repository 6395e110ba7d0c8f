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

from webui.sampling.kinds import (
    Denoise,
    Denoised,
    Noise,
    Sampler,
    calls,
    find_sampler,
    find_scheduler,
    samplers,
    sigmas_for,
)
from webui.sampling.samplers.dpm_fast import orders_of
from webui.sampling.samplers.lms import weights
from webui.sampling.samplers.restart import steps_of
from webui.sampling.schedule import ScheduleOptions, leading_sigmas, scaled_linear

MU, S = 0.7, 0.5
SCHEDULE = scaled_linear()
ALL = list(samplers().values())
ADAPTIVE = find_sampler("DPM adaptive")
ORDER = {  # of convergence
    "DPM++ 2M": 2, "DPM++ SDE": 2, "DPM++ 2M SDE": 2, "DPM++ 2M SDE Heun": 2, "DPM++ 2S a": 2, "DPM++ 3M SDE": 2,
    "Euler a": 1, "Euler": 1, "LMS": 4, "Heun": 2, "DPM2": 2, "DPM2 a": 2, "DPM fast": 3, "DDIM": 1,
}  # fmt: skip
named = lambda sampler: sampler.name  # noqa: E731
fixed = pytest.mark.parametrize("sampler", [sampler for sampler in ALL if sampler is not ADAPTIVE], ids=named)
k_diffusions = pytest.mark.parametrize("sampler", [find_sampler(name) for name in ORDER], ids=named)


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


def gentle(high: float, low: float, steps: int) -> list[float]:
    """Even in log σ, but for a first step in pieces so short that a multistep solver's beginning does not count."""
    even = np.geomspace(high, low, steps + 1)
    first = high - (high - even[1]) * np.array([0, 1e-6, 1e-4, 1e-2, 0.1])
    return [*first.tolist(), *even[1:].tolist()]


def error(sampler: Sampler, sigmas: list[float]) -> float:
    x = start(64, sigmas[0])
    exact = MU + (x - MU) * math.hypot(S, sigmas[-1]) / math.hypot(S, sigmas[0])
    scale = math.hypot(1, sigmas[-1]) if "timesteps" in sampler.uses else 1  # these return √ᾱ x
    return float((run(sampler, gaussian, x, sigmas, **without_noise(sampler)) * scale - exact).abs().max())


@k_diffusions
def test_error_falls_with_the_documented_order(sampler: Sampler) -> None:
    if sampler.name == "DPM fast":  # 3·20 + 2 calls in 21 steps, 3·41 + 2 in 42; all but the last of order 3
        coarse, fine = (np.geomspace(10, 0.1, number + 1).tolist() for number in (62, 125))
    else:
        coarse, fine = gentle(10, 0.1, 64), gentle(10, 0.1, 128)
    assert math.log2(error(sampler, coarse) / error(sampler, fine)) == pytest.approx(ORDER[sampler.name], abs=0.25)


@k_diffusions
def test_twenty_steps_end_on_the_distribution(sampler: Sampler) -> None:
    """The whole way: every start ends near where the exact flow takes it."""
    sigmas = sigmas_for(sampler, find_scheduler("karras"), 20, SCHEDULE)
    assert error(sampler, sigmas) < (0.2 if ORDER[sampler.name] == 1 else 0.04)


@k_diffusions
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
        ("DPM2 a", {}),
        ("DPM++ 2S a", {}),
        ("Restart", {}),
        ("Euler", {"s_churn": 40.0}),
        ("Heun", {"s_churn": 40.0}),
        ("DPM2", {"s_churn": 40.0}),
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


@fixed
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


@k_diffusions
def test_model_is_called_as_often_as_said_and_noise_drawn_only_when_used(sampler: Sampler) -> None:
    called: list[float] = []

    def denoise(x: Tensor, sigma: float) -> Denoised:
        called.append(sigma)
        return gaussian(x, sigma)

    sigmas = karras(8)
    run(sampler, denoise, start(4, sigmas[0]), sigmas, **without_noise(sampler))  # silent: raises if noise is drawn
    assert len(called) == calls(sampler, sigmas)
    assert min(called) > 0


@pytest.mark.parametrize(
    ("name", "options"),
    [("Euler a", {}), ("DPM2 a", {}), ("DPM++ 2S a", {}), ("DPM++ 2M SDE", {}), ("DDIM", {"eta": 0.3})],
)
def test_ancestral_noise_is_drawn_for_every_step_but_the_last(name: str, options: dict[str, float]) -> None:
    drawn: list[tuple[float, float]] = []

    def noise(sigma: float, sigma_next: float) -> Tensor:
        drawn.append((sigma, sigma_next))
        return torch.zeros(4, dtype=torch.float64)

    sigmas = karras(8)
    run(find_sampler(name), gaussian, start(4, sigmas[0]), sigmas, noise, **options)
    assert drawn == list(pairwise(sigmas))[:-1]


@pytest.mark.parametrize("name", [sampler.name for sampler in ALL if "churn" in sampler.uses])
def test_churn_stays_between_its_limits_and_draws_beyond_them(name: str) -> None:
    """As in k-diffusion: a limit does not change which noise the later steps are given."""
    drawn: list[float] = []
    seen: list[float] = []

    def noise(sigma: float, sigma_next: float) -> Tensor:
        drawn.append(sigma)
        return torch.zeros(4, dtype=torch.float64)

    def denoise(x: Tensor, sigma: float) -> Denoised:
        seen.append(sigma)
        return gaussian(x, sigma)

    sigmas = karras(20)
    run(find_sampler(name), denoise, start(4, sigmas[0]), sigmas, noise, s_churn=5.0, s_tmin=0.5, s_tmax=5.0)
    assert drawn == sigmas[:-1]
    raised = [sigma for sigma in sigmas[:-1] if any(math.isclose(other, sigma * (1 + 5 / 20)) for other in seen)]
    assert raised == [sigma for sigma in sigmas if 0.5 <= sigma <= 5.0]


@pytest.mark.parametrize(("s_churn", "factor"), [(0.6, 1.2), (1e9, math.sqrt(2))])
def test_churn_is_shared_among_the_steps_and_limited(s_churn: float, factor: float) -> None:
    seen: list[float] = []

    def denoise(x: Tensor, sigma: float) -> Denoised:
        seen.append(sigma)
        return Denoised(x)

    x, sigmas = torch.zeros(2, dtype=torch.float64), [8.0, 4.0, 2.0, 0.0]
    run(find_sampler("Euler"), denoise, x, sigmas, normal(0, x), s_churn=s_churn)
    assert seen == pytest.approx([8 * factor, 4 * factor, 2 * factor])


@pytest.mark.parametrize("sampler", [each for each in ALL if each.order <= 150], ids=named)
def test_s_noise_scales_what_is_added_where_it_counts(sampler: Sampler) -> None:
    x = torch.zeros(100_000, dtype=torch.float64)
    noisy = {"s_churn": 0.2} if "churn" in sampler.uses else {"eta": 1.0}
    noises = [normal(0, x), normal(0, x)]
    plain, scaled = (
        float(run(sampler, lambda x, sigma: Denoised(x), x, [2.0, 1.0], noise, s_noise=s_noise, **noisy).std())
        for noise, s_noise in zip(noises, (1.0, 1.5), strict=True)
    )
    assert scaled == pytest.approx(plain * (1.5 if "s_noise" in sampler.uses else 1.0))


# --- solvers that choose


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
