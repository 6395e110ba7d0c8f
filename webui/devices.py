"""Which device computes, and in which number types."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Precision:
    """Types the parts of a model compute in. Latents are float32 whatever these are."""

    text_encoder: str = "float32"
    denoiser: str = "float32"
    vae: str = "float32"


def pick(use_cpu: bool = False, device_id: int | None = None) -> torch.device:
    """The graphics card if there is one that torch can use, else the CPU."""
    import torch

    if not use_cpu:
        if torch.cuda.is_available():  # ROCm answers here too
            return torch.device("cuda", device_id or 0)
        if torch.backends.mps.is_available():
            return torch.device("mps")
    return torch.device("cpu")


def precision_for(device: torch.device) -> Precision:
    """Half precision only where it is fast and safe: on a CPU it is many times slower, and VAEs overflow in it."""
    if device.type == "cuda":
        return Precision(text_encoder="float16", denoiser="float16", vae="float32")
    return Precision()


def same_numbers_every_time() -> None:
    """Let convolutions on CUDA always choose the same algorithm."""
    import torch

    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False
