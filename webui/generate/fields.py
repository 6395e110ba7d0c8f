"""The fields of a picture's generation text, in the order in which sd-webui writes them.

Its keys come in two groups: fixed ones, and those that arise while it works, in the order of arising (later ones may
change an earlier one's value, not its place). ``docs/infotext.md`` lists the keys that are ours alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from webui import __version__
from webui.generate.options import sampler_options
from webui.infotext import Extent, format_infotext, number
from webui.jobs.executor import FileRef, Order
from webui.plan import Shot
from webui.prompt import Part, Rules, read, rules_of
from webui.request import Hires
from webui.sampling.kinds import Sampler, Scheduler, find_sampler, find_scheduler
from webui.settings import Settings

DEFAULT = Settings()


@dataclass(frozen=True)
class Facts:
    """What only the worker knows. ``precision``: what the network computed in ("fp16"), None for full.

    ``refined``: the refiner took over. ``left_out``: the negative prompt was, at low noise (NGMS). ``padded``: a prompt
    was padded to the other's length.
    """

    precision: str | None = None
    refined: bool = True
    left_out: bool = True
    padded: bool = False


class Method(NamedTuple):
    """How one pass steps."""

    sampler: Sampler
    scheduler: Scheduler

    @property
    def schedule(self) -> Scheduler | None:
        """What the scheduler, or "Automatic", comes to; None for sigmas that sd-webui has no name for."""
        if self.on_timesteps:
            return None
        own = self.sampler.schedule
        if self.scheduler.sigmas is None:
            return find_scheduler(own) if isinstance(own, str) and own != "uniform" else None
        return self.scheduler

    @property
    def on_timesteps(self) -> bool:
        """Then the scheduler has no say."""
        return "timesteps" in self.sampler.uses


def infotext(order: Order, shot: Shot, facts: Facts) -> str:
    return format_infotext(shot.prompt, shot.negative, fields(order, shot, facts))


def fields(order: Order, shot: Shot, facts: Facts) -> dict[str, Any]:
    """By key. What is None is not written."""
    found = _fixed(order, shot) | (_hires(order, shot, order.request.hires) if order.request.hires else {})
    for more in _arising(order, shot, facts):
        found |= {key: value for key, value in more.items() if value is not None}
    version = f"atelier-{__version__}" if order.settings.add_version_to_infotext else None
    return found | _ours(order, shot, facts) | {"Version": version}


def _fixed(order: Order, shot: Shot) -> dict[str, Any]:
    request, settings = order.request, order.settings
    sampling, seeds, size = request.sampling, request.seeds, request.size
    checkpoint, vae = order.files["checkpoint"], order.files.get("vae")
    varied = seeds.subseed_strength > 0
    return {
        "Steps": sampling.steps,
        "Sampler": find_sampler(sampling.sampler).name,
        "Schedule type": find_scheduler(sampling.scheduler).label,
        "CFG scale": number(sampling.cfg_scale),
        "Seed": shot.seed,
        "Size": Extent(size.width, size.height),
        "Model hash": _hash(checkpoint) if settings.add_model_hash_to_info else None,
        "Model": _stem(checkpoint) if settings.add_model_name_to_info else None,
        "VAE hash": _hash(vae) if vae and settings.add_vae_hash_to_info else None,
        "VAE": _basename(vae) if vae and settings.add_vae_name_to_info else None,
        "Variation seed": shot.subseed if varied else None,
        "Variation seed strength": number(seeds.subseed_strength) if varied else None,
        "Seed resize from": _extent(seeds.resize_width, seeds.resize_height),
        "Denoising strength": number(request.hires.denoising) if request.hires else None,
        "Clip skip": request.models.clip_skip if request.models.clip_skip > 1 else None,
        "ENSD": _ensd(order),
        "RNG": seeds.rng if seeds.rng != "GPU" else None,
        "Tiling": "True" if size.tiling else None,
    }


def _arising(order: Order, shot: Shot, facts: Facts) -> Iterable[dict[str, Any]]:
    """What sd-webui adds as it goes: texts encoded, first pass (unless a picture takes its place), second pass."""
    request, settings = order.request, order.settings
    yield _encoding(order, shot)
    yield {"Noise Schedule": _other(settings.sd_noise_schedule, _default("sd_noise_schedule"))}
    first = Method(find_sampler(request.sampling.sampler), find_scheduler(request.sampling.scheduler))
    padded = {"Pad conds": facts.padded or None}
    if "source" not in order.files:
        yield _sigmas(order, first, "Schedule type")
        yield {"SGM noise multiplier": (settings.sgm_noise_multiplier and not first.on_timesteps) or None}
        yield _solver(order, first.sampler)
        yield _on_the_way(order, facts)
        yield padded if request.hires else {}
    if request.hires:
        second = Method(
            find_sampler(request.hires.sampler) if request.hires.sampler else first.sampler,
            find_scheduler(request.hires.scheduler) if request.hires.scheduler else first.scheduler,
        )
        yield _second_sigmas(order, first, second)
        yield _solver(order, second.sampler)
        yield _on_the_way(order, facts)
    if request.refiner and facts.refined:
        yield {
            "Refiner": _title(order.files["refiner"]),
            "Refiner switch at": number(request.refiner.switch_at),
        }
    yield padded


def _hires(order: Order, shot: Shot, hires: Hires) -> dict[str, Any]:
    """Of the second pass, as it is planned."""
    request, resized = order.request, _extent(hires.width, hires.height, either=True)
    sampler = find_sampler(hires.sampler).name if hires.sampler else None
    cfg = hires.cfg_scale if hires.cfg_scale != request.sampling.cfg_scale else 0
    return {
        "Hires checkpoint": _title(order.files["hires_checkpoint"]) if hires.checkpoint else None,
        "Hires sampler": sampler if sampler != find_sampler(request.sampling.sampler).name else None,
        "Hires prompt": _other(shot.hires_prompt, shot.prompt),
        "Hires negative prompt": _other(shot.hires_negative, shot.negative),
        "Hires CFG Scale": number(cfg) if cfg else None,
        "Hires schedule type": None,  # keeps the place for what the second pass finds
        "Hires upscale": None if resized else number(hires.scale),
        "Hires resize": resized,
        "Hires steps": hires.steps or None,
        "Hires upscaler": hires.upscaler,
    }


def _encoding(order: Order, shot: Shot) -> dict[str, Any]:
    """Of the prompts: settings that changed nothing are not written."""
    settings, rules = order.settings, rules_of(order.settings)
    old, emphasis = settings.use_old_scheduling, settings.emphasis
    if not old and emphasis == "Original":
        return {}
    texts = _schedules(order, shot, rules)
    edited = old and texts != _schedules(order, shot, replace(rules, old_scheduling=False))
    brackets = any("(" in text or "[" in text for part in texts for _, text in part.schedule)
    return {
        "Old prompt editing timelines": edited or None,
        "Emphasis": emphasis if emphasis != "Original" and brackets else None,
    }


def _schedules(order: Order, shot: Shot, rules: Rules) -> list[Part]:
    """The texts of both passes, all prompts."""
    sampling, hires = order.request.sampling, order.request.hires
    steps = sampling.steps * find_sampler(sampling.sampler).calls_per_step
    prompts: list[tuple[str, str, int, int | None]] = [(shot.prompt, shot.negative, steps, None)]
    if hires:
        second = (hires.steps or sampling.steps) * find_sampler(hires.sampler or sampling.sampler).calls_per_step
        prompts.append((shot.hires_prompt or shot.prompt, shot.hires_negative or shot.negative, second, steps))
    return [
        part
        for positive, negative, steps, before in prompts
        for text, negated in ((positive, False), (negative, True))
        for part in read(text, steps, rules, base_steps=before, negative=negated).parts
    ]


def _sigmas(order: Order, method: Method, key: str) -> dict[str, Any]:
    """``key``: that of the schedule."""
    settings, schedule = order.settings, method.schedule
    always = settings.always_discard_next_to_last_sigma and "discard" not in method.sampler.uses
    found: dict[str, Any] = {"Discard penultimate sigma": (always and not method.on_timesteps) or None}
    if schedule is None:
        return found
    rho = settings.rho if schedule.rho is not None and settings.rho not in (0, schedule.rho) else 0
    beta = schedule.label == "Beta"
    return found | {
        key: schedule.label,
        "Schedule min sigma": _unless(settings.sigma_min, 0),
        "Schedule max sigma": _unless(settings.sigma_max, 0),
        "Schedule rho": _unless(rho, 0),
        "Beta schedule alpha": number(settings.beta_dist_alpha) if beta else None,
        "Beta schedule beta": number(settings.beta_dist_beta) if beta else None,
    }


def _second_sigmas(order: Order, first: Method, second: Method) -> dict[str, Any]:
    """The schedule is written where it is another than that of the first pass, or there was no such pass.

    So is "Automatic", which sd-webui leaves out, and reads back as the first pass's schedule.
    """
    found = _sigmas(order, second, "Hires schedule type")
    before = first.schedule if "source" not in order.files else None
    if second.schedule:
        label = second.schedule.label if second.schedule != before else None
    else:
        told = (before or first.scheduler).label
        label = second.scheduler.label if second.scheduler.label != told and not second.on_timesteps else None
    return found | {"Hires schedule type": label}


def _solver(order: Order, sampler: Sampler) -> dict[str, Any]:
    options, uses, own = sampler_options(order, sampler), sampler.uses, sampler.options
    eta = "Eta DDIM" if "timesteps" in uses else "Eta"
    churn = "churn" in uses
    return {
        eta: _unless(options.eta, own.eta) if "eta" in uses else None,
        "Sigma churn": _unless(options.s_churn, 0) if churn else None,
        "Sigma tmin": _unless(options.s_tmin, 0) if churn else None,
        "Sigma tmax": _unless(options.s_tmax, math.inf) if churn else None,
        "Sigma noise": _unless(options.s_noise, 1) if "s_noise" in uses else None,
    } | (_uni_pc(order.settings) if "uni_pc" in uses else {})  # fmt: skip


def _uni_pc(settings: Settings) -> dict[str, Any]:
    """sd-webui reads these and never writes them."""
    return {
        "UniPC variant": _other(settings.uni_pc_variant, DEFAULT.uni_pc_variant),
        "UniPC skip type": _other(settings.uni_pc_skip_type, DEFAULT.uni_pc_skip_type),
        "UniPC order": _unless(settings.uni_pc_order, DEFAULT.uni_pc_order),
        "UniPC lower order final": None if settings.uni_pc_lower_order_final else "False",
    }


def _on_the_way(order: Order, facts: Facts) -> dict[str, Any]:
    settings, low = order.settings, order.request.sampling.s_min_uncond
    low = low if facts.left_out else 0
    return {
        "Refiner switch by sampling steps": settings.refiner_switch_by_sample_steps or None,
        "Skip Early CFG": _unless(settings.skip_early_cond, 0),
        "NGMS": _unless(low, 0),
        "NGMS all steps": (settings.s_min_uncond_all and low > 0) or None,
    }


def _ours(order: Order, shot: Shot, facts: Facts) -> dict[str, Any]:
    """Keys of our own: what changes pixels and has no key with sd-webui. See docs/infotext.md."""
    settings, source = order.settings, order.files.get("source")
    texts = (shot.prompt, shot.negative, shot.hires_prompt, shot.hires_negative)
    backtrack = settings.comma_padding_backtrack
    return {
        "Hires source": source.sha256[:10] if source else None,
        "Comma padding backtrack": backtrack if backtrack != _default("comma_padding_backtrack") else None,
        "Prompt syntax": settings.prompt_syntax if settings.prompt_syntax != "atelier" else None,
        "Prompt comments": None if settings.enable_prompt_comments or not _any("#", texts) else "False",
        "Wildcards": None if settings.enable_wildcards or not _any("__", texts) and not _any("{", texts) else "False",
        "Precision": facts.precision,
    }


def _ensd(order: Order) -> int | None:
    """Only where it had an effect: a sampler that draws noise, and an eta that lets it."""
    sampler = find_sampler(order.request.sampling.sampler)
    if "ensd" not in sampler.uses or sampler_options(order, sampler).eta == 0:
        return None
    return order.request.seeds.eta_noise_seed_delta or None


def _hash(file: FileRef) -> str:
    return file.sha256[:10]


def _basename(file: FileRef) -> str:
    return file.name.rsplit("/", 1)[-1]


def _stem(file: FileRef) -> str:
    return _basename(file).rsplit(".", 1)[0]


def _title(file: FileRef) -> str:
    return f"{_stem(file)} [{_hash(file)}]"


def _extent(width: int, height: int, *, either: bool = False) -> Extent | None:
    there = (width or height) if either else (width and height)
    return Extent(width, height) if there else None


def _unless(value: float, usual: float) -> str | None:
    return number(value) if value != usual else None


def _other(text: str, usual: str) -> str | None:
    return text if text and text != usual else None


def _default(name: str) -> Any:
    return Settings.model_fields[name].default


def _any(mark: str, texts: Iterable[str]) -> bool:
    return any(mark in text for text in texts)
