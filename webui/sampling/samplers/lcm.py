"""LCM: each call jumps to a picture, which is made noisy again (Luo et al. 2023, arXiv:2310.04378, algorithm 3).

For networks distilled to answer with the end of the path. They were taught at 50 of the 1000 timesteps, and are told
the nearest of those wherever a step lies.
"""

from __future__ import annotations

from itertools import pairwise
from math import log, sqrt
from typing import TYPE_CHECKING

import numpy as np

from webui.sampling.kinds import Denoise, Noise, Sampler, SamplerOptions
from webui.sampling.schedule import NoiseSchedule, ScheduleOptions

if TYPE_CHECKING:
    from torch import Tensor

TAUGHT = 50  # timesteps
SIGMA_DATA = 0.5
TIME_SCALE = 10.0


def lcm(denoise: Denoise, x: Tensor, sigmas: list[float], noise: Noise, options: SamplerOptions) -> Tensor:
    for sigma, sigma_next in pairwise(sigmas):
        c_skip, c_out = boundary(nearest(options.schedule, sigma))
        x = denoise(x, sigma).x0 * c_out + x * c_skip
        if sigma_next > 0:
            x = x + noise(sigma, sigma_next) * sigma_next
    return x


def boundary(t: int) -> tuple[float, float]:
    """(c_skip, c_out), which make the answer for t = 0 be x itself (eq. 9). At t = 19 it is x0 but for 7·10⁻⁶ of x."""
    scaled = TIME_SCALE * t
    whole = scaled**2 + SIGMA_DATA**2
    return SIGMA_DATA**2 / whole, scaled / sqrt(whole)


def taught(schedule: NoiseSchedule) -> range:
    """The timesteps that distillation used: every 20th of 1000, up to the last (19, 39 … 999)."""
    stride = max(len(schedule.sigmas) // TAUGHT, 1)
    return range(schedule.t_max, -1, -stride)[::-1]


def nearest(schedule: NoiseSchedule, sigma: float) -> int:
    """The taught timestep nearest in log σ."""
    return min(taught(schedule), key=lambda t: abs(schedule.log_sigmas[t] - log(sigma)))


def placed(n: int, schedule: NoiseSchedule, options: ScheduleOptions) -> list[float]:
    """Evenly from the last of the taught timesteps to the first, then to 0, as sd-webui places them.

    Between two of them log σ is linear.
    """
    known = [schedule.log_sigmas[t] for t in taught(schedule)]
    places = np.linspace(len(known) - 1, 0, n)
    return [*np.exp(np.interp(places, np.arange(len(known)), known)).tolist(), 0.0]


LCM = Sampler(
    "LCM",
    lcm,
    order=190,
    aliases=("k_lcm",),
    schedule=placed,
    told=lambda schedule, sigma: schedule.sigmas[nearest(schedule, sigma)],
)
