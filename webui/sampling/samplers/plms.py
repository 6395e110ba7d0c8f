"""PLMS: Adams–Bashforth in ε, up to fourth order (Liu et al. 2022, "PNDM", arXiv:2202.09778, section 3.4).

The first steps have no history: the very first takes a second call at its end and the mean of both (pseudo improved
Euler), the next two are of second and third order. The coefficients are those of equal steps, whatever the steps are,
as in the paper; hence "pseudo". In x and σ the paper's transfer φ is x + (σ' − σ)·ε.
"""

from __future__ import annotations

import math
from collections import deque
from itertools import pairwise
from typing import TYPE_CHECKING

from webui.sampling.kinds import Denoise, Noise, Sampler, SamplerOptions
from webui.sampling.schedule import leading_sigmas

if TYPE_CHECKING:
    from torch import Tensor

ADAMS_BASHFORTH = (
    (1.0,),
    (3 / 2, -1 / 2),
    (23 / 12, -16 / 12, 5 / 12),
    (55 / 24, -59 / 24, 37 / 24, -9 / 24),
)  # of the newest first


def plms(denoise: Denoise, x: Tensor, sigmas: list[float], noise: Noise, options: SamplerOptions) -> Tensor:
    def slope(x: Tensor, sigma: float) -> Tensor:
        return (x - denoise(x, sigma).x0) / sigma

    history: deque[Tensor] = deque(maxlen=len(ADAMS_BASHFORTH))
    for sigma, sigma_next in pairwise(sigmas):
        history.appendleft(slope(x, sigma))
        first, *others = (e * w for e, w in zip(history, ADAMS_BASHFORTH[len(history) - 1], strict=True))
        eps = sum(others, first)
        if len(history) == 1 and sigma_next > 0:  # at σ = 0 there is no slope
            eps = (eps + slope(x + eps * (sigma_next - sigma), sigma_next)) / 2
        x = x + eps * (sigma_next - sigma)
    return x / math.hypot(1, sigmas[-1])


def count(sigmas: list[float]) -> int:
    """One call a step and one more in the first."""
    return len(sigmas) - 1 + (len(sigmas) > 1 and sigmas[1] > 0)


PLMS = Sampler(
    "PLMS",
    plms,
    order=170,
    aliases=("plms",),
    schedule=leading_sigmas,
    uses=frozenset({"timesteps"}),
    count=count,
)
