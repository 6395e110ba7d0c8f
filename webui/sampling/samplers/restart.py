"""Restart: Heun's steps down, then noise back up to σ = 2 and down again (Xu et al. 2023, arXiv:2306.14878).

Going back lets the noise wash out the errors so far. The paper tunes where and how often to each model; what is done
here is sd-webui's choice: from 20 steps on, one restart of 9 steps between the sigmas nearest to 2 and 0.1, from 36 on
two of a quarter of the steps each. They are taken from the steps asked for, and all lie as Karras et al. place them.
"""

from __future__ import annotations

from itertools import pairwise
from math import sqrt
from typing import TYPE_CHECKING

from webui.sampling.kinds import Denoise, Noise, Sampler, SamplerOptions
from webui.sampling.schedulers.karras import karras_sigmas

if TYPE_CHECKING:
    from torch import Tensor

LOW, HIGH = 0.1, 2.0


def restart(denoise: Denoise, x: Tensor, sigmas: list[float], noise: Noise, options: SamplerOptions) -> Tensor:
    reached = sigmas[0]
    for sigma, sigma_next in steps_of(sigmas):
        if sigma > reached:
            x = x + noise(reached, sigma) * sqrt(sigma**2 - reached**2)
        d = (x - denoise(x, sigma).x0) / sigma
        x_euler = x + d * (sigma_next - sigma)
        if sigma_next == 0:
            x = x_euler
        else:
            d_next = (x_euler - denoise(x_euler, sigma_next).x0) / sigma_next
            x = x + (d + d_next) / 2 * (sigma_next - sigma)
        reached = sigma_next
    return x


def steps_of(sigmas: list[float]) -> list[tuple[float, float]]:
    """All (sigma, sigma_next), restarts among them; one that begins above the end of the one before is a restart."""
    steps = len(sigmas) - 1
    if steps < 20:
        return list(pairwise(sigmas))
    each, times = (steps // 4, 2) if steps >= 36 else (9, 1)
    low, high = sigmas[-2], sigmas[0]
    if low == high:
        return list(pairwise(sigmas))
    main = [*karras_sigmas(steps - each * times, low, high), 0.0]
    top, bottom = _nearest(main, HIGH), _nearest(main, LOW)
    down = list(pairwise(main))
    if bottom <= top:
        return down
    again = list(pairwise([*karras_sigmas(each + 1, main[bottom], main[top])[:-1], main[bottom]]))
    return down[:bottom] + again * times + down[bottom:]


def _nearest(sigmas: list[float], wanted: float) -> int:
    return min(range(len(sigmas)), key=lambda i: abs(sigmas[i] - wanted))


def _calls(sigmas: list[float]) -> int:
    return sum(1 if sigma_next == 0 else 2 for _, sigma_next in steps_of(sigmas))


RESTART = Sampler(
    "Restart",
    restart,
    order=140,
    aliases=("restart",),
    schedule="karras",
    uses=frozenset({"second_order"}),
    count=_calls,
)
