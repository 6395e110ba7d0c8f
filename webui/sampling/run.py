"""One picture's latent, from its seed's noise to the end of the sigmas."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TypeVar

import torch
from torch import Tensor

from webui.sampling.guidance import Guided
from webui.sampling.kinds import Noise, Sampler, SamplerOptions
from webui.sampling.noise import ImageNoise
from webui.sampling.schedule import Prediction

C = TypeVar("C")


def start(sampler: Sampler, prediction: Prediction, noise: Tensor, sigma: float, sgm_noise: bool = False) -> Tensor:
    """x at the first sigma, from unit noise alone.

    A timestep sampler takes the noise itself for x_t, which is √(1 + σ²) of it in x; the others start from σ·noise, or
    with ``sgm_noise`` from what Stability AI's generative-models starts from, √(1 + σ²) of it too.
    """
    whole = sgm_noise or "timesteps" in sampler.uses
    return noise * (math.hypot(1, sigma) if whole else prediction.start(sigma))


def start_from(init: Tensor, sampler: Sampler, noise: Tensor, sigma: float, noised: float) -> Tensor:
    """x at the first sigma, from a clean latent raised to ``noised``.

    The two sigmas differ for timestep samplers (``kinds.img2img_cut``), which take the x_t of the one for the other's.
    """
    x = init + noise * noised
    if "timesteps" in sampler.uses and noised != sigma:
        return x * (math.hypot(1, sigma) / math.hypot(1, noised))
    return x


def noise_of_steps(
    sampler: Sampler, noise: ImageNoise, sigmas: list[float], span: tuple[float, float] | None = None
) -> Noise:
    """What the sampler may draw on the way; ``span`` is the range of a Brownian path, by default that of ``sigmas``."""
    if "brownian" not in sampler.uses:
        return lambda sigma, sigma_next: noise.next()
    low, high = span or (min(filter(None, sigmas), default=0.0), max(sigmas))
    return noise.brownian(low, high)


@torch.inference_mode()
def sample(
    guided: Guided[C],
    sampler: Sampler,
    sigmas: list[float],
    noise: ImageNoise,
    options: SamplerOptions | None = None,
    init: Tensor | None = None,
    sgm_noise: bool = False,
    *,
    noised: float | None = None,
    span: tuple[float, float] | None = None,
) -> Tensor:
    """A latent (1, C, h, w), fp32, as the VAE expects it (but for its scaling factor).

    ``sigmas`` come from ``kinds.sigmas_for``; there is a step between each two of them. ``options`` None: the sampler's
    own. Raises ``guidance.Interrupted`` when asked to stop.

    With ``init``, a clean latent (1, C, h, w), the picture is made anew from that: ``sigmas``, ``noised`` and ``span``
    are those of a ``kinds.Cut``. Left out, ``noised`` is the first sigma and ``span`` the range of the sigmas.
    """
    unit = noise.first()
    if init is None:
        x = start(sampler, guided.prediction, unit, sigmas[0], sgm_noise)
    else:
        x = start_from(init, sampler, unit, sigmas[0], sigmas[0] if noised is None else noised)
    guided.follow(sampler)
    options = replace(options or sampler.options, schedule=guided.schedule)
    return sampler.run(guided, x, sigmas, noise_of_steps(sampler, noise, sigmas, span), options)
