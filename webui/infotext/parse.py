"""A generation text → prompt, negative prompt and fields: what sd-webui's own reader makes of it, in linear time.

Its reader finds the pairs of the last line with a regular expression (``tests/test_infotext_parse.py`` has it), which
takes quadratic time on a long line without a colon. Here the colons are found first; the pairs are the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

PROMPT, NEGATIVE = "Prompt", "Negative prompt"
LEAST_PAIRS = 3  # with fewer, a last line is prompt
SIZE = re.compile(r"(\d+)x(\d+)$")
_KEY_BACKWARDS = re.compile(r"[\w \-/]*")
_FIRST_OF_A_KEY = re.compile(r"\w")
_BLANKS = re.compile(r"\s*")
_QUOTED = re.compile(r'"(?:[^\\"]++|\\.)++"(?=,|$)')


@dataclass(frozen=True)
class Parsed:
    """``fields`` as they stand in the text, unquoted; a size ``512x768`` under ``Key-1`` and ``Key-2``."""

    prompt: str = ""
    negative: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)


def parse(text: str) -> Parsed:
    """Reads any text; what is not understood is prompt. Blanks at the ends of the prompts' lines are lost."""
    *lines, last = text.strip().split("\n")
    found = list(pairs(last))
    if len(found) < LEAST_PAIRS:
        lines.append(last)
        found = []
    prompt, negative = _prompts(lines)
    fields = dict(_fields(found))
    prompt, negative = fields.pop(PROMPT, prompt), fields.pop(NEGATIVE, negative)
    return Parsed(prompt, negative, fields)


def pairs(line: str) -> Iterator[tuple[str, str]]:
    """(key, value as it stands there) of every pair in a line of parameters. Keys have two characters or more."""
    start = 0  # of what may belong to the next key
    while (colon := line.find(":", start)) >= 0:
        key = _key(line[start:colon]) if colon > start else ""
        start = colon + 1
        if key:
            begin = _end_of(_BLANKS, line, colon + 1)
            end = _end_of(_QUOTED, line, begin)
            if end == begin:  # not quoted, or more follows the quotation
                comma = line.find(",", begin)
                end = comma if comma >= 0 else len(line)
            yield key, line[begin:end]
            start = end + 1


def _key(text: str) -> str:
    """The end of ``text`` that can be a key; empty when there is none."""
    run = _end_of(_KEY_BACKWARDS, text[::-1], 0)
    first = _FIRST_OF_A_KEY.search(text, len(text) - run)
    key = text[first.start() :] if first else ""
    return key if len(key) >= 2 else ""


def _end_of(pattern: re.Pattern[str], line: str, begin: int) -> int:
    match = pattern.match(line, begin)
    return match.end() if match else begin


def _prompts(lines: list[str]) -> tuple[str, str]:
    parts: tuple[list[str], list[str]] = [], []
    here = parts[0]
    for line in lines:
        line = line.strip()
        if line.startswith(f"{NEGATIVE}:"):
            here = parts[1]
            line = line.removeprefix(f"{NEGATIVE}:").strip()
        if line or here:  # blank lines before the first of a prompt are none of its own
            here.append(line)
    prompt, negative = ("\n".join(part) for part in parts)
    return prompt, negative


def _fields(found: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    for key, raw in found:
        value = unquote(raw)
        size = SIZE.match(raw)
        if size:
            yield f"{key}-1", size[1]
            yield f"{key}-2", size[2]
        elif raw:
            yield key, value


def unquote(text: str) -> str:
    """The string that a JSON string stands for; what is none, as it is."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text
    try:
        value: str = json.loads(text)
    except ValueError:
        return text
    # Half of a character could not be stored.
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
