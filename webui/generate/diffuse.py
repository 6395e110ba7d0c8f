"""One sampling pass: from noise, or from a latent with noise over it, to a latent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from webui.generate.loaded import Loaded
from webui.generate.options import sampler_options, schedule_options
from webui.generate.passes import Pass
from webui.generate.refiner import Network, Refining, by_noise, by_steps
from webui.generate.texts import Text, Texts
from webui.generate.watch import Watch
from webui.jobs.executor import Order
from webui.plan import Shot
from webui.sampling.guidance import Interrupted
from webui.sampling.kinds import Cut, calls, img2img_cut, sigmas_for
from webui.sampling.noise import ImageNoise
from webui.sampling.run import sample
from webui.sampling.schedule import NoiseSchedule


@dataclass(frozen=True)
class Work:
    """What the pictures of one order have in common."""

    order: Order
    models: Loaded
    texts: Texts


@dataclass(frozen=True)
class Diffused:
    """``latent`` (1, C, h, w): None when stopped before there was anything. ``stopped``: before the last step."""

    latent: Tensor | None
    stopped: bool


@dataclass
class Seen:
    """What turned out while one picture was made: see ``fields.Facts``."""

    refined: bool = False
    left_out: bool = False
    padded: bool = False


def diffuse(work: Work, watch: Watch, shot: Shot, todo: Pass, seen: Seen, under: Tensor | None = None) -> Diffused:
    """``under`` (1, C, h, w): the latent that a pass with a strength starts from. Uses the pass's model.

    No model is held here but by ``work.models``: the refiner may have to take its place in memory.
    """
    work.models.use(todo.role)
    watch.begin(todo)
    guided, cut = _guided(work, watch, todo, seen), _cut(work, todo)
    watch.count(len(cut.sigmas) - 1, calls(todo.sampler, cut.sigmas))
    try:
        latent, stopped = sample(
            guided,
            todo.sampler,
            cut.sigmas,
            _noise(work, shot, todo, under),
            sampler_options(work.order, todo.sampler),
            under,
            work.order.settings.sgm_noise_multiplier,
            noised=cut.noised,
            span=cut.span,
        ), False  # fmt: skip
    except Interrupted as interrupted:
        latent, stopped = interrupted.x0, True
    watch.end()
    seen.refined |= guided.refined
    seen.left_out |= "late" in guided.left_out.values()
    return Diffused(latent, stopped)


def _guided(work: Work, watch: Watch, todo: Pass, seen: Seen) -> Refining:
    prompts, network, settings = work.texts.prompts(todo), _network(work, seen), work.order.settings
    for words in sorted(prompts.first):
        work.texts.encode(words)
    return Refining(
        predict=network.predict,
        parts=prompts.parts,
        negative=prompts.negative,
        cfg=todo.cfg,
        schedule=network.schedule,
        prediction=network.prediction,
        interrupted=watch.interrupted,
        report=watch.report,
        s_min_uncond=work.order.request.sampling.s_min_uncond,
        s_min_uncond_all=settings.s_min_uncond_all,
        skip_early_cond=settings.skip_early_cond,
        steps=todo.calls,
        due=_due(work, todo, network),
        switch=lambda: _refiner(work, seen),
    )


def _network(work: Work, seen: Seen) -> Network:
    """The model in use, as sampling asks it."""

    def predict(x: Tensor, t: float, texts: Sequence[Text]) -> list[Tensor]:
        conds, padded = work.texts.for_network(texts)
        seen.padded |= padded
        model = work.models.model
        return model.family.predict(model.parts, x, t, conds)

    return Network(predict, _schedule(work), work.models.model.variant.objective.prediction)


def _schedule(work: Work) -> NoiseSchedule:
    model, wish = work.models.model, work.order.settings.sd_noise_schedule
    return model.variant.objective.schedule(model.family.schedule, wish == "Zero Terminal SNR")


def _refiner(work: Work, seen: Seen) -> Network:
    work.models.use("refiner")
    return _network(work, seen)


def _due(work: Work, todo: Pass, network: Network) -> Callable[[int, float], bool]:
    if todo.refiner is None:
        return lambda calls, sigma: False
    if work.order.settings.refiner_switch_by_sample_steps:
        return by_steps(todo.refiner.switch_at, todo.calls)
    return by_noise(todo.refiner.switch_at, network.schedule)


def _cut(work: Work, todo: Pass) -> Cut:
    """Where the pass begins and how it goes down: from pure noise all the way, or the end of a longer way."""
    schedule, options = _schedule(work), schedule_options(work.order.settings, sdxl=False)
    if todo.strength is None:
        sigmas = sigmas_for(todo.sampler, todo.scheduler, todo.steps, schedule, options)
        return Cut(sigmas, sigmas[0], (min(filter(None, sigmas)), sigmas[0]))
    return img2img_cut(todo.sampler, todo.scheduler, todo.steps, todo.strength, schedule, options, exact=True)


def _noise(work: Work, shot: Shot, todo: Pass, under: Tensor | None) -> ImageNoise:
    model, seeds = work.models.model, work.order.request.seeds
    cell, channels = model.family.downscale, model.family.latent_channels
    width, height = todo.size
    shape = (channels, height // cell, width // cell) if under is None else (channels, under.shape[2], under.shape[3])
    resized = seeds.resize_width and seeds.resize_height
    return ImageNoise(
        shot.seed,
        shape,
        seeds.rng,
        model.device,
        seeds.eta_noise_seed_delta,
        subseed=shot.subseed,
        subseed_strength=seeds.subseed_strength,
        resize_from=(seeds.resize_height // cell, seeds.resize_width // cell) if resized else None,
    )
