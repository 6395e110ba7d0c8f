"""DPM2: second order, two calls a step, the second in the middle (Lu et al. 2022, arXiv:2206.00927, DPM-Solver-2).

Noise is churned in as in Karras et al. 2022, algorithm 2.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from webui.sampling.kinds import Denoise, Noise, Sampler, SamplerOptions
from webui.sampling.steps import churned, dpm_solver_2

if TYPE_CHECKING:
    from torch import Tensor


def dpm2(denoise: Denoise, x: Tensor, sigmas: list[float], noise: Noise, options: SamplerOptions) -> Tensor:
    def slope(x: Tensor, sigma: float) -> Tensor:
        return (x - denoise(x, sigma).x0) / sigma

    steps = len(sigmas) - 1
    for sigma, sigma_next in pairwise(sigmas):
        x, sigma_hat = churned(x, sigma, sigma_next, steps, noise, options)
        eps = slope(x, sigma_hat)
        if sigma_next == 0:  # the middle, of logarithms, is infinitely far
            return x - eps * sigma_hat
        x = dpm_solver_2(slope, x, sigma_hat, sigma_next, eps)
    return x


DPM2 = Sampler(
    "DPM2",
    dpm2,
    order=100,
    aliases=("k_dpm_2",),
    schedule="karras",
    uses=frozenset({"churn", "s_noise", "second_order", "discard"}),
)
