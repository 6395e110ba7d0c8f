"""Generation text → what a request must be to make its picture, as far as the text says and it can be had here.

What is written once, in the declarations of ``webui.request``, is read by them; the rest has a place of its own:
``old`` (texts of earlier programs), ``names`` and ``models`` (what is here under which name), ``parts``, ``prompts``,
``options`` (settings). Any text has a reading: nothing is raised.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from webui.foreign.kinds import note
from webui.infotext import Parsed
from webui.messages import Message
from webui.reproduce import old, options, parts
from webui.reproduce.kinds import AtHand, Finding, Findings, Reading, Value, Wish
from webui.reproduce.options import OTHER_NAMES, wishes
from webui.reproduce.origin import Origin, origin_of
from webui.reproduce.prompts import fitting, prompts
from webui.reproduce.text import Text, declared, plain

# Of no bearing on the pixels made here, or read by ``prompts``, ``parts`` and ``old``.
SILENT = frozenset(
    {"Version", "User", "Model hash", "VAE hash", "Lora hashes", "TI hashes", "Hashes", "Precision", "Batch size"}
    | {"Batch pos", "Face restoration", "Script", "Prompt syntax", "Emphasis", "Wildcards", "Prompt comments"}
    | {"Eta DDIM", "Size", "Styles array", "Hires source", "Cache FP16 weight for LoRA", "Downcast alphas_cumprod"}
    | {"Pad conds v0"}
)
OFF = {"VAE Encoder": "Full", "VAE Decoder": "Full", "FP8 weight": "Disable", "Token merging ratio": "0"}
IMG2IMG = frozenset(
    {"Mask blur", "Mask mode", "Masked content", "Masked area padding", "Inpaint area", "Init image hash"}
    | {"Conditional mask weight", "Image CFG scale", "Noise multiplier", "Extra noise"}
)
MANY = 30  # unknown keys that a note lists


def read(parsed: Parsed, at_hand: AtHand, *, exact: bool | None = None) -> Reading:
    """``exact``: the prompts are in sd-webui's language; None: they are, unless the text is our own."""
    skipped = frozenset(at_hand.settings.infotext_skip_pasting)
    fields = {OTHER_NAMES.get(key, key): value for key, value in parsed.fields.items() if not _means(key) & skipped}
    if not parsed.fields:
        return _gathered(_bare(parsed), skipped)
    prompt, fields = old.modern(parsed.prompt, fields)
    origin = origin_of(parsed.fields)
    lost: tuple[Message, ...] = ()
    if at_hand.settings.auto_backcompat:
        fields, lost = old.quirks(origin, prompt + parsed.negative, fields)
    else:
        origin = Origin(ours=origin.ours)
    text = Text(prompt, parsed.negative, fields, origin, not origin.ours if exact is None else exact)
    return _gathered(chain(_findings(text, at_hand), lost, _left(text)), skipped)


def _means(key: str) -> set[str]:
    """A key and, of "Size-1", the name under which people know it."""
    return {key, key.removesuffix("-1").removesuffix("-2")}


def _bare(parsed: Parsed) -> Findings:
    """Only prompts: there is nothing to say of anything else."""
    yield from fitting("prompts.prompt", "Prompt", parsed.prompt)
    if parsed.negative:
        yield from fitting("prompts.negative", "Negative prompt", parsed.negative)


def _findings(text: Text, at_hand: AtHand) -> Findings:
    yield from prompts(text, at_hand)
    yield from plain(text)
    yield from parts.methods(text, at_hand)
    yield from parts.checkpoints(text, at_hand)
    yield from parts.upscaler(text, at_hand)
    yield from parts.randomness(text)
    yield from wishes(text.fields, at_hand.settings)


def _left(text: Text) -> Iterator[Message]:
    """What the text says and nobody here makes use of."""
    fields = text.fields
    if name := fields.get("Face restoration"):
        yield note("face_restoration", name=name)
    script = fields.get("Script")
    if script:
        yield note("script", name=script)
    if source := fields.get("Hires source"):
        yield note("hires_source", hash=source)
    of_img2img = sorted(IMG2IMG & fields.keys())
    if of_img2img or ("Denoising strength" in fields and not text.has_hires):
        yield note("img2img", keys=of_img2img or ["Denoising strength"])
    known = SILENT | IMG2IMG | declared().keys() | options.KEYS.keys()
    left = [key for key in fields if key not in known and OFF.get(key) != fields[key]]
    if script:
        left = [key for key in left if not key.startswith(("X ", "Y ", "Z ", "Fixed "))]
    if left:
        yield note("unknown", fields=[f"{key}: {fields[key]}"[:100] for key in left[:MANY]], more=len(left[MANY:]))


def _gathered(findings: Iterable[Finding], skipped: frozenset[str]) -> Reading:
    paths = {field.path for key, field in declared().items() if _means(key) & skipped}
    paths |= {"prompts.prompt"} if "Prompt" in skipped else set()
    unwanted = paths | {name for key, name in options.KEYS.items() if key in skipped}
    values: dict[str, object] = {}
    settings: dict[str, object] = {}
    notes: dict[str, Message] = {}
    for finding in findings:
        if isinstance(finding, Message):
            notes.setdefault(finding.model_dump_json(), finding)
        elif isinstance(finding, Value) and finding.path not in unwanted:
            values[finding.path] = finding.value
        elif isinstance(finding, Wish) and finding.name not in unwanted:
            settings[finding.name] = finding.value
    return Reading(values, settings, tuple(notes.values()))
