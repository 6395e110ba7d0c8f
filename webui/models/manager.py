"""The models in memory. A job names files; it gets the model made of exactly these, loaded if it is not there yet."""

from __future__ import annotations

import gc
from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import torch

from webui.devices import Precision
from webui.jobs.executor import FileRef
from webui.models.detect import identify
from webui.models.family import Family, OnProgress, Parts, Variant
from webui.models.prediction import read_sidecar
from webui.models.preview import Previewer


@dataclass(frozen=True)
class Model:
    """A loaded model, ready to be asked. ``name`` is the checkpoint's."""

    name: str
    family: Family
    variant: Variant
    parts: Parts
    device: torch.device
    precision: Precision

    @cached_property
    def previewer(self) -> Previewer:
        family, parts = self.family, self.parts
        return Previewer(lambda z: family.decode(parts, z), family.latent_channels, family.downscale, self.device)


class Files(NamedTuple):
    """What a model is made of. Without ``vae`` it is the one inside the checkpoint."""

    checkpoint: FileRef
    vae: FileRef | None = None


class Manager:
    """Keeps the models used last, ``limit`` of them at most. What fails to load changes nothing."""

    def __init__(self, device: torch.device, precision: Precision) -> None:
        self._device, self._precision = device, precision
        self._models: OrderedDict[tuple[Files, str], Model] = OrderedDict()

    def get(self, files: Files, limit: int, progress: OnProgress) -> Model:
        """``progress`` hears of it only when something is loaded. Raises Fault when a file is not what it should be.

        To make room, models are dropped before the new one is loaded; those still held elsewhere stay in memory.
        """
        path = Path(files.checkpoint.path)
        key = (files, read_sidecar(path))
        if key not in self._models:
            family, variant = identify(path).require(vae_given=files.vae is not None)
            self._keep(limit - 1)
            progress(0.0)
            vae = Path(files.vae.path) if files.vae else None
            parts = family.load(path, variant, vae, self._device, self._precision, progress)
            self._models[key] = Model(files.checkpoint.name, family, variant, parts, self._device, self._precision)
        self._models.move_to_end(key)
        return self._models[key]

    def _keep(self, count: int) -> None:
        while len(self._models) > max(0, count):
            self._models.popitem(last=False)
            gc.collect()
            if self._device.type == "cuda":
                torch.cuda.empty_cache()
