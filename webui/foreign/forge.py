"""Forge and its kin: sd-webui's text, with a version and some keys of their own."""

from __future__ import annotations

import re
from dataclasses import replace

from webui.foreign.kinds import Foreign, Translated, note
from webui.infotext import ImageText, parse

VERSION = re.compile(
    r"f\d[\w.]*?(v\d+\.\d+\.\d+)|(?:neo|classic|reforge)\b", re.IGNORECASE
)  # f2.0.1v1.10.1-previous-669
OWN = re.compile(r"(Hires )?(Distilled CFG Scale|Module \d+)|Diffusion in Low Bits")
SAME = ("Use same choices", "Built-in", "Automatic")
PLAIN = {"Diffusion in Low Bits": ("Automatic", "Automatic (fp16 LoRA)")}


def recognise(image: ImageText) -> bool:
    if not image.text:
        return False
    fields = parse(image.text).fields
    return bool(VERSION.match(fields.get("Version", ""))) or any(OWN.fullmatch(key) for key in fields)


def read(image: ImageText) -> Translated:
    parsed = parse(image.text)
    fields = {key: value for key, value in parsed.fields.items() if not OWN.fullmatch(key)}
    base = VERSION.match(fields.get("Version", ""))
    if base:
        fields["Version"] = base[1] or ""
    own = {key: value for key, value in parsed.fields.items() if OWN.fullmatch(key)}
    modules = [key for key in own if key.startswith("Module ")]
    if len(modules) == 1 and "VAE" not in fields:  # with an SD 1.x or XL checkpoint the only module is its VAE
        fields["VAE"] = own.pop(modules[0])
    left = [f"{key}: {value}"[:100] for key, value in own.items() if value not in (*SAME, *PLAIN.get(key, ()))]
    notes = (note("not_applied", program="Forge", fields=left[:20]),) if left else ()
    return Translated(replace(parsed, fields=fields), notes, exact=True)


FORGE = Foreign("forge", 10, recognise, read)
