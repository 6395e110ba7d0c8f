"""DPM++ 2M SDE: DPM++ 2M on the stochastic equation (Lu et al. 2022, arXiv:2211.01095, SDE-DPM-Solver++(2M)).

Eta scales the noise as in ancestral samplers: with 0 it is the deterministic solver. The estimate of the step before
bends the step in one of two ways, "midpoint" (as in DPM++ 2M) or "Heun", which differ in third order.
"""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from math import exp, expm1, log, sqrt
from typing import TYPE_CHECKING

from webui.sampling.kinds import Denoise, Noise, Sampler, SamplerOptions

if TYPE_CHECKING:
    from torch import Tensor


def dpmpp_2m_sde(
    denoise: Denoise, x: Tensor, sigmas: list[float], noise: Noise, options: SamplerOptions, heun: bool = False
) -> Tensor:
    x0_before, h_before = None, 1.0
    for sigma, sigma_next in pairwise(sigmas):
        x0 = denoise(x, sigma).x0
        if sigma_next == 0:
            return x0
        h = log(sigma / sigma_next)
        h_eta = h * (1 + options.eta)
        x = x * exp(-h_eta) + x0 * -expm1(-h_eta)
        if x0_before is not None:
            bend = 1 + expm1(-h_eta) / h_eta if heun else -expm1(-h_eta) / 2
            x = x + (x0 - x0_before) * (bend * h / h_before)
        if options.eta > 0:
            up = sigma_next * sqrt(-expm1(-2 * options.eta * h))
            x = x + noise(sigma, sigma_next) * (options.s_noise * up)
        x0_before, h_before = x0, h
    return x


DPMPP_2M_SDE = Sampler(
    "DPM++ 2M SDE",
    dpmpp_2m_sde,
    order=20,
    aliases=("k_dpmpp_2m_sde",),
    schedule="exponential",
    uses=frozenset({"eta", "s_noise", "brownian"}),
)

DPMPP_2M_SDE_HEUN = Sampler(
    "DPM++ 2M SDE Heun",
    partial(dpmpp_2m_sde, heun=True),
    order=30,
    aliases=("k_dpmpp_2m_sde_heun",),
    schedule="exponential",
    uses=frozenset({"eta", "s_noise", "brownian"}),
)
