"""SD.Next: nearly sd-webui's text, under names of its own here and there."""

from __future__ import annotations

from dataclasses import replace

from webui.foreign.kinds import Foreign, Translated, note
from webui.infotext import ImageText, parse

APP = "SD.Next"
# By key in lower case, "-" as a blank.
KEYS = {
    "clip skip": "Clip skip",
    "cfg scale": "CFG scale",
    "scheduler": "Schedule type",
    "variation strength": "Variation seed strength",
    "hires strength": "Denoising strength",
    "hires scale": "Hires upscale",
    "hires cfg scale": "Hires CFG Scale",
    "refiner start": "Refiner switch at",
}
SAMPLERS = {"PNDM": "PLMS", "DPM SDE": "DPM++ SDE", "DPM++": "DPM++ 2M"}
# Of no bearing on the pixels, or said in ``notes``.
DROPPED = frozenset(
    {"App", "Backend", "Pipeline", "Parser", "Operations", "Comment", "Batch", "Index", "Version", "Time"}
)
TEXT_TO_PICTURE = ("txt2img", "none", "hires", "upscale")


def recognise(image: ImageText) -> bool:
    fields = parse(image.text).fields if APP in image.text else {}
    return fields.get("App") == APP


def read(image: ImageText) -> Translated:
    parsed = parse(image.text)
    fields = {
        KEYS.get(key.lower().replace("-", " "), key): value
        for key, value in parsed.fields.items()
        if key not in DROPPED
    }
    sampler = fields.get("Sampler", "")
    if sampler == "Default":
        del fields["Sampler"]
    elif sampler in SAMPLERS:
        fields["Sampler"] = SAMPLERS[sampler]
    operations = parsed.fields.get("Operations", "")
    others = [each for each in operations.replace(";", " ").replace(",", " ").split() if each not in TEXT_TO_PICTURE]
    as_sd_webui = parsed.fields.get("Parser", "").lower() == "a1111"
    notes = () if as_sd_webui else (note("sdnext_parser"),)
    if others:
        notes += (note("sdnext_operations", operations=others[:20]),)
    return Translated(replace(parsed, fields=fields), notes, exact=as_sd_webui)


SDNEXT = Foreign("sdnext", 20, recognise, read)
