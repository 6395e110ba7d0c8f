"""``<lora:name:0.8>``: additional networks named in a prompt, in sd-webui's syntax.

``<type:name:argument:…>``; an argument with one ``=`` in it has a name. Tags are taken out of the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

_START = re.compile(r"<(\w+):")


@dataclass(frozen=True)
class Network:
    """``arguments``: what stands after the name, piece by piece. ``text``: the whole tag."""

    type: str
    name: str
    arguments: tuple[str, ...] = ()
    text: str = ""

    @property
    def positional(self) -> tuple[str, ...]:
        return tuple(argument for argument in self.arguments if argument.count("=") != 1)

    @property
    def named(self) -> dict[str, str]:
        """The last of each name."""
        return dict(argument.split("=") for argument in self.arguments if argument.count("=") == 1)


class LoraWeights(NamedTuple):
    """How much of a LoRA goes to the text encoder and to the denoiser; ``dyn``: the rank it is cut to, None for all."""

    te: float = 1.0
    unet: float = 1.0
    dyn: int | None = None


def lora_weights(network: Network) -> LoraWeights:
    """``<lora:name:te:unet:dyn>``; a name goes before a place, and the denoiser's is the text encoder's by default.

    Raises ValueError for what is no number.
    """
    placed = dict(zip(("te", "unet", "dyn"), network.positional, strict=False)) | network.named
    te = float(placed.get("te", 1.0))
    return LoraWeights(te, float(placed.get("unet", te)), int(placed["dyn"]) if "dyn" in placed else None)


def extract(text: str) -> tuple[str, tuple[Network, ...]]:
    """The text without its tags, and the tags in order."""
    kept, networks, at = [], [], 0
    for start, end in _tags(text):
        kept.append(text[at:start])
        networks.append(_network(text[start:end]))
        at = end
    return "".join([*kept, text[at:]]), tuple(networks)


def _tags(text: str) -> Iterator[tuple[int, int]]:
    """(start, end) of ``<word:anything but ">">``. A search for ">" ends at a tag or ends them all: linear time."""
    at = 0
    while start := _START.search(text, at):
        closing = text.find(">", start.end())
        if closing < 0:
            return
        at = closing + 1
        if closing > start.end():
            yield start.start(), at


def _network(tag: str) -> Network:
    kind, name, *arguments = tag[1:-1].split(":")
    return Network(kind, name, tuple(arguments), tag)
