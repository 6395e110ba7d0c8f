"""What a sampler and a scheduler are. Each lies in a file of its own, found by ``webui.registry``.

The letters are those of Karras et al. 2022, "Elucidating the Design Space of Diffusion-Based Generative Models"
(arXiv:2206.00364): ``x`` is a latent with noise of standard deviation ``sigma``, ``x0`` its denoised estimate, and
``eps = (x − x0) / sigma``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from webui.registry import discover, find
from webui.sampling.schedule import NoiseSchedule, ScheduleOptions, leading_sigmas, scaled_linear

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

Some of sd-webui's differ in count ("DDIM") or end above 0 ("KL Optimal"), and so do a timestep sampler's own
(``schedule.leading_sigmas``).
"""

Rest = Callable[[list[float], NoiseSchedule, ScheduleOptions], list[float]]
"""(σ of the timesteps that are left, the model's noise schedule, options) → the sigmas to step through instead."""

Use = Literal[
    "eta",
    "churn",
    "s_noise",
    "ensd",
    "second_order",
    "timesteps",
    "brownian",
    "discard",
    "uni_pc",
    "adaptive",
    "uncond",
]
"""What a sampler makes use of, or is.

``eta``, ``churn`` (``s_churn s_tmin s_tmax``), ``s_noise``: these options. ``ensd``: it draws noise at every step.
``second_order``: it calls the model twice a step, but for one to σ = 0. ``timesteps``: sd-webui runs it in the
variance-preserving scaling, which decides what it starts from (``run.start``). ``brownian``: its noise is that of one
Brownian path per picture. ``discard``: it leaves out the last sigma but one. ``uni_pc``: the options of that name.
``adaptive``: it takes the range of the sigmas and places its steps itself. ``uncond``: it needs the estimate for the
negative prompt, whatever the CFG scale.
"""


@dataclass(frozen=True)
class SamplerOptions:
    """Knobs of the solvers. ``eta``: how much of the ancestral noise is added, 0 (none) to 1.

    ``s_churn``, ``s_tmin``, ``s_tmax``: extra noise while s_tmin ≤ sigma ≤ s_tmax (Karras et al., algorithm 2);
    ``s_noise`` multiplies all noise added on the way. ``schedule`` is the model's, for solvers that count in timesteps.
    """

    eta: float = 1.0
    s_churn: float = 0.0
    s_tmin: float = 0.0
    s_tmax: float = math.inf
    s_noise: float = 1.0
    uni_pc_variant: str = "bh1"
    uni_pc_order: int = 3
    uni_pc_lower_order_final: bool = True
    schedule: NoiseSchedule = field(default=scaled_linear(), repr=False)


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
    count: Callable[[list[float]], int] | None = None  # model calls along sigmas, where ``calls`` cannot tell
    rest: Rest | None = None  # its own sigmas on a picture, where they are not simply the last of ``schedule``
    told: Callable[[NoiseSchedule, float], float] | None = None  # the sigma the network is told, where it is another

    @property
    def calls_per_step(self) -> int:
        """Model calls in every step but one to σ = 0, which makes one."""
        return 2 if "second_order" in self.uses else 1


@dataclass(frozen=True)
class Scheduler:
    """A way to place the sigmas. ``sigmas`` None: left to the sampler ("Automatic").

    ``rho`` is the default of its exponent, where it has one; ``on_timesteps`` says that it needs the model's whole
    noise schedule, not only its first and last sigma; ``limited`` that ``sigma_min`` and ``sigma_max`` count.
    """

    name: str
    label: str
    sigmas: Sigmas | None
    order: int  # place in the list
    aliases: tuple[str, ...] = ()
    rho: float | None = None
    on_timesteps: bool = False
    limited: bool = True


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


def calls(sampler: Sampler, sigmas: list[float]) -> int:
    """How often the sampler will call the model along ``sigmas``. Of DPM adaptive an estimate: nobody can know."""
    if sampler.count:
        return sampler.count(sigmas)
    return sum(sampler.calls_per_step if sigma > 0 else 1 for sigma in sigmas[1:])


def sigmas_for(
    sampler: Sampler,
    scheduler: Scheduler,
    steps: int,
    schedule: NoiseSchedule,
    options: ScheduleOptions = ScheduleOptions(),  # noqa: B008 (frozen)
) -> list[float]:
    """The sigmas that ``sampler`` steps through in ``steps`` steps (1 or more) under ``scheduler``.

    A sampler that places its steps itself is given their number and range alone, whatever the scheduler: as in sd-webui
    it ends at the lowest σ, not at 0. Raises Fault ``sigma_limits``.
    """
    if "adaptive" in sampler.uses:
        low, high = options.limits(schedule)
        return np.geomspace(high, low, _at_least_one(steps) + 1).tolist()
    return _placed(sampler, scheduler, _at_least_one(steps), schedule, options)


@dataclass(frozen=True)
class Cut:
    """The end of a schedule, along which a picture is made anew.

    ``noised``: the σ that the picture is raised to before ``sigmas`` begin. ``span``: the lowest σ above 0 and the
    highest of the whole schedule, which is what a Brownian path runs over.
    """

    sigmas: list[float]
    noised: float
    span: tuple[float, float]


def img2img_cut(
    sampler: Sampler,
    scheduler: Scheduler,
    steps: int,
    strength: float,
    schedule: NoiseSchedule,
    options: ScheduleOptions = ScheduleOptions(),  # noqa: B008 (frozen)
    exact: bool = False,
) -> Cut:
    """What is left of the schedule for a picture changed by ``strength`` (0 … 1), as sd-webui counts it.

    Of ``steps`` steps the last ⌊steps · strength⌋ + 1 are taken; a strength of 1 counts as 0.999. With ``exact`` (hires
    fix, and a setting) there are as many steps in all as leave ``steps`` of them; a strength of 0 then leaves none.

    A timestep sampler on its own timesteps takes one step less, and sets in one timestep below that which the picture
    is noised to: sd-webui's slip, and part of its pictures.
    """
    fraction = min(strength, 0.999)
    if exact and not strength:
        return Cut([0.0], 0.0, (0.0, 0.0))
    total, kept = (int(steps / fraction), steps - 1) if exact else (steps, int(fraction * steps))
    whole = _placed(sampler, scheduler, _at_least_one(total), schedule, options)
    span = min(sigma for sigma in whole if sigma > 0), max(whole)
    if "timesteps" in sampler.uses and scheduler.sigmas is None and callable(sampler.schedule):
        whole = leading_sigmas(total, schedule, options) if sampler.rest else whole
        left = whole[len(whole) - max(kept, 1) :]
        return Cut(sampler.rest(left, schedule, options) if sampler.rest else left, whole[-1 - kept], span)
    begin = total - kept - 1 if len(whole) > total else -kept - 2  # there are fewer timesteps than so many steps
    return Cut(whole[begin:], whole[begin], span)


def _placed(
    sampler: Sampler, scheduler: Scheduler, steps: int, schedule: NoiseSchedule, options: ScheduleOptions
) -> list[float]:
    """Without the last sigma but one where the sampler or the options leave it out: one more is then asked for."""
    place = scheduler.sigmas or sampler.schedule
    if isinstance(place, str):
        place = find_scheduler(place).sigmas
    if place is None:
        raise ValueError(f"{sampler.name} leaves its schedule to {sampler.schedule!r}, which leaves it to the sampler")
    discard = options.discard_next_to_last or "discard" in sampler.uses
    sigmas = place(steps + discard, schedule, options)
    if discard and place is not sampler.schedule:  # sd-webui discards none of the timesteps
        del sigmas[-2]
    return list(dict.fromkeys(sigmas))  # a step from one to itself would go nowhere, and divide by its length


def _at_least_one(steps: int) -> int:
    if steps < 1:
        raise ValueError(f"steps must be at least 1, not {steps}")
    return steps
