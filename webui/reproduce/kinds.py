"""What reading a generation text needs and gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from webui.files.catalog import Catalog, ModelFile
from webui.messages import Message
from webui.prompt.styles import Style
from webui.request import Txt2Img
from webui.sampling.kinds import Sampler, Scheduler
from webui.settings import Settings

SWITCHES = ("hires", "refiner")  # parts of a request that may be absent


@dataclass(frozen=True)
class AtHand:
    """What there is here to make a picture with. ``upscalers``: the names a second pass may be asked for.

    ``hash_of``: the SHA-256 of a file that the catalog does not know it of; it may read the whole file.
    """

    samplers: Mapping[str, Sampler]
    schedulers: Mapping[str, Scheduler]
    upscalers: Sequence[str]
    catalog: Catalog
    settings: Settings
    styles: Sequence[Style] = ()
    hash_of: Callable[[ModelFile], str | None] = lambda file: file.sha256


@dataclass(frozen=True)
class Reading:
    """A text, understood. ``values``: by path in the request ("sampling.steps"), only what the text decides.

    "hires.enabled" and "refiner.enabled" say whether the picture had these parts. Schedulers stand under their labels.
    ``settings``: those that the text wants otherwise than they are. ``notes``: what could not be applied, and what
    people should know.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[Message, ...] = ()

    def request(self, base: Txt2Img | None = None) -> Txt2Img:
        """``base`` with the values in it. Raises pydantic.ValidationError for values that do not fit each other."""
        base = base or Txt2Img()
        nested: dict[str, Any] = base.model_dump(exclude=set(SWITCHES))
        for part in SWITCHES:
            was = getattr(base, part)
            if self.values.get(f"{part}.enabled", was is not None):
                nested[part] = was.model_dump() if was else {}
        for path, value in self.values.items():
            part, _, name = path.partition(".")
            if part in nested and name != "enabled":
                nested[part][name] = value
        return Txt2Img.model_validate(nested)


@dataclass(frozen=True)
class Value:
    """One finding: the request's ``path`` is to be ``value``."""

    path: str
    value: Any


@dataclass(frozen=True)
class Wish:
    """One finding: the setting ``name`` is to be ``value``."""

    name: str
    value: Any


Finding = Value | Wish | Message
Findings = Iterator[Finding]
