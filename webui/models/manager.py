"""The models in memory. A job names files; it gets the model made of exactly these, loaded if it is not there yet."""

from __future__ import annotations

import gc
from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch

from webui.devices import Precision
from webui.jobs.executor import FileRef
from webui.models.detect import identify
from webui.models.family import Family, OnProgress, Parts
from webui.models.preview import Previewer


@dataclass(frozen=True)
class Model:
    """A loaded model, ready to be asked."""

    family: Family
    parts: Parts
    device: torch.device
    precision: Precision

    @cached_property
    def previewer(self) -> Previewer:
        family, parts = self.family, self.parts
        return Previewer(lambda z: family.decode(parts, z), family.latent_channels, family.downscale, self.device)


class Manager:
    """Keeps the models used last, ``limit`` of them at most. What fails to load changes nothing."""

    def __init__(self, device: torch.device, precision: Precision) -> None:
        self._device, self._precision = device, precision
        self._models: OrderedDict[tuple[FileRef, ...], Model] = OrderedDict()

    def get(self, files: dict[str, FileRef], limit: int, progress: OnProgress) -> Model:
        """Raises Fault when a file is not what it should be."""
        key = tuple(files[role] for role in sorted(files))
        if key in self._models:
            self._models.move_to_end(key)
            return self._models[key]
        vae = files.get("vae")
        path = Path(files["checkpoint"].path)
        family, variant = identify(path).require(vae_given=vae is not None)
        self._keep(limit - 1)  # room first: two models at once may be one too many
        parts = family.load(path, variant, Path(vae.path) if vae else None, self._device, self._precision, progress)
        self._models[key] = Model(family, parts, self._device, self._precision)
        return self._models[key]

    def _keep(self, count: int) -> None:
        while len(self._models) > max(0, count):
            self._models.popitem(last=False)
            gc.collect()
            if self._device.type == "cuda":
                torch.cuda.empty_cache()
