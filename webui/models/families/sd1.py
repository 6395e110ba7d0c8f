"""Stable Diffusion 1.x, of any width and depth, in the original single-file layout (Rombach et al. 2022)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from webui.devices import Precision
from webui.files.header import Header
from webui.models.family import Family, NotThis, OnProgress, Parts, TextOptions, Variant
from webui.models.prediction import UnknownPrediction, read_objective
from webui.models.sd1_shapes import native_size, needed_keys, read_shapes
from webui.sampling.schedule import scaled_linear

if TYPE_CHECKING:
    from torch import Tensor, device

    from webui.prompt import Chunk

LATENT_SCALE = 0.18215


class StableDiffusion1(Family):
    name = "Stable Diffusion 1.x"
    order = 10
    schedule = scaled_linear()

    def detect(self, header: Header, sidecar: str = "") -> Variant:
        shapes = read_shapes(header)
        missing = tuple(key for key in needed_keys(shapes) if key not in header.tensors)
        try:
            objective = read_objective(header, sidecar)
        except UnknownPrediction as unknown:
            raise NotThis(unknown.message.code, **unknown.message.params) from unknown
        return Variant("base", native_size(header), missing, shapes, objective)

    def load(
        self, path: Path, variant: Variant, vae: Path | None, to: device, precision: Precision, progress: OnProgress
    ) -> Parts:
        from webui.models.sd1_load import load

        return load(path, variant.shapes, vae, to, precision, progress)

    def encode(self, parts: Parts, chunks: list[Chunk], options: TextOptions) -> Tensor:
        from webui.models.text import encode_clip

        return encode_clip(parts.text_encoder, chunks, options)

    def predict(self, parts: Parts, x: Tensor, t: float, conds: Sequence[Tensor]) -> list[Tensor]:
        import torch

        if len({cond.shape for cond in conds}) > 1:
            return [output for cond in conds for output in self.predict(parts, x, t, [cond])]
        net: Any = parts.denoiser
        times = torch.full((len(conds),), t, device=x.device, dtype=torch.float32)
        xs = x.expand(len(conds), -1, -1, -1)
        outputs = net(xs.to(net.dtype), times, torch.cat(list(conds)).to(net.dtype), return_dict=False)[0]
        return list(outputs.float().split(1))

    def decode(self, parts: Parts, latent: Tensor) -> Tensor:
        vae: Any = parts.vae
        return vae.decode((latent / LATENT_SCALE).to(vae.dtype), return_dict=False)[0].float()

    def encode_picture(self, parts: Parts, picture: Tensor) -> Tensor:
        vae: Any = parts.vae
        return vae.encode(picture.to(vae.dtype), return_dict=False)[0].mode().float() * LATENT_SCALE


SD1 = StableDiffusion1()
