"""The papers' formulas as printed: x_t goes along ᾱ. Each: (x_t at bars[0], bars, noise, options) → x_t at bars[-1].

Only Restart is printed in x and σ, the sigmas of Karras et al. 2022. λ = log(√ᾱ / √(1−ᾱ)), ρ = √(1−ᾱ) / √ᾱ.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from scipy.integrate import quad
from torch import Generator, Tensor

from tests.sampling.oracle_papers.network import CFG, SCHEDULE, epsilon, guided, randn_like, scaled
from webui.sampling.kinds import SamplerOptions


def ddim(x: Tensor, bars: list[float], noise: Generator, options: SamplerOptions) -> Tensor:
    """Song et al. 2020, arXiv:2010.02502, eq. 12 and 16."""
    for a, b in pairwise(bars):
        eps = scaled(x, a)
        std = options.eta * math.sqrt((1 - b) / (1 - a)) * math.sqrt(1 - a / b)
        x0 = (x - math.sqrt(1 - a) * eps) / math.sqrt(a)
        x = math.sqrt(b) * x0 + math.sqrt(1 - b - std**2) * eps
        if std > 0:
            x = x + std * randn_like(x, noise)
    return x


def ddim_cfgpp(x: Tensor, bars: list[float], noise: Generator, options: SamplerOptions) -> Tensor:
    """Chung et al. 2024, arXiv:2406.08070, algorithm 2, with λ = CFG scale / 12.5 and the noise of DDIM's eta."""
    for a, b in pairwise(bars):
        prompt, negative = epsilon(x, a)
        std = options.eta * math.sqrt((1 - b) / (1 - a)) * math.sqrt(1 - a / b)
        x0 = (x - math.sqrt(1 - a) * (negative + CFG / 12.5 * (prompt - negative))) / math.sqrt(a)
        x = math.sqrt(b) * x0 + math.sqrt(1 - b - std**2) * negative
        if std > 0:
            x = x + std * randn_like(x, noise)
    return x


def plms(x: Tensor, bars: list[float], noise: Generator, options: SamplerOptions) -> Tensor:
    """Liu et al. 2022, arXiv:2202.09778: transfer of eq. 11, coefficients of eq. 12, first step as in eq. 14's note."""

    def transfer(x: Tensor, eps: Tensor, a: float, b: float) -> Tensor:
        denominator = math.sqrt(a) * (math.sqrt((1 - b) * a) + math.sqrt((1 - a) * b))
        return math.sqrt(b) / math.sqrt(a) * x - (b - a) / denominator * eps

    e: list[Tensor] = []
    for a, b in pairwise(bars):
        e.append(scaled(x, a))
        match len(e):
            case 1:
                eps = (e[-1] + scaled(transfer(x, e[-1], a, b), b)) / 2
            case 2:
                eps = (3 * e[-1] - e[-2]) / 2
            case 3:
                eps = (23 * e[-1] - 16 * e[-2] + 5 * e[-3]) / 12
            case _:
                eps = (55 * e[-1] - 59 * e[-2] + 37 * e[-3] - 9 * e[-4]) / 24
        x = transfer(x, eps, a, b)
    return x


def restart(x: Tensor, sigmas: list[float], noise: Generator, options: SamplerOptions) -> Tensor:
    """Xu et al. 2023, arXiv:2306.14878, algorithm 1 with Heun's method, x at sigmas[0] → x at 0.

    Its constants are sd-webui's: how many restarts, of how many steps, and t_min and t_max near 0.1 and 2.
    """
    steps = len(sigmas) - 1
    each, times = (steps // 4, 2) if steps >= 36 else (9, 1) if steps >= 20 else (0, 0)
    main = [*_karras(sigmas[0], sigmas[-2], steps - each * times), 0.0]
    t_min, t_max = (min(main, key=lambda t, wanted=wanted: abs(t - wanted)) for wanted in (0.1, 2.0))
    for t, t_next in pairwise(main):
        x = _heun(x, t, t_next)
        for _ in range(times if t_next == t_min else 0):
            x = x + math.sqrt(t_max**2 - t_min**2) * randn_like(x, noise)
            for again, again_next in pairwise(_karras(t_max, t_min, each + 1)):
                x = _heun(x, again, again_next)
    return x


def _heun(x: Tensor, t: float, t_next: float) -> Tensor:
    """Karras et al. 2022, algorithm 1: one step of dx/dt = (x − D(x, t))/t."""
    d = (x - guided(x, t).x0) / t
    ahead = x + (t_next - t) * d
    if t_next == 0:
        return ahead
    return x + (t_next - t) * (d / 2 + (ahead - guided(ahead, t_next).x0) / (2 * t_next))


def _karras(high: float, low: float, count: int) -> list[float]:
    """Karras et al. 2022, eq. 5, ρ = 7."""
    return [(high ** (1 / 7) + i / (count - 1) * (low ** (1 / 7) - high ** (1 / 7))) ** 7 for i in range(count)]


def lcm(x: Tensor, bars: list[float], noise: Generator, options: SamplerOptions) -> Tensor:
    """Luo et al. 2023, arXiv:2310.04378, algorithm 3 and eq. 9, σ_data = 0.5, time scaled by 10 (their program).

    c_skip multiplies x_t/√ᾱ, as in sd-webui; the paper has x_t.
    """
    for a, b in pairwise(bars):
        t = _nearest_timestep(a, range(19, 1000, 20)) * 10
        x0 = (x - math.sqrt(1 - a) * scaled(x, a)) / math.sqrt(a)
        z = 0.25 / (t**2 + 0.25) * x / math.sqrt(a) + t / math.sqrt(t**2 + 0.25) * x0
        x = math.sqrt(b) * z + math.sqrt(1 - b) * randn_like(x, noise) if b < 1 else z
    return x


def tcd(x: Tensor, bars: list[float], noise: Generator, options: SamplerOptions) -> Tensor:
    """Zheng et al. 2024, arXiv:2402.19159, algorithm 4, for sigmas at whole timesteps, the s rounded down."""
    table = SCHEDULE.alphas_cumprod
    for a, b in pairwise(bars):
        eps = scaled(x, a)
        x0 = (x - math.sqrt(1 - a) * eps) / math.sqrt(a)
        if b == 1:
            return x0
        c = table[math.floor((1 - options.eta) * _nearest_timestep(b, range(1000)) + 1e-9)]
        x_s = math.sqrt(c) * x0 + math.sqrt(1 - c) * eps
        x = math.sqrt(b / c) * x_s
        if options.eta > 0:
            x = x + math.sqrt(1 - b / c) * randn_like(x, noise)
    return x


def deis(x: Tensor, bars: list[float], noise: Generator, options: SamplerOptions) -> Tensor:
    """Zhang & Chen 2022, arXiv:2204.13902, eq. 14 and 15 in ρ, Lagrange's polynomials in log ρ; order 1, 2, 3, 3 …"""
    rho = [math.sqrt((1 - bar) / bar) for bar in bars]
    e: list[Tensor] = []
    for i, (a, b) in enumerate(pairwise(bars)):
        e.insert(0, scaled(x, a))
        if b == 1:
            return (x - math.sqrt(1 - a) * e[0]) / math.sqrt(a)
        nodes = [math.log(rho[i - k]) for k in range(min(3, i + 1))]
        moved = x / math.sqrt(a)
        for j, eps in enumerate(e[: len(nodes)]):
            moved = (
                moved + eps * quad(lambda r, j=j, nodes=nodes: _lagrange(nodes, j, math.log(r)), rho[i], rho[i + 1])[0]
            )
        x = math.sqrt(b) * moved
    return x


def unipc(x: Tensor, bars: list[float], noise: Generator, options: SamplerOptions) -> Tensor:
    """Zhao et al. 2023, arXiv:2302.04867, data prediction (appendix A), predictor and corrector by their definition.

    Except where a₁ = 1/2 is set, their weights make the exponential integral of x0 exact for polynomials in λ: here
    they are that integral, taken numerically.
    """
    lam = [math.log(math.sqrt(bar) / math.sqrt(1 - bar)) if bar < 1 else math.inf for bar in bars]
    steps = len(bars) - 1
    m = [_data(x, bars[0])]  # the newest first
    for i in range(steps):
        if bars[i + 1] == 1:
            return m[0]
        order = min(options.uni_pc_order, i + 1)
        if options.uni_pc_lower_order_final:
            order = min(order, steps - i)
        nodes = [lam[i - k] for k in range(order)]
        start, step = x, (bars[i], bars[i + 1])
        x = _multistep(start, step, nodes, m, options.uni_pc_variant)
        if i + 1 < steps:
            m.insert(0, _data(x, bars[i + 1]))
            if options.uni_pc_variant == "vary_coeff" and order > 1:
                x = _varying_corrector(start, step, nodes, m)
            else:
                x = _multistep(start, step, [lam[i + 1], *nodes], m, options.uni_pc_variant)
    return x


def _data(x: Tensor, bar: float) -> Tensor:
    return (x - math.sqrt(1 - bar) * scaled(x, bar)) / math.sqrt(bar)


def _multistep(
    x: Tensor, step: tuple[float, float], nodes: Sequence[float], m: Sequence[Tensor], variant: str
) -> Tensor:
    """From ᾱ step[0] to step[1]; ``m`` are the estimates at the ``nodes``, of which one or two lie at the ends."""
    (a, b), (begin, end) = step, (_lambda(bar) for bar in step)
    h, ratio = end - begin, math.sqrt((1 - b) / (1 - a))
    if len(nodes) == 2 and variant != "vary_coeff":  # a₁ = 1/2
        big = {"bh1": -h, "bh2": math.expm1(-h)}[variant]
        here = 0 if nodes[0] == begin else 1
        there = 1 - here
        change = (m[there] - m[here]) / ((nodes[there] - begin) / h)
        return ratio * x - math.sqrt(b) * (math.expm1(-h) * m[here] + big / 2 * change)
    moved = ratio * x
    for j, estimate in enumerate(m[: len(nodes)]):
        weight = quad(lambda s, j=j: math.exp(s - end) * _lagrange(nodes, j, s), begin, end, epsabs=1e-13)[0]
        moved = moved + math.sqrt(b) * weight * estimate
    return moved


def _varying_corrector(x: Tensor, step: tuple[float, float], nodes: Sequence[float], m: Sequence[Tensor]) -> Tensor:
    """As in the authors' program (uni_pc.py, ``multistep_uni_pc_vary_update``), whose sums end one row early."""
    (a, b), (begin, end) = step, (_lambda(bar) for bar in step)
    h = end - begin
    ratios = [*((node - begin) / h for node in nodes[1:]), 1.0]
    changes = [
        (estimate - m[1]) / ratio for estimate, ratio in zip([*m[2 : len(nodes) + 1], m[0]], ratios, strict=True)
    ]
    count = len(ratios)
    inverse = np.linalg.inv([[ratio**k / math.factorial(k + 1) for k in range(count)] for ratio in ratios])

    def phi(k: int) -> float:
        """z·φ_k(z) at z = −h, where φ_k(z) = ∫₀¹ e^((1−s)z) s^(k−1)/(k−1)! ds."""
        value = quad(lambda s: math.exp(-(1 - s) * h) * s ** (k - 1) / math.factorial(k - 1), 0, 1, epsabs=1e-13)[0]
        return -h * value

    moved = math.sqrt((1 - b) / (1 - a)) * x - math.sqrt(b) * phi(1) * m[1]
    for k in range(count - 1):
        for j in range(count - 1):
            moved = moved - math.sqrt(b) * phi(k + 2) * inverse[k][j] * changes[j]
    return moved - math.sqrt(b) * phi(count + 1) * inverse[count - 2][count - 1] * changes[-1]


def _lambda(bar: float) -> float:
    return math.log(math.sqrt(bar) / math.sqrt(1 - bar))


def _lagrange(nodes: Sequence[float], j: int, at: float) -> float:
    return math.prod((at - other) / (nodes[j] - other) for k, other in enumerate(nodes) if k != j)


def _nearest_timestep(bar: float, timesteps: range) -> int:
    def log_sigma(bar: float) -> float:
        return math.log((1 - bar) / bar) / 2

    return min(timesteps, key=lambda t: abs(log_sigma(SCHEDULE.alphas_cumprod[t]) - log_sigma(bar)))
