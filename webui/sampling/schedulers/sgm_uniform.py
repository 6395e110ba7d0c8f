"""SGM Uniform: as Normal with one more step, the last of which is left out, so that no step is spent at the lowest σ.

Stability AI's generative-models (SDXL) places its steps so.
"""

import numpy as np

from webui.sampling.kinds import Scheduler
from webui.sampling.schedule import NoiseSchedule, ScheduleOptions


def sgm_uniform(n: int, schedule: NoiseSchedule, options: ScheduleOptions) -> list[float]:
    last, first = map(schedule.sigma_to_t, options.limits(schedule))
    return [*map(schedule.t_to_sigma, np.linspace(first, last, n + 1)[:-1].tolist()), 0.0]


SGM_UNIFORM = Scheduler("sgm_uniform", "SGM Uniform", sgm_uniform, order=50, aliases=("SGMUniform",), on_timesteps=True)
