"""A steady line about how training goes, and how the learning rate goes with it."""

import math
import time


def cosine(step: int, total: int, warm: int, floor: float = 0.02) -> float:
    """The share of the full learning rate: rises over `warm` steps, then falls along half a cosine to `floor`."""
    fall = 0.5 * (1 + math.cos(math.pi * min(1.0, step / total)))
    return min(1.0, (step + 1) / warm) * (floor + (1 - floor) * fall)


class Clock:
    """Prints smoothed figures and the time left, every `every` steps."""

    def __init__(self, name: str, step: int, total: int, every: int = 25) -> None:
        self.name, self.first, self.total, self.every = name, step, total, every
        self.start = time.monotonic()
        self.smooth: dict[str, float] = {}

    def tick(self, step: int, **figures: float) -> None:
        for key, value in figures.items():
            self.smooth[key] = 0.95 * self.smooth.get(key, value) + 0.05 * value
        if step % self.every == 0 or step == self.total:
            pace = (time.monotonic() - self.start) / (step - self.first)
            words = " ".join(f"{key} {value:.4f}" for key, value in self.smooth.items())
            left = pace * (self.total - step) / 60
            print(f"{self.name} {step}/{self.total} {words} {pace:.3f} s/step {left:.1f} min left", flush=True)
