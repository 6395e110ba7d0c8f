"""Exponential: evenly spaced in log σ."""

import math

import numpy as np

from webui.sampling.kinds import Scheduler
from webui.sampling.schedule import NoiseSchedule, ScheduleOptions


def exponential(n: int, schedule: NoiseSchedule, options: ScheduleOptions) -> list[float]:
    return [*np.exp(np.linspace(math.log(schedule.sigma_max), math.log(schedule.sigma_min), n)).tolist(), 0.0]


EXPONENTIAL = Scheduler("exponential", "Exponential", exponential, order=30)
