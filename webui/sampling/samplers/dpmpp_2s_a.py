"""DPM++ 2S a: a step of DPM-Solver++(2S) to less noise than wanted, then fresh noise up to it.

Lu et al. 2022, arXiv:2211.01095, algorithm 1 with r = 1/2, α = 1 and λ = −log σ.
"""

from __future__ import annotations

from itertools import pairwise
from math import sqrt
from typing import TYPE_CHECKING

from webui.sampling.kinds import Denoise, Noise, Sampler, SamplerOptions
from webui.sampling.steps import ancestral

if TYPE_CHECKING:
    from torch import Tensor


def dpmpp_2s_a(denoise: Denoise, x: Tensor, sigmas: list[float], noise: Noise, options: SamplerOptions) -> Tensor:
    for sigma, sigma_next in pairwise(sigmas):
        down, up = ancestral(sigma, sigma_next, options.eta)
        x0 = denoise(x, sigma).x0
        if down > 0:
            middle = sqrt(sigma * down)
            x0 = denoise(x * (middle / sigma) + x0 * (1 - middle / sigma), middle).x0
        x = x * (down / sigma) + x0 * (1 - down / sigma)
        if up > 0:
            x = x + noise(sigma, sigma_next) * (options.s_noise * up)
    return x


DPMPP_2S_A = Sampler(
    "DPM++ 2S a",
    dpmpp_2s_a,
    order=40,
    aliases=("k_dpmpp_2s_a",),
    schedule="karras",
    uses=frozenset({"eta", "s_noise", "ensd", "second_order"}),
)
