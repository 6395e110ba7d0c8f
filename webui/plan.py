"""Request → one concrete Shot per picture, decided once at submission.

The plan is stored with its job, so a retry makes the same pictures and can leave out those already saved.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from webui.messages import Fault, Message
from webui.prompt import Rules, strip_comments, styles
from webui.prompt.styles import Style
from webui.prompt.wildcards import Draw, Wildcards
from webui.request import MAX_SEED, Request

MAX_RANDOM_SEED = 2**32 - 3  # sd-webui draws from 0..4294967293
MAX_PICTURES = 1000  # of one job


class Shot(BaseModel):
    """One picture to be made. ``index`` is its place in the job, from 0.

    The prompts are final: styles applied, wildcards drawn, comments gone. Those of the second pass are empty where it
    has none of its own. ``subseed`` is the variation seed, the picture's own seed where nobody asked for one.
    """

    model_config = ConfigDict(frozen=True)

    index: int
    prompt: str
    negative: str
    seed: int
    subseed: int = 0
    hires_prompt: str = ""
    hires_negative: str = ""


def random_seed() -> int:
    return secrets.randbelow(MAX_RANDOM_SEED + 1)


@dataclass(frozen=True)
class Texts:
    """What a prompt is finished with. ``wildcards`` None: they are left as they stand."""

    styles: Sequence[Style] = ()
    wildcards: Wildcards | None = None
    rules: Rules = Rules()  # whether there are remarks, and what begins one

    def prompt(self, text: str, draw: Draw | None) -> str:
        return self._finished(text, (style.prompt for style in self.styles), draw)

    def negative(self, text: str, draw: Draw | None) -> str:
        return self._finished(text, (style.negative for style in self.styles), draw)

    def _finished(self, text: str, put_to: Iterable[str], draw: Draw | None) -> str:
        text = styles.apply(text, put_to)
        if self.rules.comments:
            text = strip_comments(text, self.rules.sd_webui)
        return draw.text(text) if draw else text


class Plan(NamedTuple):
    shots: tuple[Shot, ...]
    notes: tuple[Message, ...]  # what should be said about the prompts


def plan(request: Request, texts: Texts = Texts()) -> Plan:  # noqa: B008 (frozen)
    """As sd-webui numbers them: picture i has seed + i, across rounds and batches alike.

    With a variation the seed stays and the variation seed goes up instead. Raises Fault ``too_many_pictures``.
    """
    seeds = request.seeds
    first = seeds.seed if seeds.seed >= 0 else random_seed()
    varied = seeds.subseed_strength > 0
    subseed = seeds.subseed if seeds.subseed >= 0 else random_seed() if varied else first
    prompts = _prompts(request)
    count = request.batch.count * request.batch.size * len(prompts)
    if count > MAX_PICTURES:
        raise Fault("too_many_pictures", field="batch.count", count=count, limit=MAX_PICTURES)
    shots: list[Shot] = []
    notes: list[Message] = []
    for index in range(count):
        seed, variation = first if varied else _up(first, index), _up(subseed, index)
        # Pictures of a variation share their seed and should differ in what is drawn all the same.
        draw = Draw(texts.wildcards, random.Random(f"{seed}/{variation}")) if texts.wildcards else None
        shots.append(_shot(request, index, prompts[index % len(prompts)], texts, draw, seed, variation))
        notes += [note for note in draw.notes.values() if note not in notes] if draw else []
    return Plan(tuple(shots), tuple(notes))


def _prompts(request: Request) -> list[str]:
    """One for each picture, in turn."""
    text = request.prompts.prompt
    lines = [line.strip() for line in text.splitlines() if line.strip()] if request.prompts.each_line else []
    return lines or [text]


def _shot(request: Request, index: int, prompt: str, texts: Texts, draw: Draw | None, seed: int, subseed: int) -> Shot:
    hires = request.hires
    return Shot(
        index=index,
        prompt=texts.prompt(prompt, draw),
        negative=texts.negative(request.prompts.negative, draw),
        seed=seed,
        subseed=subseed,
        hires_prompt=texts.prompt(hires.prompt, draw) if hires and hires.prompt else "",
        hires_negative=texts.negative(hires.negative, draw) if hires and hires.negative else "",
    )


def _up(seed: int, index: int) -> int:
    return (seed + index) % (MAX_SEED + 1)
