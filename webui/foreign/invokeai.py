"""InvokeAI: JSON in ``invokeai_metadata`` (3 and later) or ``sd-metadata`` (2). Prompts are in Compel's language."""

from __future__ import annotations

import re
from typing import Any

from webui.foreign.kinds import Foreign, Translated, escaped, note, object_of, part_of, weighted, written
from webui.infotext import ImageText, Parsed

KARRAS = "_k"  # ends the names of schedulers with Karras's sigmas
SAMPLERS = {
    "ddim": "DDIM",
    "deis": "DEIS",
    "dpmpp_2m": "DPM++ 2M",
    "dpmpp_2m_sde": "DPM++ 2M SDE",
    "dpmpp_sde": "DPM++ SDE",
    "euler": "Euler",
    "euler_a": "Euler a",
    "heun": "Heun",
    "kdpm_2": "DPM2",
    "kdpm_2_a": "DPM2 a",
    "lcm": "LCM",
    "lms": "LMS",
    "plms": "PLMS",
    "pndm": "PLMS",
    "tcd": "TCD",
    "unipc": "UniPC",
    # version 2
    "k_dpm_2": "DPM2",
    "k_dpm_2_a": "DPM2 a",
    "k_dpmpp_2": "DPM++ 2M",
    "k_euler": "Euler",
    "k_euler_a": "Euler a",
    "k_heun": "Heun",
    "k_lms": "LMS",
}
ITSELF = ("DDIM", "LCM", "PLMS", "TCD", "UniPC")  # with timesteps of their own
WEIGHTED = re.compile(
    r"\(([^()]*)\)(\d+(?:\.\d+)?|\++|-+(?=[\s,.()]|$))?|(?<![^\s,()])([^\s,()+]+?)(\++|-+)(?=[\s,()]|$)"
)
READ = frozenset(
    {"positive_prompt", "negative_prompt", "width", "height", "seed", "cfg_scale", "steps", "scheduler", "clip_skip"}
    | {"model", "vae", "loras", "rand_device", "seamless_x", "seamless_y", "app_version", "generation_mode"}
    | {"positive_style_prompt", "negative_style_prompt", "cfg_rescale_multiplier", "ref_images", "controlnets"}
)


def recognise(image: ImageText) -> bool:
    return bool(_new(image) or _old(image))


def _new(image: ImageText) -> dict[str, Any]:
    found = object_of(image.items.get("invokeai_metadata", "") or image.text)
    return found if "positive_prompt" in found else {}


def _old(image: ImageText) -> dict[str, Any]:
    found = object_of(image.items.get("sd-metadata", ""))
    return found if part_of(found, "image") else {}


def read(image: ImageText) -> Translated:
    said = _new(image)
    parsed, left = _version_3(said) if said else _version_2(_old(image))
    notes = (note("other_rules", program="InvokeAI"),)
    if left:
        notes += (note("not_applied", program="InvokeAI", fields=left[:20]),)
    return Translated(parsed, notes)


def _version_3(said: dict[str, Any]) -> tuple[Parsed, list[str]]:
    tags = [_lora(each) for each in said.get("loras") or [] if isinstance(each, dict)]
    prompt = "\n".join(filter(None, (ours(said.get("positive_prompt")), " ".join(tags))))
    fields = {**_sampler(said.get("scheduler")), **written({
        "Steps": said.get("steps"),
        "CFG scale": said.get("cfg_scale"),
        "Seed": said.get("seed"),
        "Size-1": said.get("width"),
        "Size-2": said.get("height"),
        "Model": _name(said.get("model")),
        "VAE": _name(said.get("vae")),
        "Clip skip": (said["clip_skip"] + 1) if _is_whole(said.get("clip_skip")) else None,
        "RNG": "GPU" if said.get("rand_device") == "cuda" else "CPU",
        "Tiling": True if said.get("seamless_x") and said.get("seamless_y") else None,
    })}  # fmt: skip
    left = [key[:100] for key, value in said.items() if key not in READ and value]
    return Parsed(prompt, ours(said.get("negative_prompt")), fields), left


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 100


def _version_2(said: dict[str, Any]) -> tuple[Parsed, list[str]]:
    picture = part_of(said, "image")
    texts = picture.get("prompt")
    if isinstance(texts, list):
        texts = texts[0].get("prompt") if texts and isinstance(texts[0], dict) else ""
    prompt, negative = _apart(texts if isinstance(texts, str) else "")
    fields = {**_sampler(picture.get("sampler")), **written({
        "Steps": picture.get("steps"),
        "CFG scale": picture.get("cfg_scale"),
        "Seed": picture.get("seed"),
        "Size-1": picture.get("width"),
        "Size-2": picture.get("height"),
        "Model": said.get("model_weights"),
        "RNG": "CPU",
        "Tiling": True if picture.get("seamless") else None,
    })}  # fmt: skip
    left = [key for key in ("hires_fix", "variations", "facetool", "upscale", "postprocessing") if picture.get(key)]
    return Parsed(ours(prompt), ours(negative), fields), left


def _apart(text: str) -> tuple[str, str]:
    """Version 2 has the negative prompt inside the prompt, in square brackets."""
    negative = re.findall(r"\[([^\[\]]*)\]", text)
    return re.sub(r"\s*\[[^\[\]]*\]", "", text), ", ".join(negative)


def _sampler(name: Any) -> dict[str, str]:
    """Sampler and schedule. A name that is not known is passed on, so that it is said."""
    if not isinstance(name, str):
        return {}
    bare = name.removesuffix(KARRAS)
    sampler = SAMPLERS.get(name) or SAMPLERS.get(bare)
    if sampler is None:
        return {"Sampler": name}
    schedule = "Automatic" if sampler in ITSELF else "Uniform" if name in SAMPLERS else "Karras"
    return {"Sampler": sampler, "Schedule type": schedule}


def _name(model: Any) -> str | None:
    """Version 4 says name, 3 said model_name, and sometimes it is the name alone."""
    if isinstance(model, dict):
        model = model.get("name") or model.get("model_name")
    return model if isinstance(model, str) else None


def _lora(said: dict[str, Any]) -> str:
    name = _name(said.get("model")) or _name(said.get("lora")) or "?"
    weight = said.get("weight")
    return f"<lora:{name}:{weight if isinstance(weight, int | float) else 1}>"


def ours(text: Any) -> str:
    """Compel's weights as ours: ``(words)1.2``, ``word++`` (1.1 each), ``word-`` (0.9 each). Bare brackets group."""
    if not isinstance(text, str):
        return ""
    made, at = list[str](), 0
    for match in WEIGHTED.finditer(text):
        words, mark = (match[1], match[2]) if match[1] is not None else (match[3], match[4])
        made += [escaped(text[at : match.start()]), weighted(escaped(words), _weight(mark or ""))]
        at = match.end()
    return "".join([*made, escaped(text[at:])])


def _weight(mark: str) -> float:
    if mark[:1] in ("+", "-"):
        return (1.1 if mark[0] == "+" else 0.9) ** min(len(mark), 20)
    return float(mark) if mark and len(mark) < 20 else 1.0


INVOKEAI = Foreign("invokeai", 40, recognise, read)
