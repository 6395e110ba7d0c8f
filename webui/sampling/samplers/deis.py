"""DEIS: the last estimates of ε, extrapolated and integrated exactly (Zhang & Chen 2022, arXiv:2204.13902).

dx/dσ = ε, where σ is the paper's ρ. The polynomial through the last ε is in log σ, "log-ρ multistep", of the orders 1,
2 and 3 as history grows; the paper's other choices are ρ itself and t, of which the latter depends on the model.
"""

from __future__ import annotations

from collections import deque
from itertools import pairwise
from math import log
from typing import TYPE_CHECKING

import numpy as np

from webui.sampling.kinds import Denoise, Noise, Sampler, SamplerOptions

if TYPE_CHECKING:
    from torch import Tensor

ORDER = 3
POINTS = 16  # of the Gauss–Legendre rule: exact to rounding for steps of up to a factor of 1000


def deis(denoise: Denoise, x: Tensor, sigmas: list[float], noise: Noise, options: SamplerOptions) -> Tensor:
    slopes: deque[Tensor] = deque(maxlen=ORDER)  # the newest first
    places: deque[float] = deque(maxlen=ORDER)  # their log σ
    for sigma, sigma_next in pairwise(sigmas):
        x0 = denoise(x, sigma).x0
        if sigma_next == 0:  # log σ has no end there: a step of first order lands on x0
            return x0
        slopes.appendleft((x - x0) / sigma)
        places.appendleft(log(sigma))
        for slope, weight in zip(slopes, weights(list(places), log(sigma_next)), strict=True):
            x = x + slope * weight
    return x


def weights(places: list[float], end: float) -> list[float]:
    """∫ ℓ_j(u)·e^u du from places[0] to ``end``, u = log σ, ℓ_j Lagrange's polynomials on ``places``."""
    nodes, shares = np.polynomial.legendre.leggauss(POINTS)
    half = (end - places[0]) / 2
    u = places[0] + half * (nodes + 1)
    integrand = shares * half * np.exp(u)
    return [
        float(
            np.sum(integrand * np.prod([(u - other) / (place - other) for other in places if other != place], axis=0))
        )
        for place in places
    ]


DEIS = Sampler("DEIS", deis, order=210, aliases=("deis",))
