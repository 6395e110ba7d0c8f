"""The text encoder and the denoiser, with random weights; small, but of SD 1's family."""

from dataclasses import dataclass

import torch
from diffusers import UNet2DConditionModel  # pyright: ignore[reportPrivateImportUsage]
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel

from starter import scenes, things
from starter.settings import Settings

QUESTIONS: dict[str, tuple[str, ...]] = {
    "time": scenes.TIMES,
    "place": scenes.PLACES,
    "thing": (*things.DRAW, "none"),
    "color": tuple(things.COLORS),
    "side": scenes.SIDES,
}
"""What can be asked about a scene, and the possible answers."""


@dataclass
class Starter:
    """What is trained together. `probe` asks the text encoder what the scene is, and is thrown away afterwards."""

    text: CLIPTextModel
    unet: UNet2DConditionModel
    probe: nn.Linear

    def modules(self) -> dict[str, nn.Module]:
        return {"text": self.text, "unet": self.unet, "probe": self.probe}


def build(settings: Settings, vocabulary: int) -> Starter:
    """`vocabulary` is the number of compact tokens; the exporter widens the table to CLIP's."""
    torch.manual_seed(settings.seed)
    answers = sum(len(names) for names in QUESTIONS.values())
    probe = nn.Linear(settings.text_width, answers)
    return Starter(build_text(settings, vocabulary), build_unet(settings), probe)


def build_text(settings: Settings, vocabulary: int) -> CLIPTextModel:
    config = CLIPTextConfig(
        vocab_size=vocabulary,
        hidden_size=settings.text_width,
        intermediate_size=settings.text_width * 3,
        num_hidden_layers=settings.text_layers,
        num_attention_heads=settings.text_width // 64,
        projection_dim=settings.text_width,
        hidden_act="quick_gelu",
        max_position_embeddings=settings.tokens,
    )
    return CLIPTextModel(config)


def build_unet(settings: Settings) -> UNet2DConditionModel:
    down = ["CrossAttnDownBlock2D" if on else "DownBlock2D" for on in settings.unet_attention]
    up = ["CrossAttnUpBlock2D" if on else "UpBlock2D" for on in reversed(settings.unet_attention)]
    return UNet2DConditionModel(
        sample_size=settings.size // 8,
        block_out_channels=settings.unet_channels,
        layers_per_block=1,
        down_block_types=tuple(down),
        up_block_types=tuple(up),
        cross_attention_dim=settings.text_width,
        attention_head_dim=settings.unet_heads,  # diffusers' name for the number of heads
    )


def answers(count: int) -> Tensor:
    """The right answers for the first scenes, (N, questions); -100 where there is nothing to have a colour or side."""
    rows = []
    for seed in range(count):
        scene = scenes.describe(seed)
        row = [names.index(getattr(scene, question)) for question, names in QUESTIONS.items()]
        rows.append(row[:3] + ([-100, -100] if scene.thing == "none" else row[3:]))
    return torch.tensor(rows)


def question_loss(logits: Tensor, right: Tensor) -> Tensor:
    """Mean cross entropy over the questions; logits (B, all answers), right (B, questions)."""
    sizes = [len(names) for names in QUESTIONS.values()]
    parts = logits.split(sizes, dim=1)
    losses = [nn.functional.cross_entropy(part, right[:, i]) for i, part in enumerate(parts)]
    return torch.stack(losses).mean()


def add_noise(z: Tensor, noise: Tensor, t: Tensor, alphas: Tensor) -> Tensor:
    """SD's forward process at timesteps t: z and noise (B, 4, h, w), alphas the cumulative products (1000,)."""
    a = alphas[t].view(-1, 1, 1, 1)
    return a.sqrt() * z + (1 - a).sqrt() * noise


def sd_alphas() -> Tensor:
    """SD 1's cumulative alphas, (1000,): scaled-linear betas from 0.00085 to 0.012."""
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
    return (1 - betas).cumprod(0).float()
