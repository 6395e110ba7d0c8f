"""The attention syntax of sd-webui: ``(more)``, ``[less]``, ``(exactly:1.3)``, ``\\(escaped\\)`` and ``BREAK``.

One pass over the text. What brackets weigh is kept as ranges over the pieces and multiplied at the end, range by range
in the order they close, so that weights come out with the same rounding as in sd-webui. With the depth capped no piece
lies in more than MAX_DEPTH ranges, and the time is linear in the length of the text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

import numpy as np

from webui.messages import Message

MAX_DEPTH = 64  # deeper brackets pair up but weigh nothing: 1.1 to the 64th is already 446
MORE, LESS = 1.1, 1 / 1.1

TOKEN = re.compile(
    r"\\[\\()\[\]]?"  # an escaped bracket; a backslash before anything else, and at the end, is dropped
    r"|:\s*[+-]?[.\d]+\s*\)"  # a weight, with the bracket that it closes
    r"|[()\[\]]"
    r"|[^\\()\[\]:]+|:"
)
BREAK_WORD = re.compile(r"\bBREAK\b")


class Piece(NamedTuple):
    """A stretch of text and what its words weigh; 1 is neutral."""

    text: str
    weight: float


BREAK = Piece("BREAK", -1.0)
"""Between two pieces: the text goes on in a new chunk. The word itself never stands in a piece with this weight."""


@dataclass(frozen=True)
class Parsed:
    """A text in pieces of equal weight, at least one, and what should be said about it."""

    pieces: tuple[Piece, ...]
    notes: tuple[Message, ...] = ()


def parse(text: str, sd_webui: bool = False) -> Parsed:
    """Any text has a meaning: never raises.

    With ``sd_webui`` a BREAK within brackets is not a break but its word, negatively weighted, as in sd-webui.
    """
    reader = _Reader()
    for token in TOKEN.findall(text):
        reader.read(token)
    reader.close_all()
    return reader.parsed(sd_webui)


class _Reader:
    """Tokens in; pieces, and the ranges that brackets make over them, out."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.breaks: list[int] = []  # which of the texts are the word BREAK
        self.opened: dict[str, list[int | None]] = {"(": [], "[": []}  # the first piece within; None: too deep to count
        self.ranges: list[tuple[int, int, float]] = []  # first piece, the one after the last, factor
        self.notes: dict[str, Message] = {}

    def read(self, token: str) -> None:
        match token[0]:
            case "\\":
                self.texts.append(token[1:])
            case "(" | "[":
                self.open(token)
            case ")" if self.opened["("]:
                self.close("(", MORE)
            case "]" if self.opened["["]:
                self.close("[", LESS)
            case ":" if len(token) > 1 and self.opened["("]:
                self.close_weighted(token)
            case _:
                self.plain(token)

    def plain(self, text: str) -> None:
        first, *rest = BREAK_WORD.split(text)  # the whitespace around BREAK goes with it
        self.texts.append(first.rstrip() if rest else first)
        for i, part in enumerate(rest, 1):
            self.breaks.append(len(self.texts))
            self.texts += ["BREAK", part.strip() if i < len(rest) else part.lstrip()]

    def open(self, bracket: str) -> None:
        if len(self.opened["("]) + len(self.opened["["]) < MAX_DEPTH:
            self.opened[bracket].append(len(self.texts))
        else:
            self.opened[bracket].append(None)
            self.note("prompt_too_deep", limit=MAX_DEPTH)

    def close(self, bracket: str, factor: float) -> None:
        first = self.opened[bracket].pop()
        if first is not None:
            self.ranges.append((first, len(self.texts), factor))

    def close_weighted(self, token: str) -> None:
        number = token[1:-1]
        weight = _finite(number)
        if weight is None:
            self.texts.append(token[:-1])
            self.note("prompt_not_a_weight", number=number)
        self.close("(", MORE if weight is None else weight)

    def close_all(self) -> None:
        """Unclosed brackets reach to the end of the text."""
        for bracket, factor in (("(", MORE), ("[", LESS)):
            while self.opened[bracket]:
                self.close(bracket, factor)

    def note(self, code: str, **params: object) -> None:
        """Each code once: the first is enough to find the others."""
        if code not in self.notes:
            self.notes[code] = Message(code=code, params=params)

    def parsed(self, sd_webui: bool) -> Parsed:
        weights = np.ones(len(self.texts))
        weights[self.breaks] = BREAK.weight
        with np.errstate(over="ignore", invalid="ignore"):
            for first, end, factor in self.ranges:
                weights[first:end] *= factor
        if not sd_webui and (weights[self.breaks] != BREAK.weight).any():
            weights[self.breaks] = BREAK.weight
            self.note("prompt_break_in_brackets")
        pieces = map(Piece, self.texts, np.nan_to_num(weights).tolist())
        return Parsed(tuple(_merged(pieces)) or (Piece("", 1.0),), tuple(self.notes.values()))


def _merged(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Neighbours of equal weight as one, breaks aside."""
    for (weight, is_break), group in groupby(pieces, key=lambda piece: (piece.weight, piece == BREAK)):
        if is_break:
            yield from group
        else:
            yield Piece("".join(piece.text for piece in group), weight)


def _finite(number: str) -> float | None:
    """The number, or None for the likes of ``1.1.1`` and for one too large to be held."""
    try:
        value = float(number)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
