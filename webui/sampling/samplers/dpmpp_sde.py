"""DPM++ SDE: two calls a step, the second in the middle, and Brownian noise to both (Lu et al. 2022, arXiv:2211.01095).

The single-step solver of second order, r = 1/2, on the stochastic equation: each half is an ancestral step in which the
exponential integrator takes Euler's place.
"""

from __future__ import annotations

from itertools import pairwise
from math import sqrt
from typing import TYPE_CHECKING

from webui.sampling.kinds import Denoise, Noise, Sampler, SamplerOptions
from webui.sampling.steps import ancestral

if TYPE_CHECKING:
    from torch import Tensor


def dpmpp_sde(denoise: Denoise, x: Tensor, sigmas: list[float], noise: Noise, options: SamplerOptions) -> Tensor:
    def to(x: Tensor, x0: Tensor, sigma: float, sigma_next: float) -> Tensor:
        down, up = ancestral(sigma, sigma_next, options.eta)
        x = x * (down / sigma) + x0 * (1 - down / sigma)
        return x + noise(sigma, sigma_next) * (options.s_noise * up) if up > 0 else x

    for sigma, sigma_next in pairwise(sigmas):
        x0 = denoise(x, sigma).x0
        if sigma_next > 0:
            middle = sqrt(sigma * sigma_next)
            x0 = denoise(to(x, x0, sigma, middle), middle).x0
        x = to(x, x0, sigma, sigma_next)
    return x


DPMPP_SDE = Sampler(
    "DPM++ SDE",
    dpmpp_sde,
    order=10,
    aliases=("k_dpmpp_sde",),
    schedule="karras",
    uses=frozenset({"eta", "s_noise", "second_order", "brownian"}),
)
