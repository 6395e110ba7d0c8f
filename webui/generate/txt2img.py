"""From a prompt to a picture."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from webui import __version__
from webui.events import Note, Progress
from webui.infotext import format_infotext, number
from webui.jobs.executor import Control, Emit, Order
from webui.messages import Fault
from webui.models.family import TextOptions
from webui.models.manager import Model
from webui.plan import Shot
from webui.prompt import Parsed, Piece, clip_tokenizer, encode, parse
from webui.sampling.guidance import Guided, Interrupted, Part, always
from webui.sampling.kinds import SamplerOptions, find_sampler, find_scheduler, sigmas_for
from webui.sampling.noise import ImageNoise
from webui.sampling.run import sample


@dataclass(frozen=True)
class Made:
    """``pixels`` (H, W, 3) uint8 on the CPU. ``partial``: stopped before the last step."""

    pixels: Tensor
    infotext: str
    partial: bool


class Txt2ImgJob:
    """What the shots of one order share: the model, the sampler, texts once encoded."""

    def __init__(self, order: Order, model: Model, emit: Emit, control: Control) -> None:
        self._order, self._model, self._emit, self._control = order, model, emit, control
        self._request = order.request
        sampling = order.request.sampling
        self._sampler = find_sampler(sampling.sampler)
        self._scheduler = find_scheduler(sampling.scheduler)
        self._sigmas = sigmas_for(
            self._sampler, self._scheduler, sampling.steps, model.variant.objective.schedule(model.family.schedule)
        )
        self._conds: dict[str, Tensor] = {}
        self._step = 0  # of the picture being made

    def make(self, shot: Shot) -> Made | None:
        """None when stopped before there was anything to see."""
        self._emit(Progress(phase="encoding", index=shot.index))
        positive, negative = self._encode(shot.prompt), self._encode(shot.negative)
        latent, partial = self._sample(shot, positive, negative)
        if latent is None:
            return None
        self._emit(Progress(phase="decoding", index=shot.index, fraction=1.0))
        return Made(self._decode(latent), self._infotext(shot), partial)

    @torch.inference_mode()
    def _encode(self, text: str) -> Tensor:
        if text not in self._conds:
            settings = self._order.settings
            parsed = Parsed((Piece(text, 1.0),)) if settings.emphasis == "None" else parse(text)
            for note in parsed.notes:
                self._emit(Note(message=note))
            chunks = encode(parsed, clip_tokenizer(), settings.comma_padding_backtrack)
            options = TextOptions(self._request.models.clip_skip, settings.emphasis)
            self._conds[text] = self._model.family.encode(self._model.parts, chunks, options)
        return self._conds[text]

    def _sample(self, shot: Shot, positive: Tensor, negative: Tensor) -> tuple[Tensor | None, bool]:
        """(latent (1, C, h, w), whether it was stopped early)."""
        family, size, seeds = self._model.family, self._request.size, self._request.seeds
        shape = (family.latent_channels, size.height // family.downscale, size.width // family.downscale)
        guided = Guided(
            predict=lambda x, t, conds: family.predict(self._model.parts, x, t, conds),
            parts=[Part(always(positive))],
            negative=always(negative),
            cfg=self._request.sampling.cfg_scale,
            schedule=self._model.variant.objective.schedule(family.schedule),
            prediction=self._model.variant.objective.prediction,
            interrupted=self._interrupted,
            report=lambda call, x0: self._report(shot, call, x0),
        )
        self._step = 0
        noise = ImageNoise(shot.seed, shape, seeds.rng, self._model.device, seeds.eta_noise_seed_delta)
        try:
            return sample(guided, self._sampler, self._sigmas, noise, self._options()), False
        except Interrupted as stopped:
            return stopped.x0, True

    def _options(self) -> SamplerOptions:
        asked, default = self._request.sampling, self._sampler.options
        return SamplerOptions(
            eta=default.eta if asked.eta is None else asked.eta,
            s_churn=asked.s_churn,
            s_tmin=asked.s_tmin,
            s_tmax=asked.s_tmax or math.inf,  # sd-webui's clients send 0 for "no limit"
            s_noise=asked.s_noise,
        )

    def _interrupted(self) -> str | None:
        if self._control.stop == "now":
            return "stop"
        return "skip" if self._control.skip else None

    def _report(self, shot: Shot, call: int, x0: Tensor) -> None:
        step, steps = -(-call // self._sampler.calls_per_step), len(self._sigmas) - 1
        if step == self._step:
            return  # the second half of a step
        self._step = step
        settings, preview = self._order.settings, None
        if settings.live_previews_enable and (step % settings.show_progress_every_n_steps == 0 or step == 1):
            preview = self._model.previewer.jpeg(x0)
        self._emit(Progress(
            phase="sampling", fraction=step / steps, step=step, steps=steps, index=shot.index, preview=preview
        ))  # fmt: skip

    @torch.inference_mode()
    def _decode(self, latent: Tensor) -> Tensor:
        name = self._order.files["checkpoint"].name
        if not bool(torch.isfinite(latent).all()):
            raise Fault("model_nan", name=name)
        picture = self._model.family.decode(self._model.parts, latent)[0]
        if not bool(torch.isfinite(picture).all()):
            raise Fault("model_nan", name=name)
        # Cut off, not rounded: sd-webui's pixels.
        return (((picture + 1) / 2).clamp(0, 1) * 255).to(torch.uint8).permute(1, 2, 0).cpu()

    def _infotext(self, shot: Shot) -> str:
        return format_infotext(shot.prompt, shot.negative, self._fields(shot))

    def _fields(self, shot: Shot) -> dict[str, Any]:
        """In sd-webui's order. What is None is not written."""
        request, sampling, seeds = self._request, self._request.sampling, self._request.seeds
        checkpoint, vae = self._order.files["checkpoint"], self._order.files.get("vae")
        uses, options = self._sampler.uses, self._options()
        weighted = any("(" in text or "[" in text for text in (shot.prompt, shot.negative))
        emphasis = self._order.settings.emphasis
        return {
            "Steps": sampling.steps,
            "Sampler": self._sampler.name,
            "Schedule type": self._schedule_label(),
            "CFG scale": number(sampling.cfg_scale),
            "Seed": shot.seed,
            "Size": f"{request.size.width}x{request.size.height}",
            "Model hash": checkpoint.sha256[:10],
            "Model": _stem(checkpoint.name),
            "VAE hash": vae.sha256[:10] if vae else None,
            "VAE": vae.name.rsplit("/", 1)[-1] if vae else None,
            "Clip skip": request.models.clip_skip if request.models.clip_skip > 1 else None,
            "ENSD": seeds.eta_noise_seed_delta or None if "ensd" in uses else None,
            "RNG": seeds.rng if seeds.rng != "GPU" else None,
            "Eta": sampling.eta if "eta" in uses and options.eta != self._sampler.options.eta else None,
            "Sigma churn": number(options.s_churn) if "churn" in uses and options.s_churn else None,
            "Sigma tmin": number(options.s_tmin) if "churn" in uses and options.s_tmin else None,
            "Sigma tmax": number(options.s_tmax) if "churn" in uses and options.s_tmax < math.inf else None,
            "Sigma noise": number(options.s_noise) if "s_noise" in uses and options.s_noise != 1 else None,
            "Emphasis": emphasis if weighted and emphasis != "Original" else None,
            "Precision": self._precision(),
            "Version": f"atelier-{__version__}",
        }

    def _schedule_label(self) -> str:
        """The schedule that "Automatic" came to, where the sampler names one; as sd-webui writes it."""
        own = self._sampler.schedule
        if self._scheduler.sigmas is None and isinstance(own, str) and own != "uniform":
            return find_scheduler(own).label
        return self._scheduler.label

    def _precision(self) -> str | None:
        """Half precision changes pixels, so it is written; float32 is what goes without saying."""
        dtype = self._model.precision.denoiser
        return None if dtype == "float32" else {"float16": "fp16", "bfloat16": "bf16"}[dtype]


def _stem(name: str) -> str:
    return name.rsplit("/", 1)[-1].rsplit(".", 1)[0]
