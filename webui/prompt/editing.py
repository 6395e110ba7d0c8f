"""Prompts that change while a picture is made: ``[from:to:when]`` and ``[one|other]``, as sd-webui reads them.

What may stand in such brackets is itself a whole prompt: brackets in pairs, at most one ``:`` within ``(…)``. Brackets
that are not so are plain text, and so are those around them, while those before, after and within them still count. A
``|`` that is in no brackets of its own, and a backslash with nothing to escape, make plain text of the whole.

One pass over the text with a list of the brackets that are open, so the time is linear and no depth too deep.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import NamedTuple, TypeAlias

_TOKEN = re.compile(r"(?:[^\\\[\]():|]++|\\.)++|[\[\]():|\\]")
_WHEN = re.compile(r"\s*([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)\s*")
_PAIRS = {")": "(", "]": "["}


class Timing(NamedTuple):
    """``steps``: the denoiser's calls in this pass. ``before``: those of the pass before it, None in the first.

    ``old``: as sd-webui did it before 1.6: a number below 1 is a share whether it has a point or not, and a second pass
    goes by the first one's numbers.
    """

    steps: int
    before: int | None = None
    old: bool = False

    @property
    def length(self) -> int:
        return self.before if self.old and self.before is not None else self.steps

    def until(self, when: str) -> int:
        """The last step of what comes before, 0 for none. The second pass counts on: 1.5 is half of it."""
        value = float(when)
        if self.old:
            value = value * self.length if value < 1 else value
        elif "." in when:
            value = (value - (self.before is not None)) * self.length
        else:
            value -= self.before or 0
        return int(min(max(value, 0.0), self.length)) if math.isfinite(value) else self.length * (value > 0)


class Schedule(NamedTuple):
    """``entries``: (last step, text), in order, the last being the pass's last step.

    ``lost``: there were edits in it, but the whole was taken as plain text.
    """

    entries: tuple[tuple[int, str], ...]
    lost: bool = False


def schedule(text: str, timing: Timing) -> Schedule:
    """Any text has one: never raises. One without edits is its only entry, letter by letter."""
    reader = _Reader(timing)
    for token in _TOKEN.findall(text) if "[" in text else ():
        reader.read(token)
    if reader.is_literal() or not reader.changes:
        return Schedule(((timing.length, text),), lost=bool(reader.changes))
    whole = _joined(reader.items)
    return Schedule(tuple((step, _text_at(whole, step)) for step in sorted({timing.length, *reader.changes})))


@dataclass(frozen=True, slots=True)
class _Edited:
    before: Section
    after: Section
    until: int

    def at(self, step: int) -> Section:
        return self.before if step <= self.until else self.after


@dataclass(frozen=True, slots=True)
class _Alternated:
    choices: list[Section]

    def at(self, step: int) -> Section:
        return self.choices[(step - 1) % len(self.choices)]


Item: TypeAlias = "str | _Edited | _Alternated"
Section: TypeAlias = "str | list[Item]"  # a list where something in it changes


def _joined(items: list[Item]) -> Section:
    """With neighbouring texts made one."""
    joined: list[Item] = []
    for is_text, group in groupby(items, key=lambda item: isinstance(item, str)):
        run = list(group)
        joined += ["".join(map(str, run))] if is_text else run
    first = joined[0] if joined else ""
    return first if len(joined) < 2 and isinstance(first, str) else joined


def _text_at(section: Section, step: int) -> str:
    texts: list[str] = []
    inside: list[Iterator[Item]] = [iter([section] if isinstance(section, str) else section)]
    while inside:
        for item in inside[-1]:
            chosen = item if isinstance(item, str) else item.at(step)
            if not isinstance(chosen, str):
                inside.append(iter(chosen))
                break
            texts.append(chosen)
        else:
            inside.pop()
    return "".join(texts)


@dataclass(slots=True)
class _Open:
    """A bracket that may still close. Places are those in the reader's items."""

    bracket: str
    place: int
    colons: list[int] = field(default_factory=list)
    bars: list[int] = field(default_factory=list)


class _Reader:
    """Tokens in; texts and what changes among them out."""

    def __init__(self, timing: Timing) -> None:
        self.timing = timing
        self.items: list[Item] = []
        self.changes: set[int] = set()  # steps after which something does
        self._open: list[_Open] = []
        self._literal = False

    def is_literal(self) -> bool:
        """Whether the whole is plain text after all."""
        return self._literal or any(opened.bars for opened in self._open)

    def read(self, token: str) -> None:
        self.items.append(token)
        match token:
            case "(" | "[":
                self._open.append(_Open(token, len(self.items) - 1))
            case ")" | "]":
                self._close(token)
            case ":" if self._open:
                self._open[-1].colons.append(len(self.items) - 1)
            case "|" if self._open and self._open[-1].bracket == "[":
                self._open[-1].bars.append(len(self.items) - 1)
            case "|" | "\\":
                self._literal = True
            case _:
                pass

    def _close(self, token: str) -> None:
        if not self._open or self._open[-1].bracket != _PAIRS[token]:
            self._give_up()
            return
        opened = self._open.pop()
        if opened.bars:
            self._literal |= bool(opened.colons)
            self._alternate(opened)
        elif opened.bracket == "(":
            if len(opened.colons) > 1:
                self._give_up()
        elif opened.colons and not self._edit(opened):
            self._give_up()

    def _give_up(self) -> None:
        """What is no pair, or no edit, is plain text: then those around it cannot be either."""
        self._literal = self.is_literal()
        self._open.clear()

    def _alternate(self, opened: _Open) -> None:
        self._replace(opened, _Alternated(self._sections(opened.place, opened.bars)))
        self.changes.update(range(1, self.timing.length + 1))

    def _edit(self, opened: _Open) -> bool:
        """Whether it is an edit: one text or two, and a number that says when."""
        last = self.items[opened.colons[-1] + 1 : -1]
        when = _WHEN.fullmatch(last[0]) if len(last) == 1 and isinstance(last[0], str) else None
        if when is None or len(opened.colons) > 2:
            return False
        before, after = ["", *self._sections(opened.place, opened.colons)][-3:-1]
        until = self.timing.until(when[1])
        self._replace(opened, _Edited(before, after, until))
        self.changes.add(until or self.timing.length)
        return True

    def _sections(self, place: int, marks: list[int]) -> list[Section]:
        edges = [place, *marks, len(self.items) - 1]
        return [_joined(self.items[start + 1 : end]) for start, end in zip(edges, edges[1:], strict=False)]

    def _replace(self, opened: _Open, item: Item) -> None:
        self.items[opened.place :] = [item]
