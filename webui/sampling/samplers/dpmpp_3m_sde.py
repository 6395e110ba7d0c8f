"""DPM++ 3M SDE: as DPM++ 2M SDE, with the estimates of the two steps before: one call a step.

The multistep solver of three estimates of Lu et al. 2022 (arXiv:2211.01095) on the stochastic equation, as
k-diffusion has it. φ₂ and φ₃ are those of exponential integrators (Hochbruck & Ostermann 2010). The second divided
difference stands where the second derivative, twice as large, ought to: so the order without noise is 2, not 3. It is
so in the authors' program too, and pictures depend on it.
"""

from __future__ import annotations

from itertools import pairwise
from math import exp, expm1, log, sqrt
from typing import TYPE_CHECKING

from webui.sampling.kinds import Denoise, Noise, Sampler, SamplerOptions

if TYPE_CHECKING:
    from torch import Tensor


def dpmpp_3m_sde(denoise: Denoise, x: Tensor, sigmas: list[float], noise: Noise, options: SamplerOptions) -> Tensor:
    before: list[tuple[Tensor, float]] = []  # of the last two steps, the newer first: x0 and h
    for sigma, sigma_next in pairwise(sigmas):
        x0 = denoise(x, sigma).x0
        if sigma_next == 0:
            return x0
        h = log(sigma / sigma_next)
        h_eta = h * (1 + options.eta)
        x = x * exp(-h_eta) + x0 * -expm1(-h_eta) + _bend(x0, h, h_eta, before)
        if options.eta > 0:
            up = sigma_next * sqrt(-expm1(-2 * options.eta * h))
            x = x + noise(sigma, sigma_next) * (options.s_noise * up)
        before = [(x0, h), *before[:1]]
    return x


def _bend(x0: Tensor, h: float, h_eta: float, before: list[tuple[Tensor, float]]) -> Tensor | float:
    """What the slope, and the curvature, of x0 over λ add to the step."""
    if not before:
        return 0.0
    phi2 = 1 + expm1(-h_eta) / h_eta
    x01, h1 = before[0]
    slope1 = (x0 - x01) * (h / h1)
    if len(before) == 1:
        return slope1 * phi2
    x02, h2 = before[1]
    slope2 = (x01 - x02) * (h / h2)
    curvature = (slope1 - slope2) * (h / (h1 + h2))
    phi3 = phi2 / h_eta - 0.5
    return (slope1 + curvature * (h1 / h)) * phi2 - curvature * phi3


DPMPP_3M_SDE = Sampler(
    "DPM++ 3M SDE",
    dpmpp_3m_sde,
    order=50,
    aliases=("k_dpmpp_3m_sde",),
    schedule="exponential",
    uses=frozenset({"eta", "s_noise", "brownian", "discard"}),
)
