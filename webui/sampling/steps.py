"""What several samplers do alike within a step."""

from __future__ import annotations

from collections.abc import Callable
from math import expm1, log, sqrt
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


def dpm_solver_3(slope: Slope, x: Tensor, sigma: float, sigma_next: float, eps: Tensor) -> tuple[Tensor, Tensor]:
    """x at sigma_next of order 2 and of order 3, from the same slopes: DPM-Solver-3 (algorithm 2).

    The first is DPM-Solver-2 with its middle at a third; how far they are apart tells the error. Two calls.
    """
    r1, r2 = 1 / 3, 2 / 3
    h = log(sigma / sigma_next)
    sigma1, sigma2 = sigma * (sigma_next / sigma) ** r1, sigma * (sigma_next / sigma) ** r2
    eps1 = slope(x + eps * (sigma1 - sigma), sigma1)
    bend = sigma2 * (r2 / r1) * (expm1(r2 * h) / (r2 * h) - 1)
    eps2 = slope(x + eps * (sigma2 - sigma) - (eps1 - eps) * bend, sigma2)
    euler = x + eps * (sigma_next - sigma)
    low = euler + (eps1 - eps) * ((sigma_next - sigma) / (2 * r1))
    return low, euler - (eps2 - eps) * (sigma_next / r2 * (expm1(h) / h - 1))
