"""What several samplers do alike within a step."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from typing import TYPE_CHECKING, Any, overload

from webui.sampling.kinds import Noise, SamplerOptions

if TYPE_CHECKING:
    from torch import Tensor


@overload
def ancestral(sigma: float, sigma_next: float, eta: float) -> tuple[float, float]: ...
@overload
def ancestral(sigma: Tensor, sigma_next: Tensor, eta: float) -> tuple[Tensor, Tensor]: ...
def ancestral(sigma: Any, sigma_next: Any, eta: float) -> tuple[Any, Any]:
    """(sigma_down, sigma_up): step down to the first, add noise of the second, and be at sigma_next.

    sigma_down² + sigma_up² = sigma_next². With eta 1 the pair is DDPM's posterior, with eta 0 no noise is added.
    """
    sigma_up = min(sigma_next, eta * (sigma_next**2 * (sigma**2 - sigma_next**2) / sigma**2) ** 0.5)
    return (sigma_next**2 - sigma_up**2) ** 0.5, sigma_up


def churned(
    x: Tensor, sigma: float, sigma_next: float, steps: int, noise: Noise, options: SamplerOptions
) -> tuple[Tensor, float]:
    """(x, sigma) raised to more noise as ``s_churn`` asks (Karras et al. 2022, algorithm 2); unchanged if it is 0.

    Noise is drawn outside the limits too, as in k-diffusion, so that they do not shift what later steps are given.
    """
    gamma = min(options.s_churn / steps, sqrt(2) - 1)
    if gamma <= 0:
        return x, sigma
    eps = noise(sigma, sigma_next)
    if not options.s_tmin <= sigma <= options.s_tmax:
        return x, sigma
    sigma_hat = sigma * (1 + gamma)
    return x + eps * (options.s_noise * sqrt(sigma_hat**2 - sigma**2)), sigma_hat


Slope = Callable[["Tensor", float], "Tensor"]
"""(x, sigma) → eps = dx/dσ. One call of the model."""


def dpm_solver_2(slope: Slope, x: Tensor, sigma: float, sigma_next: float, eps: Tensor) -> Tensor:
    """x at sigma_next by DPM-Solver-2 (Lu et al. 2022, arXiv:2206.00927, algorithm 1).

    ``eps`` is the slope at (x, sigma). With α = 1 and λ = −log σ, whose step is h, σ'·(e^h − 1) becomes σ − σ'.
    """
    middle = sqrt(sigma * sigma_next)
    return x + slope(x + eps * (middle - sigma), middle) * (sigma_next - sigma)
