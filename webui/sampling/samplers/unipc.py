"""UniPC: a predictor and a corrector of one form, from one call a step (Zhao et al. 2023, arXiv:2302.04867).

Multistep, in x0 ("data prediction"), with α = 1 and λ = −log σ. The corrector of a step calls the model where the
predictor landed; that estimate serves the next step as well, so correcting costs nothing. Up to third order; variants
B₁(h) = h, B₂(h) = e^h − 1 (section 3.1) and varying coefficients (appendix C).
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from webui.sampling.kinds import Denoise, Noise, Sampler, SamplerOptions
from webui.sampling.schedule import NoiseSchedule, ScheduleOptions, leading_sigmas

if TYPE_CHECKING:
    from torch import Tensor


def unipc(denoise: Denoise, x: Tensor, sigmas: list[float], noise: Noise, options: SamplerOptions) -> Tensor:
    steps = len(sigmas) - 1
    x0s: list[Tensor] = []  # the newest last
    for i, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        if i == 0:
            x0s.append(denoise(x, sigma).x0)
        if sigma_next == 0:  # infinitely far in λ: it lands on x0
            return x0s[-1]
        order = min(options.uni_pc_order, i + 1)
        if options.uni_pc_lower_order_final:
            order = min(order, steps - i)
        h = math.log(sigma / sigma_next)
        ratios = [math.log(sigma / sigmas[i - k]) / h for k in range(1, order)]  # (λ_{i−k} − λ_i) / h, negative
        base = x * (sigma_next / sigma) - x0s[-1] * math.expm1(-h)
        changes = [(x0s[-1 - k] - x0s[-1]) / ratio for k, ratio in enumerate(ratios, start=1)]
        x = _minus(base, changes, predictor(options.uni_pc_variant, ratios, h))
        if i + 1 < steps:
            x0s.append(denoise(x, sigma_next).x0)
            changes.append(x0s[-1] - x0s[-2])
            x = _minus(base, changes, corrector(options.uni_pc_variant, ratios, h))
    return x / math.hypot(1, sigmas[-1])


def _minus(x: Tensor, changes: list[Tensor], weights: list[float]) -> Tensor:
    for change, weight in zip(changes, weights, strict=True):
        x = x - change * weight
    return x


def predictor(variant: str, ratios: list[float], h: float) -> list[float]:
    """Weights of the differences to earlier estimates, each of which is divided by its ratio."""
    if len(ratios) == 1 and variant != "vary_coeff":
        return [_half_b(variant, h)]
    return _exact(ratios, h)


def corrector(variant: str, ratios: list[float], h: float) -> list[float]:
    """As ``predictor``, and last the weight of the difference that the call of this step makes."""
    if variant == "vary_coeff":
        return _varying_corrector(ratios, h) if ratios else _exact([1.0], h)
    return _exact([*ratios, 1.0], h) if ratios else [_half_b(variant, h)]


def _half_b(variant: str, h: float) -> float:
    """B/2: with one difference, a₁ = 1/2 is enough for the order, whatever B is (section 3.3)."""
    return (-h if variant == "bh1" else math.expm1(-h)) / 2


def _exact(nodes: list[float], h: float) -> list[float]:
    """The weights that make the step exact where x0 is a polynomial in λ: B·R⁻¹φ/B (eq. 5), of which B falls out."""
    if not nodes:
        return []
    right = [value * math.factorial(k) for k, value in enumerate(_phi(h, len(nodes)), start=1)]
    return np.linalg.solve(np.vander(nodes, increasing=True).T, right).tolist()


def _varying_corrector(ratios: list[float], h: float) -> list[float]:
    """As the authors' program, and so sd-webui, computes it: with one term of the last difference in the place of two.

    That costs the variant all of its order but the first, and pictures depend on it.
    """
    nodes = [*ratios, 1.0]
    derivatives = np.vander(nodes, increasing=True) / [math.factorial(k) for k in range(1, len(nodes) + 1)]
    inverse, phi, rows = np.linalg.inv(derivatives), _phi(h, len(nodes)), len(ratios)
    earlier = np.array(phi[:rows]) @ inverse[:rows, :rows]
    return [*earlier.tolist(), phi[-1] * float(inverse[rows - 1, -1])]


def _phi(h: float, count: int) -> list[float]:
    """z·φ_k(z) at z = −h for k = 2 … count + 1, where φ₁ = (e^z − 1)/z and φ_{k+1} = (φ_k − 1/k!)/z."""
    found, value = [], math.expm1(-h)
    for k in range(1, count + 1):
        value = value / -h - 1 / math.factorial(k)
        found.append(value)
    return found


def placed(n: int, schedule: NoiseSchedule, options: ScheduleOptions) -> list[float]:
    """As many steps as DDIM has timesteps, from the last timestep to the first, as ``uni_pc_skip_type`` spaces them.

    Between two timesteps log ᾱ is linear, as in the authors' program.
    """
    return between(float(schedule.t_max), len(leading_sigmas(n, schedule, options)), schedule, options)


def between(t: float, steps: int, schedule: NoiseSchedule, options: ScheduleOptions) -> list[float]:
    """``steps`` steps from timestep ``t`` to the first. A time is (timestep + 1) / their number, in (0, 1]."""
    count = len(schedule.sigmas)
    log_alphas = np.log(schedule.alphas_cumprod)

    def sigma(timesteps: np.ndarray) -> list[float]:
        return np.sqrt(np.expm1(-np.interp(timesteps, np.arange(count), log_alphas))).tolist()

    first, last = (t + 1) / count, 1 / count
    match options.uni_pc_skip_type:
        case "logSNR":
            return np.geomspace(sigma(np.array([t]))[0], schedule.sigma_min, steps + 1).tolist()
        case "time_quadratic":
            return sigma(np.linspace(first**0.5, last**0.5, steps + 1) ** 2 * count - 1)
        case _:
            return sigma(np.linspace(first, last, steps + 1) * count - 1)


def rest(left: list[float], schedule: NoiseSchedule, options: ScheduleOptions) -> list[float]:
    """As many steps as timesteps are left, from the first of those: as sd-webui runs it on a picture."""
    return between(schedule.sigma_to_t(left[0]), len(left), schedule, options)


UNIPC = Sampler(
    "UniPC",
    unipc,
    order=180,
    aliases=("unipc",),
    schedule=placed,
    rest=rest,
    uses=frozenset({"timesteps", "uni_pc"}),
)
