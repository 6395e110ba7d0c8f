"""The noise a model was trained with: timesteps ↔ sigmas, and what its output means.

A model trained on x_t = √ᾱ_t·x0 + √(1−ᾱ_t)·ε (Ho et al. 2020, arXiv:2006.11239) is a denoiser of x = x0 + σ·ε with
σ_t = √((1−ᾱ_t)/ᾱ_t) and x = x_t/√ᾱ_t (Karras et al. 2022, appendix C). Samplers work in x and σ only.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class NoiseSchedule:
    """Cumulative ᾱ_t of the training timesteps t = 0 … T−1, falling, each in (0, 1)."""

    alphas_cumprod: tuple[float, ...]

    @cached_property
    def sigmas(self) -> tuple[float, ...]:
        """σ_t of every timestep, rising."""
        return tuple(math.sqrt((1 - alpha) / alpha) for alpha in self.alphas_cumprod)

    @cached_property
    def log_sigmas(self) -> tuple[float, ...]:
        return tuple(math.log(sigma) for sigma in self.sigmas)

    @property
    def sigma_min(self) -> float:
        return self.sigmas[0]

    @property
    def sigma_max(self) -> float:
        return self.sigmas[-1]

    @property
    def t_max(self) -> int:
        return len(self.sigmas) - 1

    def t_to_sigma(self, t: float) -> float:
        """σ at a timestep that need not be whole: linear in log σ between two; beyond the ends, the end's."""
        t = min(max(t, 0.0), float(self.t_max))
        low = min(int(t), self.t_max - 1)
        if t == low:
            return self.sigmas[low]
        if t == low + 1:
            return self.sigmas[low + 1]
        w = t - low
        return math.exp((1 - w) * self.log_sigmas[low] + w * self.log_sigmas[low + 1])

    def sigma_to_t(self, sigma: float) -> float:
        """The timestep, not rounded, whose σ this is (0 … T−1): inverse of ``t_to_sigma``, exact on whole timesteps."""
        if sigma <= self.sigma_min:
            return 0.0
        if sigma >= self.sigma_max:
            return float(self.t_max)
        high = bisect.bisect_left(self.sigmas, sigma)
        if self.sigmas[high] == sigma:
            return float(high)
        low_log, high_log = self.log_sigmas[high - 1], self.log_sigmas[high]
        return high - 1 + (math.log(sigma) - low_log) / (high_log - low_log)


@dataclass(frozen=True)
class ScheduleOptions:
    """What people may set about the sigmas, besides their number. 0 means: the scheduler's or the model's own."""

    sigma_min: float = 0.0
    sigma_max: float = 0.0
    rho: float = 0.0
    beta_alpha: float = 0.6  # of the Beta scheduler's distribution
    beta_beta: float = 0.6
    discard_next_to_last: bool = False  # always; some samplers do by themselves
    sdxl: bool = False  # which of the tables of Align Your Steps


def scaled_linear(first: float = 0.00085, last: float = 0.012, count: int = 1000) -> NoiseSchedule:
    """Betas linear in their square roots: what Stable Diffusion 1, 2 and XL were trained with (Rombach et al. 2022)."""
    betas = np.linspace(first**0.5, last**0.5, count) ** 2
    return NoiseSchedule(tuple(np.cumprod(1 - betas).tolist()))


def leading_sigmas(n: int, schedule: NoiseSchedule, options: ScheduleOptions) -> list[float]:
    """The σ of DDIM's timesteps as sd-webui counts them: every (1000 // n)-th from 1, the largest first.

    The steps go from one timestep to the one before and end at t = 1, not at σ = 0. There are ⌈1000 / (1000 // n)⌉
    timesteps and one step less: 20 → 20 timesteps, 19 steps; 30 → 31 and 30; 7 → 8 and 7. With n = 1 the stride of 1000
    leaves t = 1 alone, nothing to do and pure noise: we step to it from the last timestep instead.
    """
    count = len(schedule.sigmas)
    timesteps = [min(t + 1, schedule.t_max) for t in range(0, count, max(count // n, 1))]
    if len(timesteps) == 1:
        timesteps.append(schedule.t_max)
    return [schedule.sigmas[t] for t in reversed(timesteps)]


@dataclass(frozen=True)
class Prediction:
    """What a network wants to see and what it answers, as three functions of sigma.

    scale_in(sigma): factor of x for the network's input.
    x0(x, output, sigma): the denoised estimate from the network's output.
    start(sigma): factor of unit noise for the first x, when there is no picture under it.
    """

    name: str
    scale_in: Callable[[float], float]
    x0: Callable[[Tensor, Tensor, float], Tensor]
    start: Callable[[float], float]


EPSILON = Prediction(
    name="epsilon",
    scale_in=lambda sigma: 1 / math.sqrt(sigma**2 + 1),
    x0=lambda x, output, sigma: x - output * sigma,
    start=lambda sigma: sigma,
)
"""The network sees x_t and answers ε. sd-webui starts from σ·noise, as if nothing of a picture were left at σ_max."""
