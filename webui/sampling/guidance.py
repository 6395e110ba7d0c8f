"""The guided model as samplers see it: x and sigma in, x0 out, towards the prompt and away from the negative prompt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Generic, TypeVar

import torch
from torch import Tensor

from webui.sampling.kinds import Denoised
from webui.sampling.schedule import EPSILON, NoiseSchedule, Prediction

C = TypeVar("C")
"""An encoded text. Sampling only hands it on."""

Predict = Callable[[Tensor, float, Sequence[C]], Sequence[Tensor]]
"""(scaled x (1, C, h, w), timestep, texts) → the network's output (1, C, h, w) for each text.

Texts of one length go through the network together, as they always do for this picture; other pictures never join.
"""


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
    calls: int = field(default=0, init=False)
    x0: Tensor | None = field(default=None, init=False)

    def __call__(self, x: Tensor, sigma: float) -> Denoised:
        if reason := self.interrupted():
            raise Interrupted(reason, self.x0)
        texts = [at(part.timeline, self.calls) for part in self.parts]
        scales = [part.weight * self.cfg for part in self.parts]
        if sum(scales) == 1:  # the negative prompt would cancel out
            conds, uncond = self.estimates(x, sigma, texts), None
            x0 = sum((c * scale for c, scale in zip(conds, scales, strict=True)), torch.zeros_like(x))
        else:
            *conds, uncond = self.estimates(x, sigma, [*texts, at(self.negative, self.calls)])
            x0 = sum(((c - uncond) * scale for c, scale in zip(conds, scales, strict=True)), uncond)
        self.calls += 1
        self.x0 = x0
        self.report(self.calls, x0)
        return Denoised(x0, uncond)

    def estimates(self, x: Tensor, sigma: float, texts: Sequence[C]) -> list[Tensor]:
        """x0 (1, C, h, w) for each text."""
        outputs = self.predict(x * self.prediction.scale_in(sigma), self.schedule.sigma_to_t(sigma), texts)
        return [self.prediction.x0(x, output.to(x.dtype), sigma) for output in outputs]
