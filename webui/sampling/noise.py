"""Noise for one picture. Each has a source of its own, so its place in a batch never matters."""

from __future__ import annotations

from math import sqrt
from typing import Literal

import torch
from torch import Tensor

from webui.sampling import philox
from webui.sampling.brownian import BrownianPath
from webui.sampling.kinds import Noise

Source = Literal["NV", "CPU", "GPU"]
"""Who draws. NV: what a CUDA card would, on any machine. CPU: torch on the CPU. GPU: torch on the device itself, whose
kind then decides the numbers."""

Shape = tuple[int, int, int]


class ImageNoise:
    """The noise of one picture: first the one it starts from, then one for each step that asks.

    ``seed`` is the picture's own; ``shape`` (C, h, w) its latent's. With ``ensd`` (sd-webui's "eta noise seed delta")
    other than 0 the later noise comes from a new generator seeded ``seed + ensd``; with 0 the first one goes on.

    A variation: the first noise is turned towards that of ``subseed`` by ``subseed_strength`` (0 … 1). With
    ``resize_from`` (h, w), in cells of the latent, it is that of a picture of this size, laid over the middle.
    """

    def __init__(
        self,
        seed: int,
        shape: Shape,
        source: Source = "NV",
        device: torch.device | str = "cpu",
        ensd: int = 0,
        *,
        subseed: int = 0,
        subseed_strength: float = 0.0,
        resize_from: tuple[int, int] | None = None,
    ) -> None:
        self.seed = seed
        self.shape = shape
        self.source: Source = source
        self.device = torch.device(device)
        self.ensd = ensd
        self.subseed = subseed
        self.subseed_strength = subseed_strength
        self.drawn_shape: Shape = (shape[0], *resize_from) if resize_from else shape
        self._generator = self._new_generator(seed)

    def first(self) -> Tensor:
        """Unit noise (1, C, h, w), fp32, for the picture to start from. Always the same, whatever was drawn before."""
        self._generator = self._new_generator(self.seed)
        noise = self._draw(self._generator, self.shape)
        if self.drawn_shape == self.shape:
            noise = self._varied(noise)
        else:
            noise = laid_over(noise, self._varied(self._drawn_by(self.seed, self.drawn_shape)))
        if self.ensd:
            self._generator = self._new_generator(self.seed + self.ensd)
        return self._handed_out(noise)

    def next(self) -> Tensor:
        """Fresh unit noise (1, C, h, w), fp32. Call ``first`` before."""
        return self._handed_out(self._draw(self._generator, self.shape))

    def brownian(self, low: float, high: float) -> Noise:
        """Noise (1, C, h, w), fp32, that is all of one Brownian path over the sigmas ``low`` … ``high``.

        For a step it is (W(σ') − W(σ))/√|σ' − σ|, so smaller steps see the same noise in more detail. As in sd-webui
        the picture's own seed decides it; no variation and no ``ensd`` changes it. It takes nothing from ``next``.
        """
        path = BrownianPath(self.seed, low, high, lambda seed: self._drawn_by(seed, self.shape))

        def noise(sigma: float, sigma_next: float) -> Tensor:
            step = path.between(min(sigma, sigma_next), max(sigma, sigma_next)) / sqrt(abs(sigma - sigma_next))
            return self._handed_out(-step if sigma_next < sigma else step)

        return noise

    def _varied(self, noise: Tensor) -> Tensor:
        if not self.subseed_strength:
            return noise
        return slerp(self.subseed_strength, noise, self._drawn_by(self.subseed, self.drawn_shape))

    def _drawn_by(self, seed: int, shape: Shape) -> Tensor:
        """What a new generator draws first."""
        return self._draw(self._new_generator(seed), shape)

    def _draw(self, generator: philox.Generator | torch.Generator, shape: Shape) -> Tensor:
        if isinstance(generator, philox.Generator):
            return torch.from_numpy(generator.randn(shape))
        return torch.randn(shape, generator=generator, device=generator.device, dtype=torch.float32)

    def _handed_out(self, noise: Tensor) -> Tensor:
        return noise.to(self.device)[None]

    def _new_generator(self, seed: int) -> philox.Generator | torch.Generator:
        match self.source:
            case "NV":
                return philox.Generator(seed)
            case "CPU":
                return torch.Generator("cpu").manual_seed(seed)
            case "GPU":  # sd-webui takes the CPU's on Apple's devices
                return torch.Generator("cpu" if self.device.type == "mps" else self.device).manual_seed(seed)


def slerp(strength: float, low: Tensor, high: Tensor) -> Tensor:
    """Between two noises (C, h, w) along the arc: spherical linear interpolation (Shoemake 1985).

    As sd-webui does it, along each column (dimension 1) by itself. Where the two are all but parallel it mixes them
    linearly, and takes the weights the other way round; so do we, since such noise differs by next to nothing.
    """
    cosine = (low / low.norm(dim=1, keepdim=True) * (high / high.norm(dim=1, keepdim=True))).sum(1)
    if cosine.mean() > 0.9995:
        return low * strength + high * (1 - strength)
    angle = torch.acos(cosine)
    of_low, of_high = torch.sin((1 - strength) * angle), torch.sin(strength * angle)
    return (of_low / torch.sin(angle))[:, None] * low + (of_high / torch.sin(angle))[:, None] * high


def laid_over(base: Tensor, noise: Tensor) -> Tensor:
    """``base`` (C, h, w) with ``noise`` (C, h', w') over its middle, which is cut where it is larger.

    As sd-webui rounds: where an odd number of cells sticks out, one column or row of ``base`` stays at the end.
    """
    (to_rows, from_rows), (to_columns, from_columns) = map(_overlap, base.shape[1:], noise.shape[1:])
    result = base.clone()
    result[:, to_rows, to_columns] = noise[:, from_rows, from_columns]
    return result


def _overlap(length: int, over: int) -> tuple[slice, slice]:
    """Where ``over`` cells lie on ``length`` others when centred: (in the latter, in the former)."""
    margin = (length - over) // 2
    if margin >= 0:
        return slice(margin, margin + over), slice(0, over)
    return slice(0, over + 2 * margin), slice(-margin, over + margin)
