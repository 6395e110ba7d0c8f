"""Weighted pieces of text → chunks of 75 tokens, the length that CLIP reads at once."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from webui.prompt.attention import BREAK, Piece
from webui.prompt.tokens import TextTokenizer

CHUNK = 75  # and a start and an end token
COMMA_BACKTRACK = 20  # tokens


@dataclass(frozen=True)
class Chunk:
    """Start, 75 tokens, end, with the weight of each; what is left free is filled with end tokens of weight 1."""

    tokens: tuple[int, ...]  # 77 ids
    weights: tuple[float, ...]  # 77
    used: int  # 0 … 75: tokens of the text
    closed: bool  # nothing more fits in: another chunk or a BREAK follows


def into_chunks(pieces: Iterable[Piece], tokenizer: TextTokenizer, backtrack: int = COMMA_BACKTRACK) -> list[Chunk]:
    """At least one chunk.

    When one is full, what follows its last comma moves to the next, if that is at most ``backtrack`` tokens (0: never).
    """
    filling = _Filling(tokenizer, backtrack)
    for piece in pieces:
        if piece == BREAK:
            filling.close()
            continue
        for token in tokenizer(piece.text):
            filling.add(token, piece.weight)
    return filling.finish()


def shown(chunks: Iterable[Chunk]) -> tuple[int, int]:
    """What a token counter shows: tokens, counting closed chunks as full, and the multiple of 75 that they fill."""
    count = sum(CHUNK if chunk.closed else chunk.used for chunk in chunks)
    return count, math.ceil(max(count, 1) / CHUNK) * CHUNK


@dataclass
class _Filling:
    tokenizer: TextTokenizer
    backtrack: int
    done: list[Chunk] = field(default_factory=list)
    filled: list[tuple[int, float]] = field(default_factory=list)  # (token, weight) of the chunk being filled
    comma: int | None = None  # where its last comma is

    def add(self, token: int, weight: float) -> None:
        if token == self.tokenizer.comma:
            self.comma = len(self.filled)
        elif len(self.filled) == CHUNK and self.comma is not None and CHUNK - self.comma <= self.backtrack:
            moved = self.filled[self.comma + 1 :]
            del self.filled[self.comma + 1 :]
            self.close()
            self.filled = moved
        if len(self.filled) == CHUNK:
            self.close()
        self.filled.append((token, weight))

    def close(self, closed: bool = True) -> None:
        tokens, weights = [token for token, _ in self.filled], [weight for _, weight in self.filled]
        free = CHUNK - len(self.filled)
        self.done.append(
            Chunk(
                tokens=(self.tokenizer.bos, *tokens, *[self.tokenizer.eos] * (free + 1)),
                weights=(1.0, *weights, *[1.0] * (free + 1)),
                used=len(self.filled),
                closed=closed,
            )
        )
        self.filled, self.comma = [], None

    def finish(self) -> list[Chunk]:
        if self.filled or not self.done:
            self.close(closed=False)
        return self.done
