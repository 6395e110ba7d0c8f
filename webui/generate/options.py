"""What a job's settings and request come to, as the samplers and schedulers take it."""

from __future__ import annotations

import math

from webui.jobs.executor import Order
from webui.sampling.kinds import Sampler, SamplerOptions
from webui.sampling.schedule import ScheduleOptions
from webui.settings import Settings


def sampler_options(order: Order, sampler: Sampler) -> SamplerOptions:
    """The request goes before the settings."""
    asked, settings = order.request.sampling, order.settings
    return SamplerOptions(
        eta=_eta(asked.eta, settings, sampler),
        s_churn=asked.s_churn,
        s_tmin=asked.s_tmin,
        s_tmax=asked.s_tmax or math.inf,  # sd-webui's clients send 0 for "no limit"
        s_noise=asked.s_noise,
        uni_pc_variant=settings.uni_pc_variant,
        uni_pc_order=settings.uni_pc_order,
        uni_pc_lower_order_final=settings.uni_pc_lower_order_final,
    )


def _eta(asked: float | None, settings: Settings, sampler: Sampler) -> float:
    """sd-webui has two settings: one for the samplers that it runs on timesteps, one for all others.

    A setting that was left alone leaves a sampler its own default (TCD's is not 1).
    """
    if asked is not None:
        return asked
    name = "eta_ddim" if "timesteps" in sampler.uses else "eta_ancestral"
    chosen: float = getattr(settings, name)
    return chosen if chosen != Settings.model_fields[name].default else sampler.options.eta


def schedule_options(settings: Settings, *, sdxl: bool) -> ScheduleOptions:
    return ScheduleOptions(
        sigma_min=settings.sigma_min,
        sigma_max=settings.sigma_max,
        rho=settings.rho,
        beta_alpha=settings.beta_dist_alpha,
        beta_beta=settings.beta_dist_beta,
        discard_next_to_last=settings.always_discard_next_to_last_sigma,
        sdxl=sdxl,
        uni_pc_skip_type=settings.uni_pc_skip_type,
    )
