"""The prompts of a generation text: styles taken out again, the rules they were written for, what has no effect."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from webui.foreign.kinds import note
from webui.prompt import strip_comments
from webui.prompt import styles as style_texts
from webui.prompt.styles import Style
from webui.prompt.wildcards import TOKEN as WILDCARD
from webui.reproduce.kinds import AtHand, Findings, Value, Wish
from webui.reproduce.options import default, wish
from webui.reproduce.text import Text
from webui.request import MAX_PROMPT
from webui.settings import Settings

NETWORK = re.compile(r"<(\w+):([^:<>]+)[^<>]*>")
MARKS = re.compile(r"[()\[\]\\]|BREAK")  # what the emphasis modes read differently
MANY = 20  # names that a note lists


class Prompts(NamedTuple):
    prompt: str
    negative: str
    hires_prompt: str = ""
    hires_negative: str = ""


def prompts(text: Text, at_hand: AtHand) -> Findings:
    settings = at_hand.settings
    hires = (text.fields.get(f"Hires {key}", "") if text.has_hires else "" for key in ("prompt", "negative prompt"))
    whole = Prompts(text.prompt, text.negative, *hires)
    bare, found = taken_out(at_hand.styles, whole) if settings.infotext_styles != "Ignore" else (whole, [])
    yield from fitting("prompts.prompt", "Prompt", bare.prompt)
    yield from fitting("prompts.negative", "Negative prompt", bare.negative)
    yield Value("prompts.each_line", False)
    if settings.infotext_styles == "Apply" or (settings.infotext_styles == "Apply if any" and found):
        yield Value("prompts.styles", tuple(found))
    if text.has_hires:
        yield from fitting("hires.prompt", "Hires prompt", bare.hires_prompt)
        yield from fitting("hires.negative", "Hires negative prompt", bare.hires_negative)
    yield from _rules(text, settings, whole)
    yield from _without_effect(text, whole)


def fitting(path: str, key: str, text: str) -> Findings:
    if len(text) <= MAX_PROMPT:
        yield Value(path, text)
    else:
        yield note("prompt_too_long", key=key, count=len(text), limit=MAX_PROMPT)


def taken_out(styles: Sequence[Style], whole: Prompts) -> tuple[Prompts, list[str]]:
    """The prompts as they were before saved styles were applied, and those styles' names in order.

    As sd-webui does it, the last one applied first; but only where applying them gives the very same texts again, in
    the second pass too.
    """
    bare, found, left = whole, list[Style](), list(styles)
    while step := next(((style, less) for style in left if (less := _less(style, bare)) is not None), None):
        style, bare = step
        left.remove(style)
        found.insert(0, style)
    return (bare, [style.name for style in found]) if _applied(found, bare) == whole else (whole, [])


def _less(style: Style, of: Prompts) -> Prompts | None:
    """A prompt of the second pass that is empty is the first's, and has nothing to be taken out."""
    first = style_texts.take_out(style, of.prompt, of.negative)
    second = style_texts.take_out(_only(style, of), of.hires_prompt, of.hires_negative)
    if first is None or (second is None and (of.hires_prompt or of.hires_negative)):
        return None
    return Prompts(*first, *(second or ("", "")))


def _only(style: Style, of: Prompts) -> Style:
    return Style(style.name, style.prompt if of.hires_prompt else "", style.negative if of.hires_negative else "")


def _applied(styles: Sequence[Style], bare: Prompts) -> Prompts:
    prompt, negative = [style.prompt for style in styles], [style.negative for style in styles]
    return Prompts(
        style_texts.apply(bare.prompt, prompt),
        style_texts.apply(bare.negative, negative),
        style_texts.apply(bare.hires_prompt, prompt) if bare.hires_prompt else "",
        style_texts.apply(bare.hires_negative, negative) if bare.hires_negative else "",
    )


def _rules(text: Text, settings: Settings, whole: Prompts) -> Findings:
    """Settings that decide how the prompts are read. What a text holds is final: nothing is left to draw or strip."""
    written = "\n".join(whole)
    if text.exact and not settings.paste_sd_webui_exactly:
        syntax = settings.prompt_syntax
    else:
        syntax = "sd-webui" if text.exact else text.fields.get("Prompt syntax", default("prompt_syntax"))
    yield from wish(settings, "Prompt syntax", "prompt_syntax", syntax)
    if "Emphasis" in text.fields or MARKS.search(written):
        yield from wish(settings, "Emphasis", "emphasis", text.fields.get("Emphasis"))
    if syntax != "sd-webui" and _has_wildcards(written):
        drawn = text.origin.ours and text.fields.get("Wildcards") != "False"
        yield from _switch(settings, "enable_wildcards", drawn)
    if strip_comments(written, syntax == "sd-webui") != written:
        stripped = text.origin.ours and text.fields.get("Prompt comments") != "False"
        yield from _switch(settings, "enable_prompt_comments", stripped)


def _switch(settings: Settings, name: str, wanted: bool) -> Findings:
    if getattr(settings, name) != wanted:
        yield Wish(name, wanted)


def _has_wildcards(text: str) -> bool:
    return any(token["name"] or token[0] in "{}" for token in WILDCARD.finditer(text))


def _without_effect(text: Text, whole: Prompts) -> Findings:
    named = [f"{kind}: {name}" for each in whole for kind, name in NETWORK.findall(each)]
    if named:
        yield note("networks", names=_some(named))
    if hashes := text.fields.get("TI hashes"):
        yield note("embeddings", names=_some(pair.partition(":")[0].strip() for pair in hashes.split(",")))


def _some(names: Iterable[str]) -> list[str]:
    return [name[:100] for name in dict.fromkeys(names) if name][:MANY]
