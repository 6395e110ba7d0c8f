"""What is this file? Every family says what it sees in the header, or why it is none of its own. No torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from webui.files.header import Header, read_header
from webui.messages import Fault, Message
from webui.models.family import Family, NotThis, Variant, families
from webui.models.prediction import read_sidecar

# Things people put into the checkpoint folder, by a key that only they have: so that the answer can name them.
OTHERS = {
    "conditioner.embedders.1.model.ln_final.weight": "a Stable Diffusion XL checkpoint",
    "conditioner.embedders.0.model.ln_final.weight": "a Stable Diffusion XL refiner",
    "cond_stage_model.model.ln_final.weight": "a Stable Diffusion 2 checkpoint",
    "joint_blocks.0.context_block.adaLN_modulation.1.bias": "a Stable Diffusion 3 model",
    "double_blocks.0.img_attn.norm.key_norm.scale": "a Flux model",
    "control_model.time_embed.0.weight": "a ControlNet",
    "down_blocks.0.resnets.0.norm1.weight": "a denoiser in diffusers' layout",
    "decoder.conv_in.weight": "a VAE on its own",
}


@dataclass(frozen=True)
class Found:
    """The answer for one file: a family and variant, or why there is none."""

    name: str  # of the file
    family: Family | None
    variant: Variant | None
    refused: dict[str, Message] = field(default_factory=dict)
    looks_like: str | None = None

    @property
    def native_size(self) -> tuple[int, int]:
        return self.variant.native_size if self.variant else (512, 512)

    def require(self, *, vae_given: bool = False) -> tuple[Family, Variant]:
        """Raises Fault unless the file can be loaded; a separate VAE makes up for one that is missing inside."""
        if self.family is None or self.variant is None:
            reasons = [f"{name}: {message.text()}" for name, message in self.refused.items()]
            if self.looks_like:
                raise Fault("other_model", field="models.checkpoint", name=self.name, what=self.looks_like)
            raise Fault("not_a_checkpoint", field="models.checkpoint", name=self.name, reasons=" ".join(reasons))
        missing = [k for k in self.variant.missing if not (vae_given and k.startswith("first_stage_model."))]
        if missing:
            raise Fault(
                "checkpoint_incomplete", field="models.checkpoint", name=self.name, family=self.family.name,
                count=len(missing), keys=missing[:3],
            )  # fmt: skip
        return self.family, self.variant


def identify(path: Path) -> Found:
    """Raises Fault for a file that is no intact .safetensors at all."""
    return identify_header(read_header(path), path.name, read_sidecar(path))


def identify_header(header: Header, name: str, sidecar: str = "") -> Found:
    """``sidecar`` is what stands in a ``.yaml`` beside the file."""
    refused: dict[str, Message] = {}
    for family in families().values():
        try:
            return Found(name, family, family.detect(header, sidecar), refused)
        except NotThis as reason:
            refused[family.name] = reason.message
    return Found(name, None, None, refused, _looks_like(header))


def _looks_like(header: Header) -> str | None:
    for key, what in OTHERS.items():
        if key in header.tensors or f"model.diffusion_model.{key}" in header.tensors:
            return what
    if any(key.startswith(("lora_", "lycoris_")) or ".lora_" in key for key in header.tensors):
        return "a LoRA"
    return None
