"""Karras: evenly spaced in σ^(1/ρ), which puts most steps at low noise (Karras et al. 2022, eq. 5)."""

import numpy as np

from webui.sampling.kinds import Scheduler
from webui.sampling.schedule import NoiseSchedule, ScheduleOptions

RHO = 7.0


def karras(n: int, schedule: NoiseSchedule, options: ScheduleOptions) -> list[float]:
    high, low = schedule.sigma_max ** (1 / RHO), schedule.sigma_min ** (1 / RHO)
    return [*((high + np.linspace(0, 1, n) * (low - high)) ** RHO).tolist(), 0.0]


KARRAS = Scheduler("karras", "Karras", karras, order=20, rho=RHO)
