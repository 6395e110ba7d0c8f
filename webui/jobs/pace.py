"""How far a job is and how long it still takes, from what its events have shown so far."""

from __future__ import annotations

from dataclasses import dataclass, field

from webui.events import Progress


@dataclass
class Pace:
    """``now`` values are seconds of one monotonic clock. Estimates start once a step has been seen to end."""

    images: int  # still to be made when the attempt started
    steps_each: int
    _finished: int = 0
    _phase: str = ""
    _phase_since: float = 0.0
    _step: int = 0
    _fraction: float = 0.0
    _seconds: dict[str, float] = field(default_factory=dict)  # measured: per step, per encoding, per decoding
    _last_step_at: float | None = None

    def progress(self, event: Progress, now: float) -> None:
        if event.phase != self._phase:
            if self._phase in ("encoding", "decoding"):
                self._learn(self._phase, now - self._phase_since)
            self._phase, self._phase_since, self._last_step_at = event.phase, now, None
        if event.phase == "sampling":
            if self._last_step_at is not None and event.step > self._step:
                self._learn("step", (now - self._last_step_at) / (event.step - self._step))
            self._last_step_at, self._step = now, event.step
        self._fraction = event.fraction

    def finished(self, now: float) -> None:
        """A picture is done."""
        if self._phase == "decoding":
            self._learn("decoding", now - self._phase_since)
        self._finished += 1
        self._phase, self._step, self._fraction = "", 0, 0.0

    def _learn(self, what: str, seconds: float) -> None:
        before = self._seconds.get(what)
        self._seconds[what] = seconds if before is None else 0.7 * before + 0.3 * seconds

    @property
    def fraction(self) -> float:
        """0..1 of the whole job. Loading counts nothing: it is shown as a phase of its own."""
        share = {"sampling": self._fraction, "decoding": 1.0}.get(self._phase, 0.0)
        return min(1.0, (self._finished + share) / max(1, self.images))

    def remaining(self, now: float) -> float | None:
        """Seconds, or None while nothing is known."""
        step = self._seconds.get("step")
        if step is None:
            return None
        decode = self._seconds.get("decoding", 2 * step)
        encode = self._seconds.get("encoding", 0.0)
        left = self.images - self._finished
        whole = encode + step * self.steps_each + decode
        if self._phase == "decoding":
            current = max(0.0, decode - (now - self._phase_since))
        elif self._phase == "sampling":
            since = now - (self._last_step_at or now)
            current = max(0.0, step * (self.steps_each - self._step) - since) + decode
        else:
            current = whole
        return current + max(0, left - 1) * whole if left > 0 else 0.0
