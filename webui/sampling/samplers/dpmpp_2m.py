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
    x0_before, h_before = None, 0.0
    for sigma, sigma_next in pairwise(sigmas):
        x0 = denoise(x, sigma).x0
        # The last step, to σ = 0, is infinitely long in λ: nothing can be extrapolated, and it lands on x0.
        h = log(sigma / sigma_next) if sigma_next > 0 else 0.0
        if x0_before is None or h == 0:
            D = x0
        else:
            r = h_before / h
            D = x0 * (1 + 1 / (2 * r)) - x0_before * (1 / (2 * r))
        ratio = sigma_next / sigma  # e^−h
        x = x * ratio + D * (1 - ratio)
        x0_before, h_before = x0, h
    return x


DPMPP_2M = Sampler("DPM++ 2M", dpmpp_2m, order=0, aliases=("k_dpmpp_2m",), schedule="karras")
