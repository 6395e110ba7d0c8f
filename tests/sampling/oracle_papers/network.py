"""A denoiser with guidance, nothing of which is linear in x or plain in sigma, so that no slip hides."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from webui.sampling.kinds import Denoised
from webui.sampling.schedule import NoiseSchedule, scaled_linear

CFG = 4.0
SCHEDULE: NoiseSchedule = scaled_linear()

Network = Callable[[Tensor, float], tuple[Tensor, Tensor]]
"""(x_t, ᾱ) → ε for the prompt and for the negative prompt."""


def _estimates(x: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
    prompt = torch.tanh(x * 1.3 / (1 + sigma)) + 0.3 * torch.cos(x / (1 + sigma)) * math.sin(sigma)
    negative = 0.8 * torch.tanh(x / (0.7 + sigma)) - 0.2 * math.cos(2 * sigma)
    return prompt, negative


def guided(x: Tensor, sigma: float) -> Denoised:
    """As our samplers ask: in x = x0 + σ·ε."""
    prompt, negative = _estimates(x, sigma)
    return Denoised(negative + CFG * (prompt - negative), negative)


def epsilon(x_t: Tensor, bar: float) -> tuple[Tensor, Tensor]:
    """As the papers ask; the same answers."""
    alpha, std = math.sqrt(bar), math.sqrt(1 - bar)
    prompt, negative = _estimates(x_t / alpha, std / alpha)
    return (x_t - alpha * prompt) / std, (x_t - alpha * negative) / std


def scaled(x_t: Tensor, bar: float, cfg: float = CFG) -> Tensor:
    """ε with classifier-free guidance."""
    prompt, negative = epsilon(x_t, bar)
    return negative + cfg * (prompt - negative)


def bars(sigmas: list[float]) -> list[float]:
    """ᾱ of each sigma."""
    return [1 / (1 + sigma**2) for sigma in sigmas]


def randn_like(x: Tensor, noise: torch.Generator) -> Tensor:
    return torch.randn(x.shape, generator=noise, dtype=x.dtype)
