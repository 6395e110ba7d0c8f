"""What a model family is. Each lies in a file of its own under ``families/``, found by ``webui.registry``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from webui.devices import Precision
from webui.files.header import Header
from webui.messages import Fault
from webui.models.prediction import Objective
from webui.registry import discover
from webui.sampling.schedule import NoiseSchedule

if TYPE_CHECKING:
    from torch import Tensor, device, nn

    from webui.prompt import Chunk

OnProgress = Callable[[float], None]
"""Told the loaded fraction, 0..1."""


class NotThis(Fault):
    """The file is not of this family; the message says why."""


@dataclass(frozen=True)
class Variant:
    """What exactly a file of a family is, read off its header. ``shapes`` is the family's own affair."""

    name: str
    native_size: tuple[int, int]  # width, height in pixels
    missing: tuple[str, ...]  # keys the family needs and the file lacks
    shapes: Any
    objective: Objective = Objective()


@dataclass(frozen=True)
class Parts:
    """The modules of a loaded model; to swap one is ``dataclasses.replace``."""

    text_encoder: nn.Module
    denoiser: nn.Module
    vae: nn.Module


@dataclass(frozen=True)
class TextOptions:
    clip_skip: int = 1
    emphasis: str = "Original"


class Family(ABC):
    name: str
    order: int
    schedule: NoiseSchedule  # the usual one; ``Objective.schedule`` is a file's own
    downscale: int = 8  # pixels per latent cell, each way
    latent_channels: int = 4

    @abstractmethod
    def detect(self, header: Header, sidecar: str = "") -> Variant:
        """``sidecar`` is what stands in a ``.yaml`` beside the file. Raises NotThis. Needs no torch."""

    @abstractmethod
    def load(
        self, path: Path, variant: Variant, vae: Path | None, to: device, precision: Precision, progress: OnProgress
    ) -> Parts:
        """Read every tensor; ``vae`` replaces the one inside. Raises Fault for a file that does not fit."""

    @abstractmethod
    def encode(self, parts: Parts, chunks: list[Chunk], options: TextOptions) -> Tensor:
        """Chunks of 77 tokens → (1, 77·n, context)."""

    @abstractmethod
    def predict(self, parts: Parts, x: Tensor, t: float, conds: Sequence[Tensor]) -> list[Tensor]:
        """The network's output for each text: x (1, C, h, w), conds (1, tokens, context) each → (1, C, h, w) each.

        float32 on both sides. Texts of one length share a call.
        """

    @abstractmethod
    def decode(self, parts: Parts, latent: Tensor) -> Tensor:
        """(B, C, h, w) → pictures (B, 3, H, W), −1..1, float32."""

    @abstractmethod
    def encode_picture(self, parts: Parts, picture: Tensor) -> Tensor:
        """(B, 3, H, W), −1..1, sides multiples of ``downscale`` → (B, C, h, w), float32. Always the same for a picture.

        A VAE answers with a distribution for each cell: this is its mean. sd-webui draws from it, with noise that no
        seed decides, so that its pictures never come back exactly; the distribution is very narrow.
        """


def families() -> Mapping[str, Family]:
    return discover("webui.models.families", Family)
