"""DDIM (Song et al. 2020, arXiv:2010.02502, eq. 12), written in x and σ.

With x = x_t/√ᾱ_t, the paper's step √ᾱ' x0 + √(1−ᾱ'−σ_t²) ε + σ_t z becomes x' = x0 + σ_down ε + σ_up z: an ancestral
step, with eta 0 by default. What sets this sampler apart are the timesteps it takes by itself (``leading_sigmas``), and
that it keeps the variance of x_t: where the sigmas end above 0, the result is √ᾱ x, as sd-webui decodes it.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

from webui.sampling.kinds import Denoise, Noise, Sampler, SamplerOptions
from webui.sampling.schedule import leading_sigmas
from webui.sampling.steps import ancestral

if TYPE_CHECKING:
    from torch import Tensor


def ddim(denoise: Denoise, x: Tensor, sigmas: list[float], noise: Noise, options: SamplerOptions) -> Tensor:
    for sigma, sigma_next in pairwise(sigmas):
        sigma_down, sigma_up = ancestral(sigma, sigma_next, options.eta)
        x0 = denoise(x, sigma).x0
        eps = (x - x0) / sigma
        x = x0 + eps * sigma_down
        if sigma_up > 0:
            x = x + noise(sigma, sigma_next) * sigma_up
    return x / math.hypot(1, sigmas[-1])


DDIM = Sampler(
    "DDIM",
    ddim,
    order=150,
    aliases=("ddim",),
    schedule=leading_sigmas,
    uses=frozenset({"eta", "timesteps"}),
    options=SamplerOptions(eta=0.0),
)
