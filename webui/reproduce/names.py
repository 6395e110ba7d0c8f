"""Names in a generation text → names of what is here: samplers, schedulers, upscalers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from webui import registry
from webui.registry import UnknownName
from webui.sampling.kinds import Sampler, Scheduler

AUTOMATIC = "Automatic"
UNIFORM = "uniform"  # what sd-webui has for samplers without a schedule of their own


class Method(NamedTuple):
    """``scheduler`` is the one that the sampler's name carried ("DPM++ 2M Karras"), None where it carried none."""

    sampler: Sampler | None
    scheduler: Scheduler | None = None


def method(samplers: Mapping[str, Sampler], schedulers: Mapping[str, Scheduler], name: str) -> Method:
    """A sampler by its name of today or of before sd-webui 1.9, which ended in the schedule's. Raises UnknownName."""
    try:
        return Method(registry.find(samplers, name, "sampler"))
    except UnknownName:
        bare = name.strip().casefold()
        for scheduler in schedulers.values():
            for word in (scheduler.label, scheduler.name):
                if bare.endswith(f" {word.casefold()}"):
                    try:
                        return Method(registry.find(samplers, bare[: -len(word) - 1], "sampler"), scheduler)
                    except UnknownName:
                        continue
        raise


def scheduler_for(sampler: Sampler | None, scheduler: Scheduler) -> str:
    """Its label; "Automatic" where the sampler would choose it by itself, as sd-webui shows it."""
    own = sampler.schedule if sampler else UNIFORM
    return AUTOMATIC if own == scheduler.name and own != UNIFORM else scheduler.label


def upscaler(known: Iterable[str], name: str) -> str | None:
    """In any capitals; None where there is none of that name."""
    wanted = name.strip().casefold()
    return next((each for each in known if each.casefold() == wanted), None)
