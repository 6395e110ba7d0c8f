"""The grammar of editing once more, plain and slow: tried at every place, and over again inside what it is part of."""

from __future__ import annotations

import functools
import re
from typing import Any

NUMBER = re.compile(r":\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*\]", re.ASCII)
PLAIN = re.compile(r"(?:[^\\\[\]():|]|\\.)+")

Items = tuple[Any, ...]  # texts, ("edit", before, after, number) and ("choice", one, other, …)
Found = tuple[int, Items] | None  # where it ends, and what it is


def schedule(text: str, steps: int, before: int | None, old: bool) -> list[tuple[int, str]]:
    items = Grammar(text).whole()
    clock = Clock(steps, before, old)
    if items is None:
        return [(clock.length, text)]
    return [(step, clock.text(items, step)) for step in sorted(clock.ends(items) | {clock.length})]


class Grammar:
    def __init__(self, text: str) -> None:
        self.text = text
        self.prompt = functools.cache(self._prompt)
        self.group = functools.cache(self._group)

    def whole(self) -> Items | None:
        """None for what is no such text at all."""
        items: list[Any] = []
        at = 0
        while at < len(self.text):
            at, more = self.prompt(at)
            items.extend(more)
            if at < len(self.text):
                if self.text[at] in "|\\":
                    return None
                items.append(self.text[at])
                at += 1
        return tuple(items)

    def _prompt(self, at: int) -> tuple[int, Items]:
        items: list[Any] = []
        while at < len(self.text):
            plain = PLAIN.match(self.text, at)
            found = (plain.end(), (plain[0],)) if plain else self.group(at)
            if found is None:
                break
            at, more = found
            items.extend(more)
        return at, tuple(items)

    def _group(self, at: int) -> Found:
        return {"(": self.round, "[": self.square}.get(self.text[at], lambda at: None)(at)

    def round(self, at: int) -> Found:
        end, first = self.prompt(at + 1)
        items = ("(", *first)
        if self.text.startswith(":", end):
            end, second = self.prompt(end + 1)
            items = (*items, ":", *second)
        return (end + 1, (*items, ")")) if self.text.startswith(")", end) else None

    def square(self, at: int) -> Found:
        end, first = self.prompt(at + 1)
        if self.text.startswith("]", end):
            return end + 1, ("[", *first, "]")
        if number := NUMBER.match(self.text, end):
            return number.end(), (("edit", (), first, number[1]),)
        if self.text.startswith(":", end):
            end, second = self.prompt(end + 1)
            number = NUMBER.match(self.text, end)
            return (number.end(), (("edit", first, second, number[1]),)) if number else None
        choices = [first]
        while self.text.startswith("|", end):
            end, more = self.prompt(end + 1)
            choices.append(more)
        good = len(choices) > 1 and self.text.startswith("]", end)
        return (end + 1, (("choice", *choices),)) if good else None


class Clock:
    def __init__(self, steps: int, before: int | None, old: bool) -> None:
        self.before, self.old = before, old
        self.length = before if old and before else steps

    def until(self, number: str) -> int:
        value = float(number)
        if self.old:
            value = value * self.length if value < 1 else value
        elif "." in number:
            value = (value - (self.before is not None)) * self.length
        else:
            value -= self.before or 0
        return min(self.length, int(value))

    def ends(self, items: Items) -> set[int]:
        found: set[int] = set()
        for kind, *rest in (item for item in items if isinstance(item, tuple)):
            found |= {self.until(rest[2])} if kind == "edit" else set(range(1, self.length + 1))
            found = found.union(*map(self.ends, rest[:2] if kind == "edit" else rest))
        return {step for step in found if step >= 1}

    def text(self, items: Items, step: int) -> str:
        return "".join(
            item if isinstance(item, str) else self.text(self.chosen(*item, step=step), step) for item in items
        )

    def chosen(self, kind: str, *rest: Any, step: int) -> Items:
        if kind == "choice":
            return rest[(step - 1) % len(rest)]
        return rest[0] if step <= self.until(rest[2]) else rest[1]
