"""LMS: linear multistep, fourth order from one call a step (Adams–Bashforth on uneven steps, as k-diffusion has it).

The slopes of the last four steps make a polynomial in σ, which is integrated over the step.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod, sqrt
from typing import TYPE_CHECKING

from webui.sampling.kinds import Denoise, Noise, Sampler, SamplerOptions

if TYPE_CHECKING:
    from torch import Tensor

ORDER = 4


def lms(denoise: Denoise, x: Tensor, sigmas: list[float], noise: Noise, options: SamplerOptions) -> Tensor:
    slopes: list[Tensor] = []  # the newest first
    for i, sigma_next in enumerate(sigmas[1:]):
        sigma = sigmas[i]
        slopes = [(x - denoise(x, sigma).x0) / sigma, *slopes[: ORDER - 1]]
        at = sigmas[i::-1][: len(slopes)]
        for slope, weight in zip(slopes, weights(at, sigma_next), strict=True):
            x = x + slope * weight
    return x


def weights(at: Sequence[float], end: float) -> list[float]:
    """What each of the values at ``at`` (four at most) adds to the integral from the first of them to ``end``.

    Exact for the polynomial through them: Gauss's rule with two nodes integrates cubics.
    """
    middle, half = (at[0] + end) / 2, (end - at[0]) / 2
    nodes = (middle - half / sqrt(3), middle + half / sqrt(3))

    def lagrange(j: int, sigma: float) -> float:
        return prod((sigma - other) / (at[j] - other) for k, other in enumerate(at) if k != j)

    return [half * sum(lagrange(j, node) for node in nodes) for j in range(len(at))]


LMS = Sampler("LMS", lms, order=80, aliases=("k_lms",))
