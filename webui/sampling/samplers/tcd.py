"""TCD: trajectory consistency distillation's own way (Zheng et al. 2024, arXiv:2402.19159, algorithm 4).

Each step goes down beyond the next timestep t', to s = (1 − γ)·t', and adds noise up to t'. γ is ``eta``: 0 adds none
(DDIM), 1 starts from a clean picture every time (as LCM does); 0.3 is the authors' choice. The s of whole timesteps is
rounded down to whole ones, as in the authors' program.
"""

from __future__ import annotations

from itertools import pairwise
from math import floor, sqrt
from typing import TYPE_CHECKING

from webui.sampling.kinds import Denoise, Noise, Sampler, SamplerOptions
from webui.sampling.samplers.lcm import TAUGHT, taught
from webui.sampling.schedule import NoiseSchedule, ScheduleOptions

if TYPE_CHECKING:
    from torch import Tensor


def tcd(denoise: Denoise, x: Tensor, sigmas: list[float], noise: Noise, options: SamplerOptions) -> Tensor:
    for sigma, sigma_next in pairwise(sigmas):
        sigma_down = below(sigma_next, options.eta, options.schedule)
        x0 = denoise(x, sigma).x0
        x = x0 + (x - x0) * (sigma_down / sigma)
        if sigma_next > sigma_down:
            x = x + noise(sigma, sigma_next) * sqrt(sigma_next**2 - sigma_down**2)
    return x


def below(sigma: float, gamma: float, schedule: NoiseSchedule) -> float:
    """σ at s = (1 − γ)·t, where t is the timestep of ``sigma``. Nothing is below the first timestep but σ = 0."""
    if gamma == 0 or sigma <= schedule.sigma_min:
        return sigma
    t = schedule.sigma_to_t(sigma)
    s = (1 - gamma) * t
    return schedule.t_to_sigma(floor(s + 1e-6) if t.is_integer() else s)


def placed(n: int, schedule: NoiseSchedule, options: ScheduleOptions) -> list[float]:
    """The first of n equal shares of the timesteps that distillation used, from the last down, then 0.

    More steps than there are such timesteps share all of the model's.
    """
    known = taught(schedule) if n <= TAUGHT else range(len(schedule.sigmas))
    return [*(schedule.sigmas[known[-1 - i * len(known) // n]] for i in range(n)), 0.0]


TCD = Sampler(
    "TCD",
    tcd,
    order=200,
    aliases=("tcd",),
    schedule=placed,
    uses=frozenset({"eta", "ensd"}),
    options=SamplerOptions(eta=0.3),
)
