"""Normal: evenly spaced in the model's timesteps between those of the highest and the lowest σ."""

import numpy as np

from webui.sampling.kinds import Scheduler
from webui.sampling.schedule import NoiseSchedule, ScheduleOptions


def normal(n: int, schedule: NoiseSchedule, options: ScheduleOptions) -> list[float]:
    last, first = map(schedule.sigma_to_t, options.limits(schedule))
    return [*map(schedule.t_to_sigma, np.linspace(first, last, n).tolist()), 0.0]


NORMAL = Scheduler("normal", "Normal", normal, order=90, on_timesteps=True)
