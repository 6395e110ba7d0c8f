"""Uniform: evenly spaced in the model's timesteps, from the last to the first. As in sd-webui no limits count."""

import numpy as np

from webui.sampling.kinds import Scheduler
from webui.sampling.schedule import NoiseSchedule, ScheduleOptions


def uniform(n: int, schedule: NoiseSchedule, options: ScheduleOptions) -> list[float]:
    timesteps = np.linspace(schedule.t_max, 0, n).tolist()
    return [*map(schedule.t_to_sigma, timesteps), 0.0]


UNIFORM = Scheduler("uniform", "Uniform", uniform, order=10, on_timesteps=True, limited=False)
