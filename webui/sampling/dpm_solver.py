"""DPM-Solver's steps as the paper writes them, in λ = −log σ (Lu et al. 2022, arXiv:2206.00927; α = 1).

λ is a tensor of no dimension in x's precision, on the CPU. So k-diffusion has it, and so has it to be: the length of an
adaptive step hangs on the difference of two all but equal estimates, in single precision on their last bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from webui.sampling.kinds import Denoise
from webui.sampling.steps import ancestral

if TYPE_CHECKING:
    from torch import Tensor

HALF, THIRD, TWO_THIRDS = 1 / 2, 1 / 3, 2 / 3  # of the way


def lam(sigma: float, like: Tensor) -> Tensor:
    """λ of sigma, in the precision of ``like``."""
    return like.new_tensor(sigma, device="cpu").log().neg()


def sigma(at: Tensor) -> Tensor:
    """The inverse of ``lam``."""
    return at.neg().exp()


def target(at: Tensor, to: Tensor, end: Tensor, eta: float) -> tuple[Tensor, Tensor]:
    """(λ to step to, standard deviation of the noise to add) for arriving at ``to``, never beyond ``end``."""
    if not eta:
        return to, to * 0
    down, _ = ancestral(sigma(at), sigma(to), eta)
    beyond = down.log().neg().minimum(end)
    return beyond, (sigma(to) ** 2 - sigma(beyond) ** 2) ** 0.5


@dataclass(frozen=True)
class DpmSolver:
    """Steps from λ ``at`` to λ ``to``. ``eps`` is the slope at (x, ``at``): one model call, like every other slope."""

    denoise: Denoise

    def slope(self, x: Tensor, at: Tensor) -> Tensor:
        """dx/dσ, which in an exact model is the noise."""
        return (x - self.denoise(x, float(sigma(at))).x0) / sigma(at)

    def first(self, x: Tensor, to: Tensor, h: Tensor, eps: Tensor) -> Tensor:
        """DPM-Solver-1, which is DDIM. ``h`` is how far ``to`` is away."""
        return x - sigma(to) * h.expm1() * eps

    def second(self, x: Tensor, at: Tensor, to: Tensor, eps: Tensor) -> Tensor:
        """DPM-Solver-2 (algorithm 1)."""
        h = to - at
        middle = at + HALF * h
        eps1 = self.slope(self.first(x, middle, HALF * h, eps), middle)
        return self.first(x, to, h, eps) - sigma(to) / (2 * HALF) * h.expm1() * (eps1 - eps)

    def third(self, x: Tensor, at: Tensor, to: Tensor, eps: Tensor) -> tuple[Tensor, Tensor]:
        """(x of order 2, x of order 3) by DPM-Solver-3 (algorithm 2); how far they are apart tells the error."""
        h = to - at
        h1, h2 = THIRD * h, TWO_THIRDS * h
        at1, at2 = at + h1, at + h2
        eps1 = self.slope(self.first(x, at1, h1, eps), at1)
        bend = sigma(at2) * (TWO_THIRDS / THIRD) * (h2.expm1() / h2 - 1)
        eps2 = self.slope(self.first(x, at2, h2, eps) - bend * (eps1 - eps), at2)
        straight = self.first(x, to, h, eps)
        low = straight - sigma(to) / (2 * THIRD) * h.expm1() * (eps1 - eps)
        return low, straight - sigma(to) / TWO_THIRDS * (h.expm1() / h - 1) * (eps2 - eps)
