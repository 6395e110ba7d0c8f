"""Heun: second order, two calls a step and one for the last (Karras et al. 2022, algorithm 2)."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from webui.sampling.kinds import Denoise, Noise, Sampler, SamplerOptions
from webui.sampling.steps import churned

if TYPE_CHECKING:
    from torch import Tensor


def heun(denoise: Denoise, x: Tensor, sigmas: list[float], noise: Noise, options: SamplerOptions) -> Tensor:
    steps = len(sigmas) - 1
    for sigma, sigma_next in pairwise(sigmas):
        x, sigma_hat = churned(x, sigma, sigma_next, steps, noise, options)
        d = (x - denoise(x, sigma_hat).x0) / sigma_hat
        x_euler = x + d * (sigma_next - sigma_hat)
        if sigma_next == 0:  # the slope there is 0/0
            return x_euler
        d_next = (x_euler - denoise(x_euler, sigma_next).x0) / sigma_next
        x = x + (d + d_next) / 2 * (sigma_next - sigma_hat)
    return x


HEUN = Sampler("Heun", heun, order=90, aliases=("k_heun",), uses=frozenset({"churn", "s_noise", "second_order"}))
