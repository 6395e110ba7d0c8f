"""Automatic: what the sampler's authors used it with (``Sampler.schedule``)."""

from webui.sampling.kinds import Scheduler

AUTOMATIC = Scheduler("automatic", "Automatic", sigmas=None, order=0)
