"""From a prompt to a picture: a first pass and, where one is asked for, an enlargement and a second pass."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

from webui.generate import hires
from webui.generate.diffuse import Seen, Work, diffuse
from webui.generate.fields import Facts, infotext
from webui.generate.passes import Pass, first_pass, second_pass
from webui.generate.pictures import to_latent, to_pixels
from webui.generate.watch import Watch
from webui.jobs.executor import Control, Emit
from webui.plan import Shot
from webui.upscalers import LatentMode, find_upscaler

PRECISIONS = {"float32": None, "float16": "fp16", "bfloat16": "bf16"}  # of the network; full goes without saying


@dataclass(frozen=True)
class Made:
    """``pixels`` (H, W, 3) uint8. ``partial``: stopped before the last step."""

    pixels: np.ndarray
    infotext: str
    partial: bool


@dataclass(frozen=True)
class _Small:
    """What is enlarged: the latent of the first pass, or the picture that takes its place."""

    latent: Tensor | None = None
    source: Image.Image | None = None


def make(work: Work, shot: Shot, emit: Emit, control: Control) -> Made | None:
    """One picture. None when stopped before there was anything new to see."""
    return _Making(work, shot, emit, control).make()


class _Making:
    """One picture while it is made."""

    def __init__(self, work: Work, shot: Shot, emit: Emit, control: Control) -> None:
        self._work, self._shot = work, shot
        self._order, self._models = work.order, work.models
        self._first, self._second = first_pass(work.order, shot), second_pass(work.order, shot)
        self._source = work.order.files.get("source") if self._second else None
        passes = [] if self._source else [self._first]
        passes += [self._second] if self._second and self._second.strength else []
        self._watch = Watch(shot.index, passes, work.order.settings, work.models, emit, control)
        self._seen = Seen()

    def make(self) -> Made | None:
        if self._second and self._source:
            image = hires.read_source(Path(self._source.path), self._order.request)
            return self._enlarged(_Small(source=image), self._second)
        done = diffuse(self._work, self._watch, self._shot, self._first, self._seen)
        if done.latent is None:
            return None
        if done.stopped or self._second is None:
            return self._decoded(done.latent, partial=done.stopped)
        return self._enlarged(_Small(done.latent), self._second)

    def _enlarged(self, small: _Small, second: Pass) -> Made | None:
        """Stopped before the second pass shows anything, the picture stays as small as it was."""
        if not self._watch.interrupted():
            large = self._enlarge(small, second)
            if isinstance(large, Image.Image):
                return self._made(np.array(large), partial=False)
            if not second.strength:
                return self._decoded(large, partial=False)
            done = diffuse(self._work, self._watch, self._shot, second, self._seen, large)
            if done.latent is not None:
                return self._decoded(done.latent, partial=done.stopped)
        if small.latent is None:
            return None
        self._models.use("checkpoint")
        return self._decoded(small.latent, partial=True)

    def _enlarge(self, small: _Small, second: Pass) -> Tensor | Image.Image:
        """What the second pass starts from; without any strength, for an upscaler, the picture as it will be."""
        request = self._order.request
        assert request.hires
        self._models.use("checkpoint")
        self._watch.phase("enlarging")
        cell = self._models.model.family.downscale
        upscaler = find_upscaler(request.hires.upscaler)
        if isinstance(upscaler, LatentMode):
            latent = self._latent(small)
            return hires.cut_latent(hires.enlarge_latent(upscaler, latent, request, cell), request, cell)
        image = hires.enlarge_image(upscaler, self._image(small), request)
        if not second.strength:
            return hires.cut_image(image, request, cell)
        self._models.use(second.role)  # whose VAE it will be read by
        return hires.cut_latent(to_latent(self._models.model, image), request, cell)

    def _latent(self, small: _Small) -> Tensor:
        if small.source is not None:
            return to_latent(self._models.model, small.source)
        assert small.latent is not None
        return small.latent

    def _image(self, small: _Small) -> Image.Image:
        if small.source is not None:
            return small.source
        assert small.latent is not None
        return Image.fromarray(to_pixels(self._models.model, small.latent))

    def _decoded(self, latent: Tensor, *, partial: bool) -> Made:
        """By the model in use: the one that made it, the refiner if it took over (as in sd-webui)."""
        self._watch.phase("decoding")
        return self._made(to_pixels(self._models.model, latent), partial=partial)

    def _made(self, pixels: np.ndarray, *, partial: bool) -> Made:
        facts = Facts(precision=PRECISIONS[self._models.model.precision.denoiser], **asdict(self._seen))
        return Made(pixels, infotext(self._order, self._shot, facts), partial)
