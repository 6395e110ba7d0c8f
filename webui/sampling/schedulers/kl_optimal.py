"""KL Optimal: evenly spaced in arctan σ (Sabour et al. 2024, "Align Your Steps", arXiv:2404.14507, section 3).

It bounds the KL divergence best where data are Gaussian. As in sd-webui the last sigma is the lowest, not 0: the
picture keeps that trace of noise.
"""

import math

import numpy as np

from webui.sampling.kinds import Scheduler
from webui.sampling.schedule import NoiseSchedule, ScheduleOptions


def kl_optimal(n: int, schedule: NoiseSchedule, options: ScheduleOptions) -> list[float]:
    low, high = options.limits(schedule)
    return np.tan(np.linspace(math.atan(high), math.atan(low), n + 1)).tolist()


KL_OPTIMAL = Scheduler("kl_optimal", "KL Optimal", kl_optimal, order=60)
