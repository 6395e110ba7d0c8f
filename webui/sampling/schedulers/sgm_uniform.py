"""SGM Uniform: as Uniform with one more step, the last of which is left out, so that no step is spent at the lowest σ.

Stability AI's generative-models (SDXL) places its steps so.
"""

import numpy as np

from webui.sampling.kinds import Scheduler
from webui.sampling.schedule import NoiseSchedule, ScheduleOptions


def sgm_uniform(n: int, schedule: NoiseSchedule, options: ScheduleOptions) -> list[float]:
    timesteps = np.linspace(schedule.t_max, 0, n + 1)[:-1].tolist()
    return [*map(schedule.t_to_sigma, timesteps), 0.0]


SGM_UNIFORM = Scheduler("sgm_uniform", "SGM Uniform", sgm_uniform, order=50, aliases=("SGMUniform",), on_timesteps=True)
