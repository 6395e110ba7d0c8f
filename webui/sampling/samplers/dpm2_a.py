"""DPM2 a: a step of DPM-Solver-2 (Lu et al. 2022, arXiv:2206.00927) to less noise than wanted, then noise up to it."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from webui.sampling.kinds import Denoise, Noise, Sampler, SamplerOptions
from webui.sampling.steps import ancestral, dpm_solver_2

if TYPE_CHECKING:
    from torch import Tensor


def dpm2_a(denoise: Denoise, x: Tensor, sigmas: list[float], noise: Noise, options: SamplerOptions) -> Tensor:
    def slope(x: Tensor, sigma: float) -> Tensor:
        return (x - denoise(x, sigma).x0) / sigma

    for sigma, sigma_next in pairwise(sigmas):
        down, up = ancestral(sigma, sigma_next, options.eta)
        eps = slope(x, sigma)
        x = dpm_solver_2(slope, x, sigma, down, eps) if down > 0 else x - eps * sigma
        if up > 0:
            x = x + noise(sigma, sigma_next) * (options.s_noise * up)
    return x


DPM2_A = Sampler(
    "DPM2 a",
    dpm2_a,
    order=110,
    aliases=("k_dpm_2_a",),
    schedule="karras",
    uses=frozenset({"eta", "s_noise", "ensd", "second_order", "discard"}),
)
