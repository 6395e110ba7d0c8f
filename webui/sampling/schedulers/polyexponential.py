"""Polyexponential: log σ falls as a power ρ of what is left of the way; 1 is Exponential, above it favours low noise.

k-diffusion's, which gives no source for it.
"""

import math

import numpy as np

from webui.sampling.kinds import Scheduler
from webui.sampling.schedule import NoiseSchedule, ScheduleOptions

RHO = 1.0


def polyexponential(n: int, schedule: NoiseSchedule, options: ScheduleOptions) -> list[float]:
    low, high = options.limits(schedule)
    left = np.linspace(1, 0, n) ** (options.rho or RHO)
    return [*np.exp(math.log(low) + left * math.log(high / low)).tolist(), 0.0]


POLYEXPONENTIAL = Scheduler("polyexponential", "Polyexponential", polyexponential, order=40, rho=RHO)
