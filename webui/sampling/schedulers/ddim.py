"""DDIM: every (1000 // n)-th timestep from t = 1, and 0 at the end. As in sd-webui no limits count.

There are ⌈999 / (1000 // n)⌉ of them, which may be more than n: 7 → 8, 30 → 31. For n = 1 the only one would be t = 1,
next to no noise: then, unlike sd-webui, the last timestep is taken.
"""

from webui.sampling.kinds import Scheduler
from webui.sampling.schedule import NoiseSchedule, ScheduleOptions


def ddim(n: int, schedule: NoiseSchedule, options: ScheduleOptions) -> list[float]:
    if n == 1:
        return [schedule.sigma_max, 0.0]
    stride = max(len(schedule.sigmas) // n, 1)
    return [*reversed(schedule.sigmas[1::stride]), 0.0]


DDIM = Scheduler("ddim", "DDIM", ddim, order=100, on_timesteps=True, limited=False)
