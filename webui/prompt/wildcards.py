"""Wildcards: ``__colour__`` becomes a random line of ``wildcards/colour.txt``, ``{red|green}`` one of its parts.

As in the sd-dynamic-prompts extension: ``{2::red|green}`` weighs, ``{2$$red|green|blue}`` takes two (``1-2`` a number
between), ``{2$$ and $$red|green}`` joins them by " and ". ``__clothes/*__`` takes any file that fits. What is drawn is
fixed when a job is submitted.
"""

from __future__ import annotations

import difflib
import fnmatch
import math
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from webui.messages import Message

MAX_DRAWS = 1000  # a line may name further wildcards, itself among them
MAX_LENGTH = 20_000  # characters of the result
MAX_FILE = 5_000_000  # bytes

TOKEN = re.compile(r"\\.|__(?P<name>(?=\S)[\w*?./\\ -]{1,200}?)__|[{}|]", re.DOTALL)
_COUNT = re.compile(r"(?P<low>\d{1,3})?(?P<range>-)?(?P<high>\d{1,3})?\$\$")
_WEIGHT = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)::")


@dataclass(frozen=True)
class Wildcards:
    """The lists there are, each read when it is first needed."""

    folder: Path

    @cached_property
    def files(self) -> Mapping[str, Path]:
        """By name: the path below the folder, without ".txt", with "/" whatever the system."""
        found = sorted(self.folder.rglob("*.txt")) if self.folder.is_dir() else []
        return {file.relative_to(self.folder).with_suffix("").as_posix(): file for file in found}

    def lines(self, name: str) -> list[str]:
        """What ``__name__`` may become; nothing when there is no such list. Lines with ``#`` in front are remarks."""
        wanted = name.strip().replace("\\", "/").lower()
        fitting = [file for known, file in self.files.items() if fnmatch.fnmatchcase(known.lower(), wanted)]
        return [line for file in fitting for line in _lines(file)]

    def nearest(self, name: str) -> list[str]:
        return difflib.get_close_matches(name[:100], list(self.files), n=3, cutoff=0.0)


def _lines(file: Path) -> list[str]:
    if file.stat().st_size > MAX_FILE:
        return []
    lines = (line.strip() for line in file.read_text(encoding="utf-8-sig", errors="replace").splitlines())
    return [line for line in lines if line and not line.startswith("#")]


@dataclass
class Draw:
    """One picture's draws, all from ``dice``, so that they can be made again. ``notes``: what could not be drawn."""

    wildcards: Wildcards
    dice: random.Random
    notes: dict[str, Message] = field(default_factory=dict)  # each wildcard once
    _left: int = MAX_DRAWS

    def text(self, text: str) -> str:
        """The text with every wildcard drawn. One whose list is not there stays as it is, and that is noted."""
        made = self._draw(text)
        while made != text and self._left > 0 and len(made) <= MAX_LENGTH and TOKEN.search(made):
            text, made = made, self._draw(made)
        return made[:MAX_LENGTH]

    def _draw(self, text: str) -> str:
        """One pass. Each level of braces is a list of alternatives, the text being gathered into the last one."""
        levels: list[list[str]] = [[""]]
        at = 0
        for token in TOKEN.finditer(text):
            levels[-1][-1] += text[at : token.start()]
            at = token.end()
            match token[0]:
                case "{":
                    levels.append([""])
                case "|" if len(levels) > 1:
                    levels[-1].append("")
                case "}" if len(levels) > 1:
                    alternatives = levels.pop()
                    levels[-1][-1] += self._choose(alternatives)
                case plain if token["name"] is None:
                    levels[-1][-1] += plain
                case whole:
                    levels[-1][-1] += self._line(token["name"], whole)
        levels[-1][-1] += text[at:]
        while len(levels) > 1:  # braces that nobody closed
            rest = levels.pop()
            levels[-1][-1] += "{" + "|".join(rest)
        return levels[0][0]

    def _line(self, name: str, whole: str) -> str:
        lines = self.wildcards.lines(name) if self._left > 0 else []
        self._left -= 1
        if lines:
            return lines[self._below(len(lines))]
        if name not in self.notes:
            nearest = self.wildcards.nearest(name)
            code = "unknown_wildcard" if nearest else "no_wildcards"
            self.notes[name] = Message(code=code, params={"name": name[:100], "nearest": nearest})
        return whole

    def _choose(self, alternatives: list[str]) -> str:
        count = _COUNT.match(alternatives[0])
        if len(alternatives) == 1 and not count:
            return "{" + alternatives[0] + "}"  # no choice: a brace is just a brace
        if not count:
            return self._pick(alternatives, 1)[0]
        joint, has_joint, first = alternatives[0][count.end() :].partition("$$")
        if not has_joint:
            joint, first = ", ", joint
        choices = [first, *alternatives[1:]]
        return joint.join(self._pick(choices, self._number(count, len(choices))))

    def _number(self, count: re.Match[str], most: int) -> int:
        low = int(count["low"] or (0 if count["range"] else 1))
        high = int(count["high"] or most) if count["range"] else low
        low, high = sorted((min(low, most), min(high, most)))
        return low + self._below(high - low + 1)

    def _pick(self, choices: list[str], count: int) -> list[str]:
        """``count`` different ones, by weight, in the order they are drawn."""
        left = [(_WEIGHT.sub("", choice, count=1), _weight(choice)) for choice in choices]
        picked: list[str] = []
        for _ in range(count):
            at = self.dice.random() * math.fsum(weight for _, weight in left)
            place = 0
            while place < len(left) - 1 and at >= left[place][1]:
                at -= left[place][1]
                place += 1
            picked.append(left.pop(place)[0])
        return picked

    def _below(self, limit: int) -> int:
        # random() alone is the same in every version of Python.
        return min(int(self.dice.random() * limit), limit - 1)


def _weight(choice: str) -> float:
    match = _WEIGHT.match(choice)
    return min(float(match[1]), 1e6) if match else 1.0
