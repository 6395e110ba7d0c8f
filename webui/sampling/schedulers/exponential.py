"""Exponential: evenly spaced in log σ."""

import math

import numpy as np

from webui.sampling.kinds import Scheduler
from webui.sampling.schedule import NoiseSchedule, ScheduleOptions


def exponential(n: int, schedule: NoiseSchedule, options: ScheduleOptions) -> list[float]:
    low, high = options.limits(schedule)
    return [*np.exp(np.linspace(math.log(high), math.log(low), n)).tolist(), 0.0]


EXPONENTIAL = Scheduler("exponential", "Exponential", exponential, order=30)
