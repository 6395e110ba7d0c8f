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


def train(work: Path, settings: Settings) -> None:
    """First on pictures of half the size, which cost a quarter, then on whole ones; resumes from the last save."""
    pictures = data.pictures(work, settings)
    basis = latent_basis(work, settings)
    vae = load(work, settings)
    path = work / "vae.pt"
    total = sum(settings.vae_steps)
    step = torch.load(path)["step"] if path.exists() else 0
    parameters = list(vae.decoder.parameters())
    optimizer = torch.optim.Adam(parameters, lr=settings.vae_rate, betas=(0.9, 0.98))
    clock = Clock("vae", step, total)
    last = settings.pictures - settings.held_out
    while step < total:
        rng = np.random.default_rng((settings.seed, step))
        torch.manual_seed(step)
        for group in optimizer.param_groups:
            group["lr"] = settings.vae_rate * cosine(step, total, warm=30)
        x = to_tensor(pictures[np.sort(rng.integers(0, last, settings.vae_batch))])
        if step < settings.vae_steps[0]:
            x = F.avg_pool2d(x, 2)
        z = autoencoder.latents(autoencoder.measure(x), *basis)
        z = (z + settings.vae_noise * torch.randn_like(z)) / settings.latent_scale
        with torch.autocast("cpu", torch.bfloat16):
            y = autoencoder.decode_half(vae.decoder, vae.post_quant_conv(z)).float()
        loss = F.l1_loss(y, x) + F.mse_loss(y, x) + 0.5 * edges(y, x)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        step += 1
        clock.tick(step, loss=loss.item(), psnr=psnr(y.detach(), x).mean().item())
        if step % 100 == 0 or step == total:
            torch.save({"model": vae.state_dict(), "step": step}, path)
    print(f"held-out PSNR {measure_psnr(vae, to_tensor(data.held_out(work, settings)[:64])):.2f} dB", flush=True)
