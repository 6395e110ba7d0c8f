"""diffusers' schedulers: (x_t at sigmas[0], sigmas, noise, options) → x_t at the end.

On our sigmas, where they can be made to take them; the others take their own timesteps, and ``sigmas`` are to be those.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from tests.sampling.oracle_papers.network import SCHEDULE, bars, scaled
from webui.sampling.kinds import SamplerOptions

BETAS: dict[str, Any] = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}


def unipc(x: Tensor, sigmas: list[float], noise: torch.Generator, options: SamplerOptions) -> Tensor:
    from diffusers.schedulers.scheduling_unipc_multistep import UniPCMultistepScheduler

    chosen: dict[str, Any] = {
        "solver_order": options.uni_pc_order,
        "solver_type": options.uni_pc_variant,
        "lower_order_final": options.uni_pc_lower_order_final,
    }
    scheduler = UniPCMultistepScheduler(**BETAS, **chosen)
    return _multistep(scheduler, x, sigmas)


def deis(x: Tensor, sigmas: list[float], noise: torch.Generator, options: SamplerOptions) -> Tensor:
    from diffusers.schedulers.scheduling_deis_multistep import DEISMultistepScheduler

    return _multistep(DEISMultistepScheduler(**BETAS, solver_order=3, lower_order_final=False), x, sigmas)


def _multistep(scheduler: Any, x: Tensor, sigmas: list[float]) -> Tensor:
    scheduler.set_timesteps(len(sigmas) - 1)
    scheduler.sigmas = torch.tensor(sigmas, dtype=torch.float64)
    for bar, t in zip(bars(sigmas), scheduler.timesteps, strict=False):
        x = scheduler.step(scaled(x, bar), t, x, return_dict=False)[0]
    return x


def plms(x: Tensor, sigmas: list[float], noise: torch.Generator, options: SamplerOptions) -> Tensor:
    """On the timesteps that sd-webui takes: its last step, to the first timestep of all, is not run there."""
    from diffusers.schedulers.scheduling_pndm import PNDMScheduler

    scheduler: Any = PNDMScheduler(**BETAS, skip_prk_steps=True, steps_offset=1)
    _share_alphas(scheduler)
    scheduler.set_timesteps(len(sigmas))
    for t in scheduler.timesteps[: len(sigmas)]:  # one more call than steps
        x = scheduler.step(scaled(x, SCHEDULE.alphas_cumprod[int(t)]), int(t), x, return_dict=False)[0]
    return x


def tcd(x: Tensor, sigmas: list[float], noise: torch.Generator, options: SamplerOptions) -> Tensor:
    """On its own timesteps, the last of which leads to t = 0: ``sigmas`` have to end there."""
    from diffusers.schedulers.scheduling_tcd import TCDScheduler

    return _distilled(TCDScheduler(**BETAS), x, len(sigmas) - 1, noise, eta=options.eta)


def lcm(x: Tensor, sigmas: list[float], noise: torch.Generator, options: SamplerOptions) -> Tensor:
    """On its own timesteps, and with a c_skip that multiplies x_t instead of x."""
    from diffusers.schedulers.scheduling_lcm import LCMScheduler

    return _distilled(LCMScheduler(**BETAS, clip_sample=False), x, len(sigmas) - 1, noise)


def _distilled(scheduler: Any, x: Tensor, steps: int, noise: torch.Generator, **options: float) -> Tensor:
    _share_alphas(scheduler)
    scheduler.set_timesteps(steps)
    for t in scheduler.timesteps:
        eps = scaled(x, SCHEDULE.alphas_cumprod[int(t)])
        x = scheduler.step(eps, int(t), x, generator=noise, return_dict=False, **options)[0]
    return x


def _share_alphas(scheduler: Any) -> None:
    """Ours, in double precision."""
    scheduler.alphas_cumprod = torch.tensor(SCHEDULE.alphas_cumprod, dtype=torch.float64)
