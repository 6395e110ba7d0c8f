"""Beta: timesteps at the quantiles of a beta distribution, dense at both ends (Lee et al. 2024, arXiv:2407.12173).

sd-webui 1.10.1 put the quantiles into σ itself, which wastes most steps on high noise. It is mended in its development
version (pull request 16926); so it is here, as the paper has it.
"""

import numpy as np

from webui.sampling.kinds import Scheduler
from webui.sampling.schedule import NoiseSchedule, ScheduleOptions


def beta(n: int, schedule: NoiseSchedule, options: ScheduleOptions) -> list[float]:
    from scipy import special  # takes its time to load

    last, first = map(schedule.sigma_to_t, options.limits(schedule))
    quantiles = special.betaincinv(options.beta_alpha, options.beta_beta, np.linspace(1, 0, n))
    return [*map(schedule.t_to_sigma, (last + (first - last) * quantiles).tolist()), 0.0]


BETA = Scheduler("beta", "Beta", beta, order=110, on_timesteps=True)
