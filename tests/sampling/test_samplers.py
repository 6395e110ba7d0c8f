"""Laws every solver obeys, on the one denoiser whose answer is known exactly."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.sampling.toys import MU, SCHEDULE, S, around, curved, gaussian, karras, normal, run, start, without_noise
from webui.sampling.kinds import Denoised, Noise, Sampler, calls, find_sampler, find_scheduler, samplers, sigmas_for

ALL = list(samplers().values())
ORDER = {  # of convergence
    "DPM++ 2M": 2, "DPM++ SDE": 2, "DPM++ 2M SDE": 2, "DPM++ 2M SDE Heun": 2, "DPM++ 2S a": 2, "DPM++ 3M SDE": 2,
    "Euler a": 1, "Euler": 1, "LMS": 4, "Heun": 2, "DPM2": 2, "DPM2 a": 2, "DPM fast": 3, "DDIM": 1,
}  # fmt: skip
named = lambda sampler: sampler.name  # noqa: E731
fixed = pytest.mark.parametrize("sampler", [sampler for sampler in ALL if sampler.name != "DPM adaptive"], ids=named)
k_diffusions = pytest.mark.parametrize("sampler", [find_sampler(name) for name in ORDER], ids=named)


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
