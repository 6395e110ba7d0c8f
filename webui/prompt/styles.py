"""Styles: pieces of prompt under a name, kept in ``styles.csv`` as sd-webui keeps them.

A style's text goes after the prompt, or around it where it has ``{prompt}`` in it.
"""

from __future__ import annotations

import csv
import io
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from webui.files.write import write_atomic
from webui.messages import Fault

COLUMNS = ("name", "prompt", "negative_prompt")
PLACE = "{prompt}"
MAX_NAME = 1000  # characters


@dataclass(frozen=True)
class Style:
    name: str
    prompt: str = ""
    negative: str = ""


def apply(text: str, styles: Iterable[str]) -> str:
    """The text with the styles' texts put to it, one after the other."""
    for style in styles:
        if PLACE in style:
            text = style.replace(PLACE, text)
        else:
            text = ", ".join(filter(None, (text.strip(), style.strip())))
    return text


def take_out(style: Style, prompt: str, negative: str) -> tuple[str, str] | None:
    """Prompt and negative prompt without a style that was applied to both; None when it is not in them."""
    bare, bare_negative = _without(style.prompt, prompt), _without(style.negative, negative)
    if bare is None or bare_negative is None or not (style.prompt.strip() or style.negative.strip()):
        return None
    return bare, bare_negative


def _without(style: str, text: str) -> str | None:
    style = style.strip()
    if not style:
        return text
    before, has_place, after = style.partition(PLACE)
    if has_place:
        around = text.startswith(before) and text.endswith(after) and len(text) >= len(before) + len(after)
        return text[len(before) : len(text) - len(after)] if around else None
    if not text.endswith(style):
        return None
    bare = text[: -len(style)].rstrip()
    return bare.removesuffix(",") if bare != text else None


class StyleStore:
    """The file, read again whenever it has changed: people edit it by hand and in other programs."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._read_at: tuple[int, int] | None = None  # size and time of the file that was read
        self._styles: dict[str, Style] = {}

    def all(self) -> tuple[Style, ...]:
        with self._lock:
            return tuple(self._now().values())

    def texts(self, names: Sequence[str]) -> list[Style]:
        """Raises Fault ``unknown_style`` for the first that is not there."""
        with self._lock:
            known = self._now()
        for name in names:
            if name not in known:
                raise Fault("unknown_style", field="prompts.styles", name=name[:100], known=list(known)[:20])
        return [known[name] for name in names]

    def save(self, style: Style) -> None:
        """Add it, or put it in the place of the one of its name. Raises Fault ``style_name``."""
        name = style.name.strip()
        if not name or len(name) > MAX_NAME or any(ord(sign) < 32 for sign in name):
            raise Fault("style_name", field="name", limit=MAX_NAME)
        with self._lock:
            self._write({**self._now(), name: Style(name, style.prompt, style.negative)})

    def delete(self, name: str) -> None:
        with self._lock:
            self._write({other: style for other, style in self._now().items() if other != name})

    def _now(self) -> dict[str, Style]:
        try:
            stat = self._file.stat()
        except FileNotFoundError:
            self._read_at, self._styles = None, {}
            return self._styles
        if self._read_at != (stat.st_size, stat.st_mtime_ns):
            self._styles = _parse(self._file.read_bytes())
            self._read_at = (stat.st_size, stat.st_mtime_ns)
        return self._styles

    def _write(self, styles: dict[str, Style]) -> None:
        """The version before is kept as ``.bak``."""
        if self._file.is_file():
            write_atomic(self._file.with_name(self._file.name + ".bak"), self._file.read_bytes())
        text = io.StringIO(newline="")
        lines = csv.writer(text)
        lines.writerow(COLUMNS)
        lines.writerows((style.name, style.prompt, style.negative) for style in styles.values())
        write_atomic(self._file, text.getvalue().encode("utf-8-sig"))  # with a mark, as spreadsheets want it
        self._read_at = None


def _parse(content: bytes) -> dict[str, Style]:
    """The first of each name. Rows without a name are left out; old files call the prompt "text"."""
    rows = csv.DictReader(io.StringIO(content.decode("utf-8-sig", errors="replace"), newline=""))
    styles: dict[str, Style] = {}
    for row in rows:
        name = (row.get("name") or "").strip()
        if name:
            prompt = row.get("prompt") or row.get("text") or ""
            styles.setdefault(name, Style(name, prompt, row.get("negative_prompt") or ""))
    return styles
