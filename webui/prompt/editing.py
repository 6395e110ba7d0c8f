"""Prompts that change while a picture is made: ``[from:to:when]`` and ``[one|other]``, as sd-webui reads them.

What may stand in such brackets is itself a whole prompt: brackets in pairs, at most one ``:`` within ``(…)``. Brackets
that are not so are plain text, and so are those around them, while those before, after and within them still count. A
``|`` that is in no brackets of its own, and a backslash with nothing to escape, make plain text of the whole.

Where brackets are left over, sd-webui's own answer may change from start to start (its parser's choice among readings
hangs on Python's hash seed). Ours is then the one of its answers in which every edit counts that can.

One pass over the text with a list of the brackets that are open, so the time is linear and no depth too deep.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from typing import NamedTuple, TypeAlias

_TOKEN = re.compile(
    r"(?:[^\\\[\]():|]++|\\.)++"
    r"|:\s*+[+-]?(?:[0-9]++(?:\.[0-9]*+)?|\.[0-9]++)(?:[eE][+-]?[0-9]++)?\s*+\]"  # when, closing its bracket
    r"|[\[\]():|\\]"
)
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
        return int(min(max(value, 0.0), self.length))


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
    whole, period, edits = _joined(reader.items), reader.period, sorted(reader.changes)
    ends = edits if period == 1 else sorted({*edits, *range(1, timing.length + 1)})
    states = [(step % period, bisect_left(edits, step)) for step in ends]  # what a text hangs on: many are the same
    texts: dict[tuple[int, int], str] = {}
    for step, state in zip(ends, states, strict=True):
        if state not in texts:
            texts[state] = _text_at(whole, step)
    return Schedule(tuple((step, texts[state]) for step, state in zip(ends, states, strict=True)))


class _Edited(NamedTuple):
    before: Section
    after: Section
    until: int

    def at(self, step: int) -> Section:
        return self.before if step <= self.until else self.after


class _Alternated(NamedTuple):
    choices: list[Section]

    def at(self, step: int) -> Section:
        return self.choices[(step - 1) % len(self.choices)]


Item: TypeAlias = "str | _Edited | _Alternated"
Section: TypeAlias = "str | list[Item]"  # a list where something in it changes


def _joined(items: list[Item]) -> Section:
    """With neighbouring texts made one."""
    if len(items) < 2:
        first = items[0] if items else ""
        return first if isinstance(first, str) else items
    joined: list[Item] = []
    for is_text, group in groupby(items, key=_is_text):
        run = list(group)
        joined += ["".join(map(str, run))] if is_text else run
    return _joined(joined) if len(joined) == 1 else joined


def _is_text(item: Item) -> bool:
    return isinstance(item, str)


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
    """A bracket that may still close, and the marks that part what is in it. Places are those in the reader's items."""

    bracket: str
    place: int
    colons: int = 0
    bars: int = 0
    marks: list[int] = field(default_factory=list)


class _Reader:
    """Tokens in; texts and what changes among them out."""

    def __init__(self, timing: Timing) -> None:
        self.timing = timing
        self.items: list[Item] = []
        self.changes: set[int] = set()  # the last steps of what is edited, and of the pass
        self.period = 1  # steps after which alternation is where it was
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
                self._open[-1].colons += 1
                self._open[-1].marks.append(len(self.items) - 1)
            case "|" if self._open and self._open[-1].bracket == "[":
                self._open[-1].bars += 1
                self._open[-1].marks.append(len(self.items) - 1)
            case "|" | "\\":
                self._literal = True
            case _ if token[0] == ":" and self._open:
                self._edit(token[1:-1].strip())

    def _close(self, token: str) -> None:
        opened = self._open.pop() if self._open else None
        if opened is None or opened.bracket != _PAIRS[token]:
            self._give_up(opened)
        elif opened.bars and not opened.colons:
            self.period = math.lcm(self.period, opened.bars + 1)
            self._replace(opened, _Alternated(self._sections(opened)))
        elif opened.colons > (opened.bracket == "("):
            self._give_up(opened)

    def _edit(self, when: str) -> None:
        """The brackets that are open last hold one text or two, and a number that says when."""
        opened = self._open.pop()
        if opened.bracket != "[" or opened.bars or opened.colons > 1:
            self._give_up(opened)
            return
        until = self.timing.until(when)
        *before, after = self._sections(opened)
        self._replace(opened, _Edited(before[0] if before else "", after, until))
        self.changes.add(until or self.timing.length)

    def _give_up(self, opened: _Open | None) -> None:
        """Brackets that are no pair, or no edit, are plain text: then those around them cannot be either."""
        self._literal = self.is_literal() or bool(opened and opened.bars)
        self._open.clear()

    def _sections(self, opened: _Open) -> list[Section]:
        """What lies between the marks, the last item being what closes."""
        edges = pairwise([opened.place, *opened.marks, len(self.items) - 1])
        return [_joined(self.items[start + 1 : end]) for start, end in edges]

    def _replace(self, opened: _Open, item: Item) -> None:
        self.changes.add(self.timing.length)
        self.items[opened.place :] = [item]
