"""Training the decoder; the encoder needs none (see `autoencoder`)."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from starter import autoencoder, data
from starter.clock import Clock, cosine
from starter.settings import Settings


def to_tensor(pictures: np.ndarray) -> Tensor:
    """(B, H, W, 3) uint8 -> (B, 3, H, W) in [-1, 1]."""
    return torch.tensor(pictures).permute(0, 3, 1, 2).float().div(127.5).sub(1)


def latent_basis(work: Path, settings: Settings) -> tuple[Tensor, Tensor]:
    """The matrix and shift that make latents, from the first thousand pictures."""
    sample = to_tensor(data.pictures(work, settings)[:1000])
    return autoencoder.normalisation(autoencoder.measure(sample))


def blank(settings: Settings) -> Any:
    """An autoencoder to be filled from a file."""
    return autoencoder.build(settings, torch.eye(4), torch.zeros(4))


def load(work: Path, settings: Settings) -> Any:
    """The autoencoder as far as it has been trained."""
    vae = autoencoder.build(settings, *latent_basis(work, settings))
    path = work / "vae.pt"
    if path.exists():
        vae.load_state_dict(torch.load(path)["model"])
    return vae


def psnr(a: Tensor, b: Tensor) -> Tensor:
    """Decibels for each picture, (B,), of pictures in [-1, 1]."""
    return 10 * torch.log10(4 / (a - b).pow(2).mean((1, 2, 3)))


@torch.no_grad()
def measure_psnr(vae: Any, pictures: Tensor) -> float:
    """Mean decibels over whole held-out pictures, through the encoder and the decoder, eight bits a channel."""
    scores = []
    for batch in pictures.split(4):
        y = vae.decode(vae.encode(batch).latent_dist.mean).sample.clamp(-1, 1)
        scores.append(psnr(y.add(1).mul(127.5).round().div(127.5).sub(1), batch))
    return torch.cat(scores).mean().item()


def edges(y: Tensor, x: Tensor) -> Tensor:
    """How far neighbouring pixels' differences are off: punishes blur where L1 and L2 do not."""
    error = y - x
    return error.diff(dim=-1).abs().mean() + error.diff(dim=-2).abs().mean()


class Stage:
    """What one stage of the decoder's training looks at and changes.

    0: pictures of 128 pixels, all levels but the last; costs a quarter of 1.
    1: the same on pictures of 256 pixels.
    2: the last level alone, which turns 128 pixels into 256.
    """

    def __init__(self, number: int, work: Path, settings: Settings, vae: Any) -> None:
        self.number, self.vae, self.settings = number, vae, settings
        self.basis = latent_basis(work, settings)
        if number == 2:
            self.pictures = data.full_size(work, settings, settings.vae_full_size)
            decoder = vae.decoder
            trained = (decoder.up_blocks[-1].resnets[0], decoder.up_blocks[-2].upsamplers[0], decoder.conv_out)
            self.parameters = [p for module in trained for p in module.parameters()]
        else:
            self.pictures = data.pictures(work, settings)[: settings.pictures - settings.held_out]
            self.parameters = list(vae.decoder.parameters())
        self.optimizer = torch.optim.Adam(self.parameters, lr=settings.vae_rate, betas=(0.9, 0.98))

    def pairs(self, indices: np.ndarray) -> tuple[Tensor, Tensor]:
        """What the decoder makes of slightly wrong latents, and what it should: both (B, 3, H, W)."""
        x = to_tensor(self.pictures[np.sort(indices)])
        half = F.avg_pool2d(x, 2) if self.number != 1 else x
        z = autoencoder.latents(autoencoder.measure(half), *self.basis)
        z = (z + self.settings.vae_noise * torch.randn_like(z)) / self.settings.latent_scale
        with torch.autocast("cpu", torch.bfloat16):
            if self.number < 2:
                return autoencoder.decode_half(self.vae.decoder, self.vae.post_quant_conv(z))[:, 0:6:2].float(), half
            with torch.no_grad():
                features = autoencoder.decode_half(self.vae.decoder, self.vae.post_quant_conv(z))
            return autoencoder.decode_rest(self.vae.decoder, features).float(), x


def train(work: Path, settings: Settings) -> None:
    """The three stages one after the other; resumes from the last save."""
    vae = load(work, settings)
    path = work / "vae.pt"
    ends = np.cumsum(settings.vae_steps).tolist()
    total = ends[-1]
    step = torch.load(path)["step"] if path.exists() else 0
    clock = Clock("vae", step, total)
    stage: Stage | None = None
    while step < total:
        number = sum(step >= end for end in ends)
        if stage is None or stage.number != number:
            stage = Stage(number, work, settings, vae)
        rng = np.random.default_rng((settings.seed, step))
        torch.manual_seed(step)
        for group in stage.optimizer.param_groups:
            group["lr"] = settings.vae_rate * cosine(step, total, warm=30)
        y, x = stage.pairs(rng.integers(0, len(stage.pictures), settings.vae_batches[number]))
        loss = F.l1_loss(y, x) + F.mse_loss(y, x) + 0.5 * edges(y, x)
        stage.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(stage.parameters, 1.0)
        stage.optimizer.step()
        step += 1
        clock.tick(step, loss=loss.item(), psnr=psnr(y.detach(), x).mean().item())
        if step % 50 == 0 or step == total:
            torch.save({"model": vae.state_dict(), "step": step}, path)
    print(f"held-out PSNR {measure_psnr(vae, to_tensor(data.held_out(work, settings)[:64])):.2f} dB", flush=True)
