"""Whether a picture that was made again is the same, and if not, why: causes from the surest to the likeliest."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy

from webui.infotext import decode_picture
from webui.messages import Message
from webui.outputs import encode
from webui.record import Record, pixels_hash, text_hash
from webui.reproduce.past import Original, Past
from webui.reproduce.remake import settings_of
from webui.settings import Settings

LOSSY = ("JPEG", "WEBP", "AVIF", "GIF")
WEBP_HEAD = 100  # bytes in which the pixels' chunk begins
DECIBELS = 99.0  # said where the difference is too small for a figure


@dataclass(frozen=True)
class Verdict:
    """``lines``: the verdict in a sentence, then the causes."""

    equal: bool
    lines: tuple[Message, ...]

    @property
    def causes(self) -> tuple[str, ...]:
        return tuple(line.code.removeprefix("remake.") for line in self.lines[1:])


def verdict(original: Original, remade: bytes, record: Record) -> Verdict:
    """``remade``: the new file, of which ``record`` is the record."""
    before, now = pixels_of(original.data), pixels_of(remade)
    past, after = original.past, tuple(_after(original, before, record))
    if same(before, now):
        return Verdict(True, (_line("equal"), *(each for each in after if each.code == "remake.text_edited")))
    if past.encoded and is_lossy(original) and same(before, _encoded(now, past.encoded)):
        return Verdict(True, (_line("equal_encoded", format=original.image.format),))
    again = bool(past.pixels) and past.pixels == record.pixels  # as it was: what differs came later
    since = () if again else (*_models(past, record), *after, *_surely(original), *_maybe(past, record))
    gaps = (_line("no_record"), *past.gaps) if past.from_text else ()
    causes = (*(after if again else since), *gaps)
    return Verdict(False, (difference(before, now), *(causes or (_line("unknown"),))))


def pixels_of(data: bytes) -> numpy.ndarray:
    """(H, W, 3) uint8. Raises Fault."""
    return numpy.asarray(decode_picture(data).convert("RGB"))


def same(one: numpy.ndarray, other: numpy.ndarray) -> bool:
    return one.shape == other.shape and bool((one == other).all())


def is_lossy(original: Original) -> bool:
    """WebP has two ways to hold pixels; the one without losses calls its chunk VP8L."""
    kind = original.image.format
    return kind in LOSSY and not (kind == "WEBP" and b"VP8L" in original.data[:WEBP_HEAD])


def _encoded(pixels: numpy.ndarray, settings: Settings) -> numpy.ndarray:
    """What a file with the losses of its format shows of them."""
    return pixels_of(encode(pixels, "", settings).data)


def difference(before: numpy.ndarray, now: numpy.ndarray) -> Message:
    """How far apart two pictures are: peak signal-to-noise ratio in decibels, and the largest difference of a value."""
    if before.shape != now.shape:
        sizes = {name: f"{each.shape[1]}×{each.shape[0]}" for name, each in (("before", before), ("now", now))}
        return _line("other_size", **sizes)
    apart = numpy.abs(before.astype(int) - now)
    mean = float((apart**2).mean())
    decibels = 10 * math.log10(255**2 / mean) if mean else DECIBELS
    return _line("differs", decibels=f"{decibels:.1f}", largest=int(apart.max()))


def _after(original: Original, before: numpy.ndarray, record: Record) -> Iterator[Message]:
    """What was done to the file since it was made."""
    past = original.past
    if past.pixels and pixels_hash(before) != past.pixels:
        yield _line("edited_back" if record.pixels == past.pixels else "edited")
    if past.text and text_hash(original.image.text) != past.text:
        yield _line("text_edited")


def _models(past: Past, record: Record) -> Iterator[Message]:
    for role, was in past.files.items():
        if (file := record.files.get(role)) and file.sha256 != was.sha256:
            what = "vae" if role == "vae" else "model"
            yield _line(f"{what}_changed", name=file.name, was=was.sha256[:10], now=file.sha256[:10])


def _surely(original: Original) -> Iterator[Message]:
    """What else changes pixels for certain."""
    past = original.past
    if past.partial:
        yield _line("partial")
    for name, value in settings_of(past.settings, Settings())[1].items():
        yield _line("setting_unknown", name=name[:100], value=str(value)[:100])
    if is_lossy(original):
        yield _line("lossy", format=original.image.format)


def _maybe(past: Past, record: Record) -> Iterator[Message]:
    """Differences that may change pixels, a little or altogether."""
    if past.program and past.program != record.program:
        yield _line("version", was=past.program[:100], now=record.program)
    was, now = past.machine, record.machine
    if was is None:
        if not past.from_text:
            yield _line("no_machine")
        return
    if (was.device, was.name) != (now.device, now.name):
        yield _line("device", was=f"{was.device}: {was.name}"[:200], now=f"{now.device}: {now.name}")
    if was.torch != now.torch:
        yield _line("torch", was=was.torch[:100], now=now.torch)
    if was.precision != now.precision:
        yield _line("precision", was=was.precision, now=now.precision)
    if was.threads != now.threads and was.device == now.device:
        yield _line("threads", was=was.threads, now=now.threads)


def _line(code: str, **params: object) -> Message:
    return Message(code=f"remake.{code}", params=params)
