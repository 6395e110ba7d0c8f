"""DDIM CFG++: noise is added back as the negative prompt sees it (Chung et al. 2024, arXiv:2406.08070, algorithm 2).

x0 is guided and ε is not: the step stays on the manifold of noisy pictures. The paper's guidance λ lies in 0..1; as in
sd-webui it is the CFG scale divided by 12.5, so that the usual scales mean what people expect of them.
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

DIVISOR = 12.5  # of the CFG scale


def ddim_cfgpp(denoise: Denoise, x: Tensor, sigmas: list[float], noise: Noise, options: SamplerOptions) -> Tensor:
    for sigma, sigma_next in pairwise(sigmas):
        sigma_down, sigma_up = ancestral(sigma, sigma_next, options.eta)
        x0, uncond = denoise(x, sigma)
        if uncond is None:  # left out on purpose: the prompt's estimate stands for both
            uncond = x0
        x0 = uncond + (x0 - uncond) / DIVISOR  # guidance is linear in its scale
        x = x0 + (x - uncond) * (sigma_down / sigma)
        if sigma_up > 0:
            x = x + noise(sigma, sigma_next) * sigma_up
    return x / math.hypot(1, sigmas[-1])


DDIM_CFGPP = Sampler(
    "DDIM CFG++",
    ddim_cfgpp,
    order=160,
    aliases=("ddim_cfgpp",),
    schedule=leading_sigmas,
    uses=frozenset({"eta", "timesteps", "uncond"}),
    options=SamplerOptions(eta=0.0),
)
