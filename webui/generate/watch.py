"""How one picture is coming along: said to people, and asked whether they still want it."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from webui.events import Progress
from webui.generate.loaded import Loaded
from webui.generate.passes import Pass
from webui.generate.pictures import preview
from webui.jobs.executor import Control, Emit
from webui.settings import Settings


class Watch:
    """Of one picture. ``passes`` are those it will take, so that it knows how much work there is."""

    def __init__(
        self, index: int, passes: list[Pass], settings: Settings, models: Loaded, emit: Emit, control: Control
    ) -> None:
        self._index, self._settings, self._models = index, settings, models
        self._emit, self._control = emit, control
        self._all = sum(each.work for each in passes)
        self._done = 0.0  # of the work, in passes that have ended
        self._pass: Pass | None = None
        self._steps = self._calls = 1  # of the pass
        self._step = 0

    def interrupted(self) -> Literal["stop", "skip"] | None:
        if self._control.stop == "now":
            return "stop"
        return "skip" if self._control.skip else None

    def phase(self, phase: Literal["encoding", "enlarging", "decoding"]) -> None:
        hires = self._pass is not None and self._pass.hires
        self._emit(Progress(phase=phase, index=self._index, fraction=self._fraction(0), hires=hires))

    def begin(self, todo: Pass) -> None:
        """A pass begins, the one before has ended."""
        self.end()
        self._pass = todo
        self.phase("encoding")

    def count(self, steps: int, calls: int) -> None:
        """What the pass comes to: steps to show, and network calls."""
        self._steps, self._calls, self._step = steps, calls, 0

    def end(self) -> None:
        """The pass has ended, whether it got to its end or not."""
        self._done += self._pass.work if self._pass else 0
        self._pass = None

    @torch.inference_mode()
    def report(self, call: int, x0: Tensor) -> None:
        """A network call, counted from 1, has been answered."""
        step = min(self._steps, -(-call * self._steps // self._calls))
        if step == self._step:
            return  # the second half of a step
        self._step, settings, picture = step, self._settings, None
        if settings.live_previews_enable and (step % settings.show_progress_every_n_steps == 0 or step == 1):
            picture = preview(self._models.model, x0, full=settings.show_progress_type == "Full")
        self._emit(Progress(
            phase="sampling", fraction=self._fraction(step / self._steps), step=step, steps=self._steps,
            index=self._index, preview=picture, hires=self._pass is not None and self._pass.hires,
        ))  # fmt: skip

    def _fraction(self, of_pass: float) -> float:
        """Of the picture's whole sampling."""
        now = self._pass.work * of_pass if self._pass else 0
        return min(1.0, (self._done + now) / self._all) if self._all else 1.0
