"""A Brownian path whose value at any time is the same however often, and in whatever order, it is asked for.

The numbers are those of torchsde's ``BrownianTree`` (Li et al. 2020, "Scalable Gradients for Stochastic Differential
Equations", arXiv:2001.01328, section 4), which k-diffusion's SDE samplers take their noise from. torchsde draws with
torch's generators only; sd-webui lets the picture's own source draw, and so do we: what a seed draws is handed in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

DIGITS = 6  # times are told apart to so many decimal places
POOL_SIZE = 24  # of the seed sequences
KEPT = 64  # increments: two descents through the tree


@dataclass(frozen=True)
class Piece:
    """The ``index``-th (from 0) of the 2^depth pieces that the whole is halved into."""

    start: float
    end: float
    depth: int = 0
    index: int = 0

    @property
    def middle(self) -> float:
        return round(0.5 * (self.end + self.start), DIGITS)

    def halves(self) -> tuple[Piece, Piece]:
        depth, index = self.depth + 1, 2 * self.index
        return Piece(self.start, self.middle, depth, index), Piece(self.middle, self.end, depth, index + 1)


class BrownianPath:
    """W(t) from ``start`` to ``end``. ``draw(seed)``: unit normal noise in the path's shape, the same for a seed.

    The whole's increment is drawn first, then that of each half given its parent's (a Brownian bridge), as far down as
    somebody asks. Each piece has a seed of its own, which depends on ``seed`` and its place alone.
    """

    def __init__(self, seed: int, start: float, end: float, draw: Callable[[int], Tensor]) -> None:
        self._seed, self._draw = seed, draw
        self._whole = Piece(round(start, DIGITS), round(end, DIGITS))
        first = np.random.SeedSequence(seed, pool_size=POOL_SIZE).generate_state(1)
        self._increment = draw(int(first[0])) * sqrt(end - start)
        self._left_halves: dict[Piece, Tensor] = {}  # the one used last comes last

    def between(self, start: float, end: float) -> Tensor:
        """W(end) − W(start). Raises ValueError outside the path, and where end comes before start."""
        start, end = round(start, DIGITS), round(end, DIGITS)
        if not self._whole.start <= start <= end <= self._whole.end:
            raise ValueError(f"{start} … {end} does not lie in {self._whole.start} … {self._whole.end}")
        total, pending = self._increment * 0, [(self._whole, self._increment)]
        while pending:
            piece, increment = pending.pop()
            if piece.end <= start or end <= piece.start:
                continue
            if start <= piece.start and piece.end <= end:
                total = total + increment
                continue
            left, right = piece.halves()
            of_left = self._of_left_half(piece, increment)
            pending += [(right, increment - of_left), (left, of_left)]
        return total

    def _of_left_half(self, piece: Piece, increment: Tensor) -> Tensor:
        found = self._left_halves.pop(piece, None)
        if found is None:
            left, right, part = piece.middle - piece.start, piece.end - piece.middle, 1 / (piece.end - piece.start)
            found = left * increment * part + sqrt(left * right * part) * self._draw(self._seed_of(piece))
            if len(self._left_halves) >= KEPT:
                del self._left_halves[next(iter(self._left_halves))]
        self._left_halves[piece] = found
        return found

    def _seed_of(self, piece: Piece) -> int:
        place = (piece.index, piece.depth)
        return int(np.random.SeedSequence(self._seed, spawn_key=place, pool_size=POOL_SIZE).generate_state(1)[0])
