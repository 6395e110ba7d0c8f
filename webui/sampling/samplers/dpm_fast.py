"""DPM fast: DPM-Solver's steps of order 3, evenly spaced in log σ (Lu et al. 2022, arXiv:2206.00927, "fast").

"Steps" are calls of the model: as many steps of order 3 as they pay for, then one or two smaller ones. With eta, each
goes to less noise than wanted and fresh noise is added.
"""

from __future__ import annotations

from itertools import pairwise
from math import sqrt
from typing import TYPE_CHECKING

from webui.sampling.kinds import Denoise, Noise, Sampler, SamplerOptions
from webui.sampling.steps import ancestral, dpm_solver_2, dpm_solver_3

if TYPE_CHECKING:
    from torch import Tensor


def dpm_fast(denoise: Denoise, x: Tensor, sigmas: list[float], noise: Noise, options: SamplerOptions) -> Tensor:
    def slope(x: Tensor, sigma: float) -> Tensor:
        return (x - denoise(x, sigma).x0) / sigma

    def towards(x: Tensor, sigma: float, down: float, order: int) -> Tensor:
        eps = slope(x, sigma)
        match order:
            case 3:
                return dpm_solver_3(slope, x, sigma, down, eps)[1]
            case 2:
                return dpm_solver_2(slope, x, sigma, down, eps)
            case _:
                return x + eps * (down - sigma)

    orders = orders_of(len(sigmas) - 1)
    if not orders:
        return x
    high, low = sigmas[0], sigmas[-1] or sigmas[-2]
    at = [high * (low / high) ** (i / len(orders)) for i in range(len(orders))] + [low]
    for (sigma, sigma_next), order in zip(pairwise(at), orders, strict=True):
        down = max(ancestral(sigma, sigma_next, options.eta)[0], low)
        x = towards(x, sigma, down, order)
        if down < sigma_next:
            up = sqrt(sigma_next**2 - down**2)
            x = x + noise(sigma, sigma_next) * (options.s_noise * up)
    return x


def orders_of(calls: int) -> list[int]:
    """Of the steps, each as many calls as its order."""
    threes, left = divmod(calls, 3)
    if left:
        return [3] * threes + [left]
    return [3] * (threes - 1) + [2, 1] if threes else []


DPM_FAST = Sampler(
    "DPM fast",
    dpm_fast,
    order=120,
    aliases=("k_dpm_fast",),
    uses=frozenset({"eta", "s_noise", "ensd", "adaptive"}),
)
