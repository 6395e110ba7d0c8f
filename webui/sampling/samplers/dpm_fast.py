"""DPM fast: DPM-Solver's steps of order 3, evenly spaced in log σ (Lu et al. 2022, arXiv:2206.00927, "fast").

"Steps" are calls of the model: as many steps of order 3 as they pay for, then one or two smaller ones. With eta, each
goes to less noise than wanted and fresh noise is added.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from webui.sampling.dpm_solver import DpmSolver, lam, sigma, target
from webui.sampling.kinds import Denoise, Noise, Sampler, SamplerOptions

if TYPE_CHECKING:
    from torch import Tensor


def dpm_fast(denoise: Denoise, x: Tensor, sigmas: list[float], noise: Noise, options: SamplerOptions) -> Tensor:
    orders = orders_of(len(sigmas) - 1)
    if not orders:
        return x
    solver = DpmSolver(denoise)
    start, end = lam(sigmas[0], x), lam(sigmas[-1] or sigmas[-2], x)
    places = [x.new_tensor(place, device="cpu") for place in np.linspace(float(start), float(end), len(orders) + 1)]
    for (at, to), order in zip(pairwise(places), orders, strict=True):
        down, up = target(at, to, end, options.eta)
        eps = solver.slope(x, at)
        match order:
            case 3:
                _, x = solver.third(x, at, down, eps)
            case 2:
                x = solver.second(x, at, down, eps)
            case _:
                x = solver.first(x, down, down - at, eps)
        if up > 0:
            x = x + up * options.s_noise * noise(float(sigma(at)), float(sigma(to)))
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
