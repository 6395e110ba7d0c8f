"""How far a job is and how long it still takes, from what its events have shown so far."""

from __future__ import annotations

from dataclasses import dataclass, field

from webui.events import Progress


@dataclass
class Pace:
    """``now`` values are seconds of one monotonic clock. Estimates start once a step has been seen to end.

    A picture's sampling is measured by its ``fraction``, which counts work, not steps: those of a second pass take
    longer.
    """

    images: int  # still to be made when the attempt started
    _finished: int = 0
    _phase: str = ""
    _phase_since: float = 0.0
    _fraction: float = 0.0  # of the picture's sampling
    _fraction_since: float | None = None  # None: where a step began is not known
    _seconds: dict[str, float] = field(default_factory=dict)  # measured: of an encoding, a sampling, a decoding

    def progress(self, event: Progress, now: float) -> None:
        if event.phase != self._phase:
            if self._phase in ("encoding", "decoding"):
                self._learn(self._phase, now - self._phase_since)
            self._phase, self._phase_since, self._fraction_since = event.phase, now, None
        if event.phase == "sampling":
            if self._fraction_since is not None and event.fraction > self._fraction:
                self._learn("sampling", (now - self._fraction_since) / (event.fraction - self._fraction))
            self._fraction_since = now
            self._fraction = event.fraction

    def finished(self, now: float) -> None:
        """A picture is done."""
        if self._phase == "decoding":
            self._learn("decoding", now - self._phase_since)
        self._finished += 1
        self._phase, self._fraction = "", 0.0

    def _learn(self, what: str, seconds: float) -> None:
        before = self._seconds.get(what)
        self._seconds[what] = seconds if before is None else 0.7 * before + 0.3 * seconds

    @property
    def fraction(self) -> float:
        """0..1 of the whole job. Loading counts nothing: it is shown as a phase of its own."""
        return min(1.0, (self._finished + self._fraction) / max(1, self.images))

    def remaining(self, now: float) -> float | None:
        """Seconds, or None while nothing is known."""
        sampling = self._seconds.get("sampling")
        if sampling is None:
            return None
        decode = self._seconds.get("decoding", 0.1 * sampling)
        whole = self._seconds.get("encoding", 0.0) + sampling + decode
        left = self.images - self._finished
        if self._phase == "":
            return left * whole
        since = now - self._phase_since if self._fraction_since is None else now - self._fraction_since
        current = max(0.0, (1 - self._fraction) * sampling - since) + decode
        if self._phase == "decoding":
            current = max(0.0, decode - since)
        return current + max(0, left - 1) * whole if left > 0 else 0.0
