"""Request → one concrete Shot per picture, decided once at submission.

The plan is stored with its job, so a retry makes the same pictures and can leave out those already saved.
"""

from __future__ import annotations

import secrets

from pydantic import BaseModel, ConfigDict

from webui.request import MAX_SEED, Request

MAX_RANDOM_SEED = 2**32 - 3  # sd-webui draws from 0..4294967293


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


def plan(request: Request) -> tuple[Shot, ...]:
    """As sd-webui numbers them: picture i has seed + i, across rounds and batches alike.

    With a variation the seed stays and the variation seed goes up instead.
    """
    seeds = request.seeds
    first = seeds.seed if seeds.seed >= 0 else random_seed()
    varied = seeds.subseed_strength > 0
    subseed = seeds.subseed if seeds.subseed >= 0 else random_seed() if varied else first
    return tuple(
        Shot(
            index=index,
            prompt=request.prompts.prompt,
            negative=request.prompts.negative,
            seed=first if varied else _up(first, index),
            subseed=_up(subseed, index),
            hires_prompt=request.hires.prompt if request.hires else "",
            hires_negative=request.hires.negative if request.hires else "",
        )
        for index in range(request.batch.count * request.batch.size)
    )


def _up(seed: int, index: int) -> int:
    return (seed + index) % (MAX_SEED + 1)
