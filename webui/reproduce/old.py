"""What texts of older programs mean, put into today's keys."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping

from webui.foreign.kinds import note
from webui.messages import Message
from webui.reproduce.origin import Origin

Fields = Mapping[str, str]
FIRST_PASS = ("First pass size-1", "First pass size-2")
NETWORK_HASH = re.compile(r"\([0-9a-fA-F]+\)$")
ADDITIONAL_NETWORKS = 5  # as many as that extension had
TIMESTEP_SAMPLERS = ("ddim", "plms")


def modern(prompt: str, fields: Fields) -> tuple[str, Fields]:
    """The prompt with networks as tags, and the fields without what is said differently today."""
    tags, used = _networks(fields)
    rest = {key: value for key, value in fields.items() if key not in used}
    return "\n".join(filter(None, (prompt, " ".join(tags)))), _first_pass(rest)


def _networks(fields: Fields) -> tuple[list[str], set[str]]:
    """Hypernetworks and the networks of the extension that came before <lora:…>, as tags; the keys they stood under."""
    tags: list[str] = []
    used: set[str] = set()
    if name := fields.get("Hypernet"):
        tags.append(f"<hypernet:{name}:{fields.get('Hypernet strength', '1.0')}>")
        used |= {"Hypernet", "Hypernet strength", "Hypernet hash"}
    for number in range(1, ADDITIONAL_NETWORKS + 1):
        if fields.get(f"AddNet Module {number}") == "LoRA" and (model := fields.get(f"AddNet Model {number}")):
            weight = fields.get(f"AddNet Weight A {number}", "1")
            tags.append(f"<lora:{NETWORK_HASH.sub('', model)}:{weight}>")
            keys = ("Module", "Model", "Weight A", "Weight B")
            used |= {f"AddNet {key} {number}" for key in keys} | {"AddNet Enabled"}
    return tags, used


def _first_pass(fields: Fields) -> Fields:
    """Texts from before 2023 name the final size, and the first pass's beside it (0×0: chosen by the program)."""
    first, size = ([fields.get(f"{name}-{axis}", "") for axis in (1, 2)] for name in ("First pass size", "Size"))
    rest = {key: value for key, value in fields.items() if key not in FIRST_PASS}
    if not all(text.isdecimal() and len(text) < 6 for text in (*first, *size)):
        return rest
    width, height = (int(text) for text in size)
    first_width, first_height = (int(text) for text in first)
    if not (first_width and first_height):
        if not (width and height):
            return rest
        first_width, first_height = first_pass_size(width, height)
    return {
        **rest,
        "Size-1": str(first_width), "Size-2": str(first_height),
        "Hires resize-1": str(width), "Hires resize-2": str(height),
    }  # fmt: skip


def first_pass_size(width: int, height: int) -> tuple[int, int]:
    """What sd-webui took before 2023: about 512×512 pixels in the final proportions, up to multiples of 64."""
    scale = math.sqrt(512 * 512 / (width * height))
    return math.ceil(scale * width / 64) * 64, math.ceil(scale * height / 64) * 64


def quirks(origin: Origin, prompts: str, fields: Fields) -> tuple[Fields, tuple[Message, ...]]:
    """Fields that an old version would write today, and what cannot be made as it was then."""
    more: dict[str, str] = {}
    if origin.before(1, 6) and "[" in prompts:
        more["Old prompt editing timelines"] = "True"
    if origin.before(1, 8) and "Refiner" in fields:
        more["Refiner switch by sampling steps"] = "True"
    return {**more, **fields}, tuple(_lost(origin, fields))


def _lost(origin: Origin, fields: Fields) -> Iterator[Message]:
    sampler = fields.get("Sampler", "").casefold()
    if origin.before(1, 6) and sampler in TIMESTEP_SAMPLERS:
        yield note("old_padding", sampler=fields["Sampler"])
    if origin.before(1, 7, 0, 225):
        yield note("old_precision")
