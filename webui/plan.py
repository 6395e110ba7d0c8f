"""Request → one concrete Shot per picture, decided once at submission.

The plan is stored with its job, so a retry makes the same pictures and can leave out those already saved.
"""

from __future__ import annotations

import secrets

from pydantic import BaseModel, ConfigDict

from webui.request import MAX_SEED, Request

MAX_RANDOM_SEED = 2**32 - 3  # sd-webui draws from 0..4294967293


class Shot(BaseModel):
    """One picture to be made. ``index`` is its place in the job, from 0."""

    model_config = ConfigDict(frozen=True)

    index: int
    prompt: str
    negative: str
    seed: int


def random_seed() -> int:
    return secrets.randbelow(MAX_RANDOM_SEED + 1)


def plan(request: Request) -> tuple[Shot, ...]:
    """As sd-webui numbers them: picture i has seed + i, across rounds and batches alike."""
    first = request.seeds.seed if request.seeds.seed >= 0 else random_seed()
    return tuple(
        Shot(
            index=index,
            prompt=request.prompts.prompt,
            negative=request.prompts.negative,
            seed=(first + index) % (MAX_SEED + 1),
        )
        for index in range(request.batch.count * request.batch.size)
    )
