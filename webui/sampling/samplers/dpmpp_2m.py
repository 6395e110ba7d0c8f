"""DPM++ 2M: second order from one call a step and the estimate of the step before (Lu et al. 2022, arXiv:2211.01095).

DPM-Solver++(2M), algorithm 2, with α = 1 and λ = −log σ.
"""

from __future__ import annotations

from itertools import pairwise
from math import log
from typing import TYPE_CHECKING

from webui.sampling.kinds import Denoise, Noise, Sampler, SamplerOptions

if TYPE_CHECKING:
    from torch import Tensor


def dpmpp_2m(denoise: Denoise, x: Tensor, sigmas: list[float], noise: Noise, options: SamplerOptions) -> Tensor:
    x0_before, sigma_before = None, sigmas[0]
    for sigma, sigma_next in pairwise(sigmas):
        D = x0 = denoise(x, sigma).x0
        if x0_before is not None and sigma_next > 0:  # to σ = 0 the step in λ is infinitely long: it lands on x0
            r = log(sigma_before / sigma) / log(sigma / sigma_next)
            D = x0 * (1 + 1 / (2 * r)) - x0_before * (1 / (2 * r))
        ratio = sigma_next / sigma  # e^−h
        x = x * ratio + D * (1 - ratio)
        x0_before, sigma_before = x0, sigma
    return x


DPMPP_2M = Sampler("DPM++ 2M", dpmpp_2m, order=0, aliases=("k_dpmpp_2m",), schedule="karras")
