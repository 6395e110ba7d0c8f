"""The normal numbers that a CUDA card draws, on any machine: Philox4x32-10 and Box–Muller.

Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3" (doi:10.1145/2063384.2063405): a keyed bijection of
128-bit counters. For each draw and element the counter is (draw, 0, element, 0), the key the 64-bit seed, and the first
two of the four resulting words become one normal number. Computed in double precision and rounded once: a card's own
single-precision sine and logarithm differ from it by some 1e-7.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
WEYL = (0x9E3779B9, 0xBB67AE85)  # the golden ratio and √3 − 1: the key's increments from round to round
ROUNDS = 10
LOW_WORD = np.uint64(0xFFFFFFFF)

Words = NDArray[np.uint64]  # 32-bit words, kept in 64 bits so that products fit


def philox(counter: tuple[Words, Words, Words, Words], key: tuple[int, int]) -> tuple[Words, Words, Words, Words]:
    """Ten rounds of Philox4x32: four words in, four words out, elementwise."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(ROUNDS):
        product0, product1 = c0 * MULTIPLIERS[0], c2 * MULTIPLIERS[1]
        c0, c1, c2, c3 = (
            (product1 >> np.uint64(32)) ^ c1 ^ np.uint64(k0),
            product1 & LOW_WORD,
            (product0 >> np.uint64(32)) ^ c3 ^ np.uint64(k1),
            product0 & LOW_WORD,
        )
        k0, k1 = (k0 + WEYL[0]) & 0xFFFFFFFF, (k1 + WEYL[1]) & 0xFFFFFFFF
    return c0, c1, c2, c3


class Generator:
    """A stream of normal numbers. Only how many draws came before counts, not their shapes."""

    def __init__(self, seed: int) -> None:
        """``seed``: taken modulo 2^64, as CUDA does."""
        self.key = (seed & 0xFFFFFFFF, seed >> 32 & 0xFFFFFFFF)
        self.draws = 0

    def randn(self, shape: tuple[int, ...]) -> NDArray[np.float32]:
        element = np.arange(math.prod(shape), dtype=np.uint64)
        draw, zero = np.full_like(element, self.draws), np.zeros_like(element)
        self.draws += 1
        x, y, _, _ = philox((draw, zero, element, zero), self.key)
        u, v = (x + 0.5) / 2**32, (y + 0.5) / 2**32  # in (0, 1): a word stands for the middle of its interval
        return (np.sqrt(-2 * np.log(u)) * np.sin(2 * math.pi * v)).reshape(shape).astype(np.float32)
