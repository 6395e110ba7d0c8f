"""Euler: first order, one call a step (Karras et al. 2022, algorithm 2 without its second-order correction)."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from webui.sampling.kinds import Denoise, Noise, Sampler, SamplerOptions
from webui.sampling.steps import churned

if TYPE_CHECKING:
    from torch import Tensor


def euler(denoise: Denoise, x: Tensor, sigmas: list[float], noise: Noise, options: SamplerOptions) -> Tensor:
    steps = len(sigmas) - 1
    for sigma, sigma_next in pairwise(sigmas):
        x, sigma_hat = churned(x, sigma, sigma_next, steps, noise, options)
        d = (x - denoise(x, sigma_hat).x0) / sigma_hat
        x = x + d * (sigma_next - sigma_hat)
    return x


EULER = Sampler("Euler", euler, order=70, aliases=("k_euler",), uses=frozenset({"churn", "s_noise"}))
