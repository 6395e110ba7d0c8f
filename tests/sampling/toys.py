"""Denoisers whose answer is known, noise by seed, and a sampler's run with its own options but for those given.

If every pixel were distributed as N(MU, S²), the best denoiser would be x0 = (x·S² + MU·σ²)/(S² + σ²), and x would
follow x(σ) = MU + (x(σ₀) − MU)·√((S² + σ²)/(S² + σ₀²)).
"""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from webui.sampling.kinds import Denoise, Denoised, Noise, Sampler, find_sampler, find_scheduler, sigmas_for
from webui.sampling.schedule import scaled_linear

MU, S = 0.7, 0.5
SCHEDULE = scaled_linear()


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
