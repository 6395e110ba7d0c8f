"""Align Your Steps: ten steps optimised for the model, others between them (Sabour et al. 2024, arXiv:2404.14507).

The numbers are those its authors published; in between log σ is linear. They are what they are: no limits count.
"""

import numpy as np

from webui.sampling.kinds import Scheduler
from webui.sampling.schedule import NoiseSchedule, ScheduleOptions

SD1 = (14.615, 6.475, 3.861, 2.697, 1.886, 1.396, 0.963, 0.652, 0.399, 0.152, 0.029)
SDXL = (14.615, 6.315, 3.771, 2.181, 1.342, 0.862, 0.555, 0.380, 0.234, 0.113, 0.029)


def align_your_steps(n: int, schedule: NoiseSchedule, options: ScheduleOptions) -> list[float]:
    table = SDXL if options.sdxl else SD1
    if n == len(table):  # not by way of logarithms
        return [*table, 0.0]
    places = np.linspace(0, len(table) - 1, n)
    return [*np.exp(np.interp(places, range(len(table)), np.log(table))).tolist(), 0.0]


ALIGN_YOUR_STEPS = Scheduler("align_your_steps", "Align Your Steps", align_your_steps, order=70, limited=False)
