"""NovelAI: a JSON object in the chunk ``Comment``, the prompt in ``Description``; {more} and [less] by 5 %."""

from __future__ import annotations

import re
from typing import Any

from webui.foreign.kinds import Foreign, Translated, escaped, note, object_of, part_of, weighted, written
from webui.infotext import ImageText, Parsed

STEP = 1.05
MAX_LEVEL = 40  # 1.05 to the 40th is 7
TOKEN = re.compile(r"-?\d+(?:\.\d+)?::|::|[{}\[\]]|(?:(?!-?\d+(?:\.\d+)?::|::)[^{}\[\]])+")
SAMPLERS = {
    "k_euler": "Euler",
    "k_euler_ancestral": "Euler a",
    "k_dpmpp_2m": "DPM++ 2M",
    "k_dpmpp_2m_sde": "DPM++ 2M SDE",
    "k_dpmpp_sde": "DPM++ SDE",
    "k_dpmpp_2s_ancestral": "DPM++ 2S a",
    "k_dpm_2": "DPM2",
    "k_dpm_2_ancestral": "DPM2 a",
    "k_dpm_fast": "DPM fast",
    "k_dpm_adaptive": "DPM adaptive",
    "k_heun": "Heun",
    "k_lms": "LMS",
    "plms": "PLMS",
    "ddim": "DDIM",
    "ddim_v3": "DDIM",
}
SCHEDULES = {
    "native": "Uniform",
    "karras": "Karras",
    "exponential": "Exponential",
    "polyexponential": "Polyexponential",
}
# As sd-webui takes over NovelAI's pictures.
ALWAYS = {"Clip skip": "2", "ENSD": "31337"}


def recognise(image: ImageText) -> bool:
    return image.items.get("Software") == "NovelAI" and bool(object_of(image.items.get("Comment", "")))


def read(image: ImageText) -> Translated:
    said = object_of(image.items["Comment"])
    sampler = said.get("sampler")
    fields = ALWAYS | written({
        "Steps": said.get("steps"),
        "Sampler": SAMPLERS.get(sampler, sampler) if isinstance(sampler, str) else None,
        "Schedule type": SCHEDULES.get(str(said.get("noise_schedule"))),
        "CFG scale": said.get("scale"),
        "Seed": said.get("seed"),
        "Size-1": said.get("width") or image.width,
        "Size-2": said.get("height") or image.height,
    })  # fmt: skip
    prompt = _text(said, "v4_prompt") or said.get("prompt") or image.items.get("Description", "")
    negative = _text(said, "v4_negative_prompt") or said.get("uc") or ""
    return Translated(Parsed(ours(prompt), ours(negative), fields), (note("novelai_noise"),))


def _text(said: dict[str, Any], key: str) -> Any:
    return part_of(part_of(said, key), "caption").get("base_caption")


def ours(text: Any) -> str:
    """NovelAI's weights as ours: braces, square brackets, and ``1.2::text::``; round brackets mean nothing there."""
    if not isinstance(text, str):
        return ""
    level, number, made = 0, 1.0, list[str]()
    for token in TOKEN.findall(text):
        if token in "{]":
            level += 1
        elif token in "}[":
            level -= 1
        elif token.endswith("::"):
            number = float(token[:-2] or 1)
        else:
            made.append(weighted(escaped(token), number * STEP ** max(-MAX_LEVEL, min(MAX_LEVEL, level))))
    return "".join(made)


NOVELAI = Foreign("novelai", 30, recognise, read)
