"""Euler a: an Euler step to less noise than wanted, then fresh noise up to it (ancestral; DDPM when eta is 1).

As in sd-webui ``s_noise`` does not count here.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from webui.sampling.kinds import Denoise, Noise, Sampler, SamplerOptions
from webui.sampling.steps import ancestral

if TYPE_CHECKING:
    from torch import Tensor


def euler_a(denoise: Denoise, x: Tensor, sigmas: list[float], noise: Noise, options: SamplerOptions) -> Tensor:
    for sigma, sigma_next in pairwise(sigmas):
        sigma_down, sigma_up = ancestral(sigma, sigma_next, options.eta)
        d = (x - denoise(x, sigma).x0) / sigma
        x = x + d * (sigma_down - sigma)
        if sigma_up > 0:
            x = x + noise(sigma, sigma_next) * sigma_up
    return x


EULER_A = Sampler(
    "Euler a",
    euler_a,
    order=60,
    aliases=("k_euler_a", "k_euler_ancestral"),
    uses=frozenset({"eta", "ensd"}),
)
