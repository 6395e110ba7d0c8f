"""Karras: evenly spaced in σ^(1/ρ), which puts most steps at low noise (Karras et al. 2022, eq. 5)."""

import numpy as np

from webui.sampling.kinds import Scheduler
from webui.sampling.schedule import NoiseSchedule, ScheduleOptions

RHO = 7.0


def karras(n: int, schedule: NoiseSchedule, options: ScheduleOptions) -> list[float]:
    return [*karras_sigmas(n, *options.limits(schedule), options.rho or RHO), 0.0]


def karras_sigmas(n: int, low: float, high: float, rho: float = RHO) -> list[float]:
    """``n`` of them, from ``high`` to ``low``."""
    first, last = high ** (1 / rho), low ** (1 / rho)
    return ((first + np.linspace(0, 1, n) * (last - first)) ** rho).tolist()


KARRAS = Scheduler("karras", "Karras", karras, order=20, rho=RHO)
