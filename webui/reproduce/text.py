"""A generation text on its way to a request, and the declarations it is read by."""

from __future__ import annotations

import functools
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from webui.foreign.kinds import note
from webui.reproduce.convert import value_of
from webui.reproduce.kinds import Findings, Value
from webui.reproduce.origin import Origin
from webui.request import Txt2Img


@dataclass(frozen=True)
class Text:
    """In today's keys. ``exact``: it was written for sd-webui's prompt language."""

    prompt: str
    negative: str
    fields: Mapping[str, str]
    origin: Origin = Origin()
    exact: bool = False

    @property
    def has_hires(self) -> bool:
        return any(key in self.fields for key in ("Hires upscale", "Hires upscaler", "Hires resize-1"))


@dataclass(frozen=True)
class Declared:
    """A field of the request that has a key in the generation text."""

    path: str
    info: FieldInfo


@functools.cache
def declared() -> Mapping[str, Declared]:
    """By key."""
    return MappingProxyType(dict(_walk(Txt2Img, "")))


def _walk(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, Declared]]:
    for name, info in model.model_fields.items():
        kinds = (info.annotation, *typing.get_args(info.annotation))  # Hires | None is a part that may be absent
        part = next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)
        extra = info.json_schema_extra
        key = extra.get("infotext") if isinstance(extra, dict) else None
        if part is not None:
            yield from _walk(part, f"{prefix}{name}.")
        elif isinstance(key, str):
            yield key, Declared(prefix + name, info)


# Written into every text, so that their absence says nothing.
ALWAYS = frozenset({"Steps", "Sampler", "CFG scale", "Seed", "Size-1", "Size-2"})
# Names of things that are here or not, and what else needs more than its declaration (``parts``, ``prompts``).
SPECIAL = frozenset(
    {"prompts.negative", "prompts.styles", "models.checkpoint", "models.vae", "seeds.rng", "refiner.checkpoint"}
    | {f"{part}.{name}" for part in ("sampling", "hires") for name in ("sampler", "scheduler", "eta")}
    | {"hires.upscaler", "hires.checkpoint", "hires.prompt", "hires.negative"}
)


def plain(text: Text) -> Findings:
    """The values that are as the text has them; what it is silent about has its default."""
    for key, field in declared().items():
        part = field.path.partition(".")[0]
        absent = (part == "hires" and not text.has_hires) or (part == "refiner" and "Refiner" not in text.fields)
        if absent or field.path in SPECIAL:
            continue
        if key in text.fields:
            yield from as_declared(field, key, text.fields[key])
        elif key not in ALWAYS:
            yield Value(field.path, field.info.default)


def as_declared(field: Declared, key: str, value: str) -> Findings:
    try:
        yield Value(field.path, value_of(field.info, value))
    except ValueError:
        yield note("bad_value", key=key, value=value)
