"""Samplers, models and the like: what a generation text names, looked up among what is here."""

from __future__ import annotations

from typing import NamedTuple

from webui import registry
from webui.files.catalog import Kind, ModelFile
from webui.foreign.kinds import note
from webui.registry import UnknownName
from webui.reproduce import models, names
from webui.reproduce.kinds import AtHand, Finding, Findings, Value
from webui.reproduce.models import Told
from webui.reproduce.text import Text, as_declared, declared
from webui.sampling.kinds import Sampler, Scheduler

AS_BEFORE = ("", "Use same sampler", "Use same scheduler", "Use same checkpoint")
SECOND = ("Hires sampler", "Hires schedule type")
BUILT_IN_VAES = ("Automatic", "None")
ALWAYS_SCHEDULED = "Restart"  # had its schedule before sd-webui 1.9 whatever its name ended in


class Chosen(NamedTuple):
    """A sampler and a scheduler, None where there is none of that name."""

    sampler: Sampler | None
    scheduler: Scheduler | None
    notes: tuple[Finding, ...] = ()


def methods(text: Text, at_hand: AtHand) -> Findings:
    """Samplers and schedulers of both passes."""
    automatic = registry.find(at_hand.schedulers, names.AUTOMATIC, "scheduler")
    first = _chosen(text, at_hand, ("Sampler", "Schedule type"), automatic)
    yield from first.notes
    if first.sampler:
        yield Value("sampling.sampler", first.sampler.name)
    if first.scheduler:
        yield Value("sampling.scheduler", names.scheduler_for(first.sampler, first.scheduler))
    second = _chosen(text, at_hand, SECOND, first.scheduler) if text.has_hires else first
    yield from _eta(text, (first.sampler, second.sampler or first.sampler))
    if text.has_hires:
        yield from _second_method(first, second)


def _second_method(first: Chosen, second: Chosen) -> Findings:
    """The text has the second pass's names where they differ. The same schedule may not be the same choice there."""
    yield from second.notes
    sampler = second.sampler or first.sampler
    yield Value("hires.sampler", sampler.name if sampler and sampler is not first.sampler else "")
    if first.scheduler and second.scheduler:
        before = names.scheduler_for(first.sampler, first.scheduler)
        wanted = names.scheduler_for(sampler, second.scheduler)
        yield Value("hires.scheduler", "" if wanted == before else wanted)


def _chosen(text: Text, at_hand: AtHand, keys: tuple[str, str], otherwise: Scheduler | None) -> Chosen:
    """By the keys of sampler and schedule. ``otherwise``: the scheduler where nothing says one."""
    name, label = ("" if told in AS_BEFORE else told for told in (text.fields.get(key, "") for key in keys))
    found, notes = names.Method(None), ()
    try:
        if name:
            found = names.method(at_hand.samplers, at_hand.schedulers, name)
    except UnknownName as error:
        notes = (note("sampler_unknown", name=name, nearest=error.nearest),)
    if label and not (label == names.AUTOMATIC and found.scheduler):
        try:
            return Chosen(found.sampler, registry.find(at_hand.schedulers, label, "scheduler"), notes)
        except UnknownName as error:
            lost = note("scheduler_unknown", name=label, nearest=error.nearest)
            return Chosen(found.sampler, None, (*notes, lost))
    if not found.scheduler and _had_no_schedule(text, found.sampler):
        uniform = registry.find(at_hand.schedulers, names.UNIFORM, "scheduler")
        return Chosen(found.sampler, uniform, (*notes, note("old_schedule", sampler=name)))
    return Chosen(found.sampler, found.scheduler or otherwise, notes)


def _had_no_schedule(text: Text, sampler: Sampler | None) -> bool:
    """Before 1.9 a plain "DPM++ 2M" took the model's own sigmas, and "DPM++ 2M Karras" was a sampler of its own."""
    return (
        sampler is not None
        and sampler.name != ALWAYS_SCHEDULED
        and isinstance(sampler.schedule, str)
        and sampler.schedule in ("karras", "exponential")
        and text.origin.before(1, 9)
    )


def _eta(text: Text, samplers: tuple[Sampler | None, ...]) -> Findings:
    """Under its key of DDIM, or of the others; none means the sampler's own.

    Two passes that go by different keys and differ had it from the settings, which are read elsewhere.
    """
    uses = {sampler.uses for sampler in samplers if sampler and "eta" in sampler.uses}
    keys = {"Eta DDIM" if "timesteps" in use else "Eta" for use in uses}
    key = next((key for key in ("Eta", "Eta DDIM") if key in text.fields), None)
    if key is None or len({text.fields.get(key) for key in keys}) > 1:
        yield Value("sampling.eta", None)
    else:
        yield from as_declared(declared()["Eta"], key, text.fields[key])


# --- models


def checkpoints(text: Text, at_hand: AtHand) -> Findings:
    fields, settings = text.fields, at_hand.settings
    told = Told(fields.get("Model", ""), fields.get("Model hash", "").strip().lower())
    if told.name or told.hash:
        file, findings = _file(at_hand, "checkpoint", told)
        yield from findings
        if file and not settings.disable_weights_auto_swap:
            yield Value("models.checkpoint", file.name)
        elif file and file.name != settings.sd_model_checkpoint:
            yield note("model_kept", name=file.name)
    yield from _vae(text, at_hand)
    if text.has_hires:
        yield from _hires_checkpoint(text, at_hand)
    yield from _refiner(text, at_hand)


def _file(at_hand: AtHand, kind: Kind, told: Told) -> tuple[ModelFile | None, list[Finding]]:
    found = models.match(at_hand.catalog, at_hand.hash_of, kind, told)
    if found.file is None:
        code = f"{kind}_missing" if told.hash else f"{kind}_missing_no_hash"
        return None, [note(code, name=told.name or told.hash, hash=told.hash)]
    if not found.sure:
        return found.file, [_other(found.file, told)]
    renamed = told.name and told.name not in (found.file.stem, found.file.name, found.file.path.name)
    return found.file, [note("model_renamed", name=told.name, here=found.file.name)] if renamed else []


def _other(file: ModelFile, told: Told) -> Finding:
    if file.sha256 is None:
        return note("model_unsure", name=file.name, hash=told.hash)
    return note("model_other", name=file.name, hash=told.hash, here=file.short_hash)


def _vae(text: Text, at_hand: AtHand) -> Findings:
    """A text that knows of VAEs and names none was made with the checkpoint's own."""
    told = Told(text.fields.get("VAE", ""), text.fields.get("VAE hash", "").strip().lower())
    if told.name in BUILT_IN_VAES:
        yield Value("models.vae", told.name)
    elif told.name or told.hash:
        file, findings = _file(at_hand, "vae", told)
        yield from findings
        if file:
            yield Value("models.vae", file.name)
    elif text.origin.ours or text.origin.release:
        yield Value("models.vae", BUILT_IN_VAES[0])


def _hires_checkpoint(text: Text, at_hand: AtHand) -> Findings:
    name = text.fields.get("Hires checkpoint", "")
    if name in AS_BEFORE:
        yield Value("hires.checkpoint", "")
        return
    file, findings = _file(at_hand, "checkpoint", models.told(name))
    yield from findings
    yield Value("hires.checkpoint", file.name if file else "")


def _refiner(text: Text, at_hand: AtHand) -> Findings:
    name = text.fields.get("Refiner", "")
    if name in ("", "None"):
        yield Value("refiner.enabled", False)
        return
    file, findings = _file(at_hand, "checkpoint", models.told(name))
    yield from findings
    yield Value("refiner.enabled", file is not None)
    if file:
        yield Value("refiner.checkpoint", file.name)


# --- the rest


def upscaler(text: Text, at_hand: AtHand) -> Findings:
    """Whether there is a second pass, and by what it enlarges. Texts that name nothing mean the first of the list."""
    yield Value("hires.enabled", text.has_hires)
    if not text.has_hires:
        return
    name = text.fields.get("Hires upscaler")
    if name is None:
        yield Value("hires.upscaler", declared()["Hires upscaler"].info.default)
    elif found := names.upscaler(at_hand.upscalers, name):
        yield Value("hires.upscaler", found)
    else:
        yield note("upscaler_missing", name=name)


def randomness(text: Text) -> Findings:
    """sd-webui writes RNG only where it is not the graphics card's. NV draws what a CUDA card draws, on any machine."""
    told = text.fields.get("RNG", "GPU")
    if told == "GPU" and not text.origin.ours:
        yield Value("seeds.rng", "NV")
        yield note("rng_nv")
    else:
        yield from as_declared(declared()["RNG"], "RNG", told)
