from __future__ import annotations

import pytest

from webui.events import Progress
from webui.jobs.pace import Pace


def picture(pace: Pace, now: float, steps: list[tuple[float, float]]) -> float:
    """Encode for 1 s, sample in ``steps`` (seconds, fraction reached), decode for 2 s. Returns the time it ends."""
    pace.progress(Progress(phase="encoding"), now)
    now += 1
    pace.progress(Progress(phase="sampling", fraction=0.0), now)
    for seconds, fraction in steps:
        now += seconds
        pace.progress(Progress(phase="sampling", fraction=fraction), now)
    pace.progress(Progress(phase="decoding", fraction=1.0), now)
    pace.finished(now + 2)
    return now + 2


def test_nothing_is_said_before_a_step_has_been_seen() -> None:
    pace = Pace(1)
    pace.progress(Progress(phase="loading", fraction=0.5), 0.0)
    assert (pace.fraction, pace.remaining(1.0)) == (0.0, None)
    pace.progress(Progress(phase="sampling", step=1, fraction=0.1), 2.0)
    assert pace.remaining(2.0) is None
    pace.progress(Progress(phase="sampling", step=2, fraction=0.2), 3.0)
    assert pace.remaining(3.0) == pytest.approx(8 + 1)  # and a decoding nobody has seen yet


def test_steps_of_a_second_pass_count_by_their_work() -> None:
    """Ten steps of 1 s, then ten of 4 s on four times the pixels: the estimate is right from the start."""
    steps = [(1.0, i / 50) for i in range(1, 11)] + [(4.0, 0.2 + 0.8 * i / 10) for i in range(1, 11)]
    pace = Pace(2)
    now = picture(pace, 0.0, steps)
    assert pace.fraction == 0.5
    assert pace.remaining(now) == pytest.approx(1 + 50 + 2)
    pace.progress(Progress(phase="encoding"), now)
    pace.progress(Progress(phase="sampling", fraction=0.0), now + 1)
    pace.progress(Progress(phase="sampling", fraction=0.02), now + 2)
    assert pace.remaining(now + 2) == pytest.approx(49 + 2)
    assert pace.fraction == pytest.approx((1 + 0.02) / 2)


def test_an_estimate_falls_while_nothing_is_heard_and_never_below_what_is_left_to_do() -> None:
    pace = Pace(1)
    picture(pace, 0.0, [(1.0, 0.5), (1.0, 1.0)])
    assert pace.remaining(4.0) == 0.0
    pace = Pace(1)
    pace.progress(Progress(phase="sampling", fraction=0.0), 0.0)
    pace.progress(Progress(phase="sampling", fraction=0.5), 10.0)
    told = [pace.remaining(now) for now in (10.0, 12.0, 19.0, 100.0)]
    assert told == [12.0, 10.0, 3.0, 2.0]
