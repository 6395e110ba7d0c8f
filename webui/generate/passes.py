"""What each sampling pass of a picture is asked to do, as values."""

from __future__ import annotations

from dataclasses import dataclass

from webui.generate.loaded import Role
from webui.jobs.executor import Order
from webui.plan import Shot
from webui.request import Refiner, hires_size
from webui.sampling.kinds import Sampler, Scheduler, find_sampler, find_scheduler


@dataclass(frozen=True)
class Pass:
    """One run of a sampler. ``size`` is width and height in pixels, before anything is cut off.

    ``strength``: how much of a picture under it is made anew, None when there is none. ``base_calls``: how often the
    first pass called the network, when this is the second; prompt editing counts on from there.
    """

    role: Role
    sampler: Sampler
    scheduler: Scheduler
    steps: int
    cfg: float
    prompt: str
    negative: str
    size: tuple[int, int]
    refiner: Refiner | None = None
    strength: float | None = None
    base_calls: int | None = None

    @property
    def hires(self) -> bool:
        return self.base_calls is not None

    @property
    def calls(self) -> int:
        """Network calls as sd-webui counts them for prompt editing: two a step for samplers of second order."""
        return self.steps * self.sampler.calls_per_step

    @property
    def work(self) -> float:
        """In a unit that passes share: calls times pixels."""
        return float(self.calls * self.size[0] * self.size[1])


def first_pass(order: Order, shot: Shot) -> Pass:
    """With a second pass the refiner waits for that, as sd-webui does by default."""
    request, sampling = order.request, order.request.sampling
    return Pass(
        role="checkpoint",
        sampler=find_sampler(sampling.sampler),
        scheduler=find_scheduler(sampling.scheduler),
        steps=sampling.steps,
        cfg=sampling.cfg_scale,
        prompt=shot.prompt,
        negative=shot.negative,
        size=(request.size.width, request.size.height),
        refiner=None if request.hires else request.refiner,
    )


def second_pass(order: Order, shot: Shot) -> Pass | None:
    """None where nobody asked for one. Whatever it does not say itself is as in the first pass."""
    request, hires = order.request, order.request.hires
    if hires is None:
        return None
    first = first_pass(order, shot)
    return Pass(
        role="hires_checkpoint" if hires.checkpoint else first.role,
        sampler=find_sampler(hires.sampler) if hires.sampler else first.sampler,
        scheduler=find_scheduler(hires.scheduler) if hires.scheduler else first.scheduler,
        steps=hires.steps or first.steps,
        cfg=hires.cfg_scale or first.cfg,
        prompt=shot.hires_prompt or shot.prompt,
        negative=shot.hires_negative or shot.negative,
        size=hires_size(request),
        refiner=request.refiner,
        strength=hires.denoising,
        base_calls=first.calls,
    )
