"""What several samplers do alike within a step."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING

from webui.sampling.kinds import Noise, SamplerOptions

if TYPE_CHECKING:
    from torch import Tensor


def ancestral(sigma: float, sigma_next: float, eta: float) -> tuple[float, float]:
    """(sigma_down, sigma_up): step down to the first, add noise of the second, and be at sigma_next.

    sigma_down² + sigma_up² = sigma_next². With eta 1 the pair is DDPM's posterior, with eta 0 no noise is added.
    """
    sigma_up = min(sigma_next, eta * sqrt(sigma_next**2 * (sigma**2 - sigma_next**2) / sigma**2))
    return sqrt(sigma_next**2 - sigma_up**2), sigma_up


def churned(
    x: Tensor, sigma: float, sigma_next: float, steps: int, noise: Noise, options: SamplerOptions
) -> tuple[Tensor, float]:
    """(x, sigma) raised to more noise as ``s_churn`` asks (Karras et al. 2022, algorithm 2); unchanged if it is 0."""
    if not options.s_tmin <= sigma <= options.s_tmax:
        return x, sigma
    gamma = min(options.s_churn / steps, sqrt(2) - 1)
    if gamma <= 0:
        return x, sigma
    sigma_hat = sigma * (1 + gamma)
    return x + noise(sigma, sigma_next) * (options.s_noise * sqrt(sigma_hat**2 - sigma**2)), sigma_hat
