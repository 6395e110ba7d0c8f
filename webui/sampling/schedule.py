"""The noise a model was trained with: timesteps ↔ sigmas, and what its output means.

A model trained on x_t = √ᾱ_t·x0 + √(1−ᾱ_t)·ε (Ho et al. 2020, arXiv:2006.11239) is a denoiser of x = x0 + σ·ε with
σ_t = √((1−ᾱ_t)/ᾱ_t) and x = x_t/√ᾱ_t (Karras et al. 2022, appendix C). One trained on the straight line
x_t = (1−t)·x0 + t·ε (Liu et al. 2022, arXiv:2209.03003) is one too, with σ = t/(1−t) and x = x_t/(1−t).
Samplers work in x and σ only.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from webui.messages import Fault

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
    uni_pc_skip_type: str = "time_uniform"

    def limits(self, schedule: NoiseSchedule) -> tuple[float, float]:
        """(lowest, highest σ). Raises Fault ``sigma_limits`` where the one is not below the other."""
        low, high = self.sigma_min or schedule.sigma_min, self.sigma_max or schedule.sigma_max
        if low >= high:
            raise Fault("sigma_limits", low=f"{low:.4g}", high=f"{high:.4g}")
        return low, high


def scaled_linear(first: float = 0.00085, last: float = 0.012, count: int = 1000) -> NoiseSchedule:
    """Betas linear in their square roots: what Stable Diffusion 1, 2 and XL were trained with (Rombach et al. 2022)."""
    betas = np.linspace(first**0.5, last**0.5, count) ** 2
    return NoiseSchedule(tuple(np.cumprod(1 - betas).tolist()))


ZERO_SNR_ALPHA = 4.8973451890853435e-08
"""ᾱ of the last timestep where it ought to be 0, so that its σ is finite: 4518.8. The number is sd-webui's."""


def zero_terminal_snr(schedule: NoiseSchedule) -> NoiseSchedule:
    """The schedule with nothing of the picture left at the last timestep (Lin et al. 2023, arXiv:2305.08891).

    Algorithm 1: √ᾱ is shifted to end at 0 and scaled to begin where it did. The exact 0 is replaced, see above.
    """
    roots = np.sqrt(schedule.alphas_cumprod)
    rescaled = ((roots - roots[-1]) * (roots[0] / (roots[0] - roots[-1]))) ** 2
    return NoiseSchedule((*rescaled[:-1].tolist(), ZERO_SNR_ALPHA))


FLOW_T_MAX = 0.9999
"""t of pure noise. It ought to be 1, where σ is infinite; the x0 left in x_t is a ten-thousandth."""


def flow(shift: float = 1.0, count: int = 1000) -> NoiseSchedule:
    """Times t = 1/count … 1 of a rectified flow, shifted to t·s / (1 + (s−1)·t) (Esser et al. 2024, arXiv:2403.03206).

    ``shift`` s > 0; above 1 there is more noise at the same place in the list (section 5.3.2: larger pictures want it).
    """
    t = np.arange(1, count + 1) / count
    t = np.minimum(shift * t / (1 + (shift - 1) * t), FLOW_T_MAX)
    return NoiseSchedule((1 / (1 + (t / (1 - t)) ** 2)).tolist())


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
    """What a network wants to see and what it answers, as functions of sigma.

    scale_in(sigma): factor of x for the network's input.
    x0(x, output, sigma): the denoised estimate from the network's output.
    start(sigma): factor of unit noise for the first x, when there is no picture under it.
    timestep(schedule, sigma): the time the network is told.
    """

    name: str
    scale_in: Callable[[float], float]
    x0: Callable[[Tensor, Tensor, float], Tensor]
    start: Callable[[float], float]
    timestep: Callable[[NoiseSchedule, float], float] = NoiseSchedule.sigma_to_t


EPSILON = Prediction(
    name="epsilon",
    scale_in=lambda sigma: 1 / math.sqrt(sigma**2 + 1),
    x0=lambda x, output, sigma: x - output * sigma,
    start=lambda sigma: sigma,
)
"""The network sees x_t and answers ε. sd-webui starts from σ·noise, as if nothing of a picture were left at σ_max."""

V = Prediction(
    name="v",
    scale_in=EPSILON.scale_in,
    x0=lambda x, output, sigma: x / (sigma**2 + 1) - output * (sigma / math.sqrt(sigma**2 + 1)),
    start=EPSILON.start,
)
"""The network sees x_t and answers v = √ᾱ·ε − √(1−ᾱ)·x0 (Salimans & Ho 2022, arXiv:2202.00512, appendix D).

x0 = √ᾱ·x_t − √(1−ᾱ)·v stays exact where ᾱ goes to 0, as it does with zero terminal SNR; from ε it could not be told.
"""

FLOW = Prediction(
    name="flow",
    scale_in=lambda sigma: 1 / (1 + sigma),
    x0=lambda x, output, sigma: (x - output * sigma) / (1 + sigma),
    start=lambda sigma: sigma,
    timestep=lambda schedule, sigma: 1000 * sigma / (1 + sigma),
)
"""The network sees x_t, is told 1000·t and answers the velocity ε − x0 of a rectified flow: x0 = x_t − t·velocity.

A step of Euler, or any other that mixes x0 and ε, lands on the same x_t as the same step taken in t.
"""
