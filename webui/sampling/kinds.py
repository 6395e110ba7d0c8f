"""What a sampler and a scheduler are. Each lies in a file of its own, found by ``webui.registry``.

The letters are those of Karras et al. 2022, "Elucidating the Design Space of Diffusion-Based Generative Models"
(arXiv:2206.00364): ``x`` is a latent with noise of standard deviation ``sigma``, ``x0`` its denoised estimate, and
``eps = (x − x0) / sigma``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from webui.registry import discover, find
from webui.sampling.schedule import NoiseSchedule, ScheduleOptions

if TYPE_CHECKING:
    from torch import Tensor


class Denoised(NamedTuple):
    """``x0`` with guidance, and the estimate for the negative prompt alone, None where it was not needed."""

    x0: Tensor
    uncond: Tensor | None = None


Denoise = Callable[["Tensor", float], Denoised]
"""(x (B, C, h, w), sigma) → Denoised. One call of the guided model."""

Noise = Callable[[float, float], "Tensor"]
"""(sigma, sigma_next) → fresh standard normal noise in the shape of x, for the step between the two."""

Sigmas = Callable[[int, NoiseSchedule, ScheduleOptions], list[float]]
"""(steps, the model's noise schedule, options) → the falling sigmas: one more than steps, the last 0.

Only a sampler's own may differ in count and end (``schedule.leading_sigmas``).
"""

Use = Literal[
    "eta", "churn", "s_noise", "ensd", "second_order", "timesteps", "brownian", "discard", "uni_pc", "adaptive"
]
"""What a sampler makes use of, or is.

``eta``, ``churn`` (``s_churn s_tmin s_tmax``), ``s_noise``: these options. ``ensd``: it draws noise at every step.
``second_order``: it calls the model twice a step, but for the last. ``timesteps``: sd-webui runs it in the
variance-preserving scaling, which decides what it starts from (``run.start``). ``brownian``: its noise is that of one
Brownian path per picture. ``discard``: it leaves out the last sigma but one. ``uni_pc``: the options of that name.
``adaptive``: it takes the range of the sigmas and chooses its steps itself.
"""


@dataclass(frozen=True)
class SamplerOptions:
    """Knobs of the solvers. ``eta``: how much of the ancestral noise is added, 0 (none) to 1.

    ``s_churn``, ``s_tmin``, ``s_tmax``: extra noise while s_tmin ≤ sigma ≤ s_tmax (Karras et al., algorithm 2);
    ``s_noise`` multiplies all noise added on the way.
    """

    eta: float = 1.0
    s_churn: float = 0.0
    s_tmin: float = 0.0
    s_tmax: float = math.inf
    s_noise: float = 1.0
    uni_pc_variant: str = "bh1"
    uni_pc_skip_type: str = "time_uniform"
    uni_pc_order: int = 3
    uni_pc_lower_order_final: bool = True


Run = Callable[[Denoise, "Tensor", list[float], Noise, SamplerOptions], "Tensor"]
"""(denoise, x at sigmas[0], sigmas, noise, options) → x at sigmas[-1]. Pure: keeps no state, touches no generator."""


@dataclass(frozen=True)
class Sampler:
    """A solver. ``schedule`` is what "Automatic" means for it: a scheduler's name, or sigmas of its own."""

    name: str
    run: Run
    order: int  # place in the list
    aliases: tuple[str, ...] = ()
    schedule: str | Sigmas = "uniform"
    uses: frozenset[Use] = frozenset()
    options: SamplerOptions = SamplerOptions()  # its defaults

    @property
    def calls_per_step(self) -> int:
        """Model calls in every step but the last, which always makes one."""
        return 2 if "second_order" in self.uses else 1


@dataclass(frozen=True)
class Scheduler:
    """A way to place the sigmas. ``sigmas`` None: left to the sampler ("Automatic").

    ``rho`` is the default of its exponent, where it has one; ``on_timesteps`` says that it needs the model's whole
    noise schedule, not only its first and last sigma.
    """

    name: str
    label: str
    sigmas: Sigmas | None
    order: int  # place in the list
    aliases: tuple[str, ...] = ()
    rho: float | None = None
    on_timesteps: bool = False


def samplers() -> Mapping[str, Sampler]:
    """All samplers by name ("DPM++ 2M"), in the order people know."""
    return discover("webui.sampling.samplers", Sampler)


def schedulers() -> Mapping[str, Scheduler]:
    """All schedulers by name ("karras"; the label is "Karras"), in the order people know."""
    return discover("webui.sampling.schedulers", Scheduler)


def find_sampler(name: str) -> Sampler:
    """By name or alias, in any case; raises ``registry.UnknownName``."""
    return find(samplers(), name, "sampler")


def find_scheduler(name: str) -> Scheduler:
    """By name, label or alias, in any case; raises ``registry.UnknownName``."""
    return find(schedulers(), name, "scheduler")


def sigmas_for(
    sampler: Sampler,
    scheduler: Scheduler,
    steps: int,
    schedule: NoiseSchedule,
    options: ScheduleOptions = ScheduleOptions(),  # noqa: B008 (frozen)
) -> list[float]:
    """The sigmas that ``sampler`` steps through in ``steps`` steps (1 or more) under ``scheduler``."""
    if steps < 1:
        raise ValueError(f"steps must be at least 1, not {steps}")
    place = scheduler.sigmas or sampler.schedule
    if isinstance(place, str):
        place = find_scheduler(place).sigmas
    if place is None:
        raise ValueError(f"{sampler.name} leaves its schedule to {sampler.schedule!r}, which leaves it to the sampler")
    return place(steps, schedule, options)
