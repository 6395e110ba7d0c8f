"""Noise for one picture. Each has a source of its own, so its place in a batch never matters."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from webui.sampling import philox

Source = Literal["NV", "CPU", "GPU"]
"""Who draws. NV: what a CUDA card would, on any machine. CPU: torch on the CPU. GPU: torch on the device itself, whose
kind then decides the numbers."""


class ImageNoise:
    """The noise of one picture: first the one it starts from, then one for each step that asks.

    ``seed`` is the picture's own; ``shape`` (C, h, w) its latent's. With ``ensd`` (sd-webui's "eta noise seed delta")
    other than 0 the later noise comes from a new generator seeded ``seed + ensd``; with 0 the first one goes on.
    """

    def __init__(
        self,
        seed: int,
        shape: tuple[int, int, int],
        source: Source = "NV",
        device: torch.device | str = "cpu",
        ensd: int = 0,
    ) -> None:
        self.seed = seed
        self.shape = shape
        self.source: Source = source
        self.device = torch.device(device)
        self.ensd = ensd
        self._generator = self._new_generator(seed)

    def first(self) -> Tensor:
        """Unit noise (1, C, h, w), fp32, for the picture to start from. Always the same, whatever was drawn before."""
        self._generator = self._new_generator(self.seed)
        noise = self._draw()
        if self.ensd:
            self._generator = self._new_generator(self.seed + self.ensd)
        return noise

    def next(self) -> Tensor:
        """Fresh unit noise (1, C, h, w), fp32. Call ``first`` before."""
        return self._draw()

    def _draw(self) -> Tensor:
        if isinstance(self._generator, philox.Generator):
            noise = torch.from_numpy(self._generator.randn(self.shape))
        else:
            where = self._generator.device
            noise = torch.randn(self.shape, generator=self._generator, device=where, dtype=torch.float32)
        return noise.to(self.device)[None]

    def _new_generator(self, seed: int) -> philox.Generator | torch.Generator:
        match self.source:
            case "NV":
                return philox.Generator(seed)
            case "CPU":
                return torch.Generator("cpu").manual_seed(seed)
            case "GPU":  # sd-webui takes the CPU's on Apple's devices
                return torch.Generator("cpu" if self.device.type == "mps" else self.device).manual_seed(seed)
