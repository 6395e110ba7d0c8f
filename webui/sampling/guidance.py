"""The guided model as samplers see it: x and sigma in, x0 out, towards the prompt and away from the negative prompt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Generic, Literal, TypeVar

import torch
from torch import Tensor

from webui.sampling.kinds import Denoised, Sampler, Use
from webui.sampling.schedule import EPSILON, NoiseSchedule, Prediction

C = TypeVar("C")
"""An encoded text. Sampling only hands it on."""

Predict = Callable[[Tensor, float, Sequence[C]], Sequence[Tensor]]
"""(scaled x (1, C, h, w), timestep, texts) → the network's output (1, C, h, w) for each text.

Texts of one length go through the network together, as they always do for this picture; other pictures never join.
"""

LeftOut = Literal["early", "late"]
"""Why the negative prompt was: at the beginning (``skip_early_cond``), or at low noise (``s_min_uncond``)."""


class Interrupted(Exception):
    """The run was asked to stop. ``x0`` (1, C, h, w) is the last estimate, None before the first."""

    def __init__(self, reason: str, x0: Tensor | None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.x0 = x0


@dataclass(frozen=True)
class Entry(Generic[C]):
    """A text and the last model call (from 0) that it is used for."""

    until: int
    cond: C


Timeline = Sequence[Entry[C]]
"""What one prompt says as the picture forms, in order; prompt editing gives it more than one entry."""


@dataclass(frozen=True)
class Part(Generic[C]):
    """One of the prompts joined by AND, and how much it counts."""

    timeline: Timeline[C]
    weight: float = 1.0


def always(cond: C) -> tuple[Entry[C]]:
    """The timeline of a text that never changes."""
    return (Entry(0, cond),)


def at(timeline: Timeline[C], call: int) -> C:
    """The text for a model call. Past the last entry it is the first again, as in sd-webui: pictures depend on it."""
    return next((entry.cond for entry in timeline if call <= entry.until), timeline[0].cond)


@dataclass
class Guided(Generic[C]):
    """Classifier-free guidance (Ho & Salimans 2022, arXiv:2207.12598); the only object with per-run state.

    The network sees one picture at a time, so that a picture never depends on its neighbours.
    ``interrupted`` says why to stop, or None; ``report`` is told how often this object was called, and x0, after each.

    The negative prompt may be left out, and with it guidance, of every other call (``s_min_uncond_all``: of every call)
    below the noise ``s_min_uncond``, and of the first ``skip_early_cond`` (0..1) of ``steps`` calls. ``left_out`` tells
    of which calls it was. These are sd-webui's options: in timesteps for the samplers it runs on those, and with the
    call at the very share still left out.
    """

    predict: Predict[C]
    parts: Sequence[Part[C]]
    negative: Timeline[C]
    cfg: float
    schedule: NoiseSchedule
    prediction: Prediction = EPSILON
    _: KW_ONLY
    interrupted: Callable[[], str | None] = lambda: None
    report: Callable[[int, Tensor], None] = lambda calls, x0: None
    s_min_uncond: float = 0.0
    s_min_uncond_all: bool = False
    skip_early_cond: float = 0.0
    steps: int = 0
    sampler: Sampler | None = field(default=None, init=False)
    calls: int = field(default=0, init=False)
    x0: Tensor | None = field(default=None, init=False)
    left_out: dict[int, LeftOut] = field(default_factory=dict, init=False)

    def follow(self, sampler: Sampler) -> None:
        """From now on the model does what this sampler asks of one: see ``Sampler.told`` and ``uncond``."""
        self.sampler = sampler

    def __call__(self, x: Tensor, sigma: float) -> Denoised:
        if reason := self.interrupted():
            raise Interrupted(reason, self.x0)
        if why := self.leaves_out(sigma):
            self.left_out[self.calls] = why
            found = self.unguided(x, sigma)
        else:
            found = self.guided(x, sigma)
        self.calls += 1
        self.x0 = found.x0
        self.report(self.calls, found.x0)
        return found

    def leaves_out(self, sigma: float) -> LeftOut | None:
        """Why this call does without the negative prompt, where it is to."""
        if self.skip_early_cond and self.steps and self.calls / self.steps <= self.skip_early_cond:
            return "early"
        noise = self.schedule.sigma_to_t(sigma) if self.uses("timesteps") else sigma
        if noise < self.s_min_uncond and (self.s_min_uncond_all or self.calls % 2):
            return "late"
        return None

    def guided(self, x: Tensor, sigma: float) -> Denoised:
        texts = [at(part.timeline, self.calls) for part in self.parts]
        scales = [part.weight * self.cfg for part in self.parts]
        if sum(scales) == 1 and not self.uses("uncond"):  # the negative prompt would cancel out
            conds = self.estimates(x, sigma, texts)
            return Denoised(sum((c * scale for c, scale in zip(conds, scales, strict=True)), torch.zeros_like(x)))
        *conds, uncond = self.estimates(x, sigma, [*texts, at(self.negative, self.calls)])
        x0 = sum(((c - uncond) * scale for c, scale in zip(conds, scales, strict=True)), uncond)
        return Denoised(x0, uncond)

    def unguided(self, x: Tensor, sigma: float) -> Denoised:
        """The prompt alone. Of several parts the first is what the others are added to, by their weights."""
        first, *others = self.estimates(x, sigma, [at(part.timeline, self.calls) for part in self.parts])
        weights = [part.weight for part in self.parts[1:]]
        return Denoised(sum(((c - first) * weight for c, weight in zip(others, weights, strict=True)), first))

    def estimates(self, x: Tensor, sigma: float, texts: Sequence[C]) -> list[Tensor]:
        """x0 (1, C, h, w) for each text."""
        told = self.sampler.told(self.schedule, sigma) if self.sampler and self.sampler.told else sigma
        timestep = self.prediction.timestep(self.schedule, told)
        outputs = self.predict(x * self.prediction.scale_in(sigma), timestep, texts)
        return [self.prediction.x0(x, output.to(x.dtype), sigma) for output in outputs]

    def uses(self, what: Use) -> bool:
        return self.sampler is not None and what in self.sampler.uses
