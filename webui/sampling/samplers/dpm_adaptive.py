"""DPM adaptive: DPM-Solver's steps of order 3, as long as their error allows (Lu et al. 2022, arXiv:2206.00927).

The difference to order 2 estimates the error (appendix C). A step with too large a one is tried again, shorter: nobody
knows beforehand how many there will be. The next length is k-diffusion's choice, an integral controller whose factor is
limited by an arctangent (Söderlind & Wang 2006, "Adaptive time-stepping and computational stability"). The number of
steps asked for counts for nothing, and as in sd-webui neither does ``s_noise``.
"""

from __future__ import annotations

from math import atan, isfinite, log
from typing import TYPE_CHECKING

from webui.sampling.dpm_solver import DpmSolver, lam, sigma, target
from webui.sampling.kinds import Denoise, Noise, Sampler, SamplerOptions

if TYPE_CHECKING:
    from torch import Tensor

RELATIVE, ABSOLUTE = 0.05, 0.0078  # tolerances; the latter is two of 255 grey levels in −1 … 1
FIRST_STEP = 0.05  # in λ
CLOSE = 1e-5  # in λ: the end is reached
SAFETY = 0.81  # a step is accepted if the next may have at least so much of its length


def dpm_adaptive(denoise: Denoise, x: Tensor, sigmas: list[float], noise: Noise, options: SamplerOptions) -> Tensor:
    if len(sigmas) < 2:
        return x
    solver = DpmSolver(denoise)
    at, end = lam(sigmas[0], x), lam(sigmas[-1] or sigmas[-2], x)
    h, x_before = FIRST_STEP, x
    while at < end - CLOSE:
        to = (at + h).minimum(end)
        down, up = target(at, to, end, options.eta)
        low, high = solver.third(x, at, down, solver.slope(x, at))
        error = _error(low, high, x_before)
        if not isfinite(error):  # no step would ever be short enough
            return high
        factor = _factor(error, 1.5 if options.eta else 3.0)
        h *= factor
        if factor >= SAFETY:
            x = high + up * noise(float(sigma(at)), float(sigma(to))) if up > 0 else high
            x_before, at = low, to
    return x


def _error(low: Tensor, high: Tensor, before: Tensor) -> float:
    """Root mean square of the error in units of the tolerance: 1 is just good enough."""
    allowed = (low.abs().maximum(before.abs()) * RELATIVE).clamp(min=ABSOLUTE)
    return float(((low - high) / allowed).norm() / low.numel() ** 0.5)


def _factor(error: float, order: float) -> float:
    """By how much the next step is longer, limited to 0.2 … 2.6."""
    return 1 + atan((1 / (error + 1e-8)) ** (1 / order) - 1)


def _estimate(sigmas: list[float]) -> int:
    """Some 20 steps of three calls over Stable Diffusion's whole range."""
    if len(sigmas) < 2:
        return 0
    return 3 * max(1, round(3.2 * log(sigmas[0] / (sigmas[-1] or sigmas[-2]))))


DPM_ADAPTIVE = Sampler(
    "DPM adaptive",
    dpm_adaptive,
    order=130,
    aliases=("k_dpm_ad",),
    uses=frozenset({"eta", "ensd", "adaptive"}),
    count=_estimate,
)
