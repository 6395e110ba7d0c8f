"""Simple: every (1000/n)-th timestep counted from the last, which are rounded up. As in sd-webui no limits count."""

from webui.sampling.kinds import Scheduler
from webui.sampling.schedule import NoiseSchedule, ScheduleOptions


def simple(n: int, schedule: NoiseSchedule, options: ScheduleOptions) -> list[float]:
    stride = len(schedule.sigmas) / n
    return [*(schedule.sigmas[-1 - int(i * stride)] for i in range(n)), 0.0]


SIMPLE = Scheduler("simple", "Simple", simple, order=80, on_timesteps=True, limited=False)
