"""LCM: each call jumps to a picture, which is made noisy again (Luo et al. 2023, arXiv:2310.04378, algorithm 3).

For networks distilled to answer with the end of the path. They were taught at 50 of the 1000 timesteps and are told
the nearest of those, wherever a step lies (``taught``). Their boundary condition c_skip·x + c_out·x0 with time scaled
by ten differs from x0 by less than 7·10⁻⁶ of x at every one of these timesteps, and is left out.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from webui.sampling.kinds import Denoise, Noise, Sampler, SamplerOptions
from webui.sampling.schedule import NoiseSchedule, ScheduleOptions

if TYPE_CHECKING:
    from torch import Tensor

TAUGHT = 50  # timesteps


def lcm(denoise: Denoise, x: Tensor, sigmas: list[float], noise: Noise, options: SamplerOptions) -> Tensor:
    for sigma, sigma_next in pairwise(sigmas):
        x = denoise(x, sigma).x0
        if sigma_next > 0:
            x = x + noise(sigma, sigma_next) * sigma_next
    return x


def taught(schedule: NoiseSchedule) -> NoiseSchedule:
    """The timesteps that distillation used: every 20th of 1000, the last among them (19, 39 … 999)."""
    stride = max(len(schedule.alphas_cumprod) // TAUGHT, 1)
    return NoiseSchedule(schedule.alphas_cumprod[::-stride][::-1])


def placed(n: int, schedule: NoiseSchedule, options: ScheduleOptions) -> list[float]:
    """Evenly from the last of the taught timesteps to the first, then to 0, as sd-webui places them."""
    known = taught(schedule)
    return [*map(known.t_to_sigma, np.linspace(known.t_max, 0, n).tolist()), 0.0]


def nearest(schedule: NoiseSchedule, sigma: float) -> float:
    """The σ of the taught timestep nearest in log σ."""
    return min(taught(schedule).sigmas, key=lambda known: abs(np.log(known / sigma)))


LCM = Sampler(
    "LCM",
    lcm,
    order=190,
    aliases=("k_lcm",),
    schedule=placed,
    told=nearest,
)
