"""One picture's latent, from its seed's noise to the end of the sigmas."""

from __future__ import annotations

import math
from typing import TypeVar

import torch
from torch import Tensor

from webui.sampling.guidance import Guided
from webui.sampling.kinds import Sampler, SamplerOptions
from webui.sampling.noise import ImageNoise
from webui.sampling.schedule import Prediction

C = TypeVar("C")


def start(sampler: Sampler, prediction: Prediction, noise: Tensor, sigma: float) -> Tensor:
    """x at the first sigma, from unit noise alone.

    A timestep sampler takes the noise itself for x_t, which is √(1 + σ²) of it in x; the others start from σ·noise.
    """
    return noise * (math.hypot(1, sigma) if "timesteps" in sampler.uses else prediction.start(sigma))


@torch.inference_mode()
def sample(
    guided: Guided[C],
    sampler: Sampler,
    sigmas: list[float],
    noise: ImageNoise,
    options: SamplerOptions | None = None,
) -> Tensor:
    """A latent (1, C, h, w), fp32, as the VAE expects it (but for its scaling factor).

    ``sigmas`` come from ``kinds.sigmas_for``; there is a step between each two of them. ``options`` None: the sampler's
    own. Raises ``guidance.Interrupted`` when asked to stop.
    """
    x = start(sampler, guided.prediction, noise.first(), sigmas[0])
    return sampler.run(guided, x, sigmas, lambda sigma, sigma_next: noise.next(), options or sampler.options)
