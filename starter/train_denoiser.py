"""Training the text encoder and the denoiser together, on latents computed once.

One process for each core, one thread each: the cores then wait for one another once a step, not at every layer.
"""

import os
import socket
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
import torch.nn.functional as F
from torch import Tensor

from starter import autoencoder, data, models
from starter.clock import Clock, cosine
from starter.optimizer import Optimizer
from starter.settings import Settings
from starter.train_vae import latent_basis, to_tensor
from starter.vocabulary import Captions


def train(work: Path, settings: Settings, processes: int) -> None:
    """Latents and captions are made first, once; then every process trains on its share of each batch."""
    prepare(work, settings)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    mp.spawn(_process, args=(work, settings, processes, port), nprocs=processes)  # pyright: ignore[reportPrivateImportUsage]


def prepare(work: Path, settings: Settings) -> None:
    """Latents of all pictures at both sizes, (N, 4, h, w) fp16, and tokenized captions."""
    basis = latent_basis(work, settings)
    pictures = data.pictures(work, settings)
    count = settings.pictures - settings.held_out
    for stage in (0, 1):
        path = work / f"latents-{stage}.pt"
        if path.exists():
            continue
        parts = []
        for start in range(0, count, 500):
            x = to_tensor(pictures[start : min(start + 500, count)])
            x = F.avg_pool2d(x, 2) if stage == 0 else x
            parts.append(autoencoder.latents(autoencoder.measure(x), *basis).half())
        torch.save(torch.cat(parts), path)
    path = work / "captions.pt"
    if not path.exists():
        torch.save(Captions(settings, count, settings.wordings), path)


@dataclass
class Batch:
    ids: Tensor  # (B, 77)
    z: Tensor  # (B, 4, h, w)
    right: Tensor  # (B, questions)


class Source:
    """Batches for one process; which ones depends on the step alone, so a resumed run sees what it would have seen."""

    def __init__(self, work: Path, settings: Settings, rank: int) -> None:
        self.settings, self.rank = settings, rank
        self.captions: Captions = torch.load(work / "captions.pt", weights_only=False)
        self.latents = [torch.load(work / f"latents-{stage}.pt", mmap=True) for stage in (0, 1)]
        self.answers = models.answers(len(self.latents[0]))

    def batch(self, step: int, stage: int, size: int) -> Batch:
        rng = np.random.default_rng((self.settings.seed, step, self.rank))
        indices = rng.integers(0, len(self.answers), size)
        ids = self.captions.batch(indices, rng, self.settings.empty_captions, self.settings.strange_captions)
        return Batch(ids, self.latents[stage][indices].float(), self.answers[indices])


def timesteps(size: int, bias: float) -> Tensor:
    """One from each of `size` equal shares of the schedule, more from the noisy end if bias < 1."""
    u = (torch.arange(size) + torch.rand(size)) / size
    return (1000 * u**bias).long().clamp(max=999)


def loss_weights(alphas: Tensor) -> Tensor:
    """By timestep, (1000,): less where nearly clean (min-SNR-5), more where the whole composition is decided."""
    snr = alphas / (1 - alphas)
    return (5 / snr).clamp(max=1) / alphas.sqrt()


def losses(starter: models.Starter, batch: Batch, settings: Settings, alphas: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Weighted loss, plain mean squared error of the noise, and how badly the text is understood."""
    z = batch.z
    noise = torch.randn_like(z) + settings.offset_noise * torch.randn(len(z), 4, 1, 1)
    t = timesteps(len(z), settings.timestep_bias)
    x = models.add_noise(z, noise, t, alphas)
    with torch.autocast("cpu", torch.bfloat16):
        context = starter.text(input_ids=batch.ids).last_hidden_state
        guess = starter.unet(x, t, context).sample
    error = (guess.float() - noise).pow(2).mean((1, 2, 3))
    asked = (batch.ids[:, 1] != batch.ids[0, -1]).nonzero().flatten()  # not the empty captions
    understood = models.question_loss(starter.probe(context[asked, -1].float()), batch.right[asked])
    return (error * loss_weights(alphas)[t]).mean(), error.mean(), understood


def read_first(starter: models.Starter, source: Source, settings: Settings) -> None:
    """Teach the text encoder alone to tell what a caption asks for: cheap, and the denoiser starts with good words."""
    parameters = [*starter.text.parameters(), *starter.probe.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=settings.reading_rate, weight_decay=0.01)
    clock = Clock("text", 0, settings.reading_steps, every=50)
    for step in range(settings.reading_steps):
        batch = source.batch(step, 0, 64)
        for group in optimizer.param_groups:
            group["lr"] = settings.reading_rate * cosine(step, settings.reading_steps, warm=30)
        with torch.autocast("cpu", torch.bfloat16):
            context = starter.text(input_ids=batch.ids).last_hidden_state
        loss = models.question_loss(starter.probe(context[:, -1].float()), batch.right)
        optimizer.zero_grad()
        loss.backward()
        _average_gradients(parameters)
        optimizer.step()
        if source.rank == 0:
            clock.tick(step + 1, loss=loss.item())


def _average_gradients(parameters: list) -> None:
    flat = torch.cat([p.grad.flatten() for p in parameters if p.grad is not None])
    dist.all_reduce(flat)
    flat /= dist.get_world_size()
    flat *= min(1.0, 1.0 / (flat.norm().item() + 1e-6))  # clip to length 1
    place = 0
    for p in parameters:
        if p.grad is not None:
            p.grad.copy_(flat[place : place + p.numel()].view_as(p))
            place += p.numel()


class Run:
    """One process's side of the training, with what a resumed run needs."""

    def __init__(self, work: Path, settings: Settings, rank: int) -> None:
        self.path, self.settings, self.rank = work / "starter.pt", settings, rank
        self.source = Source(work, settings, rank)
        self.starter = models.build(settings, self.source.captions.rows_in_use)
        self.named = [
            (f"{part}.{name}", p)
            for part, module in self.starter.modules().items()
            for name, p in module.named_parameters()
        ]
        self.parameters = [p for _, p in self.named]
        self.optimizer = Optimizer(self.named)
        self.step = 0
        if self.path.exists():
            self._resume()
        else:
            read_first(self.starter, self.source, settings)
            self.average = [p.detach().clone() for p in self.parameters]

    def _resume(self) -> None:
        state = torch.load(self.path)
        for part, module in self.starter.modules().items():
            module.load_state_dict(state[part])
        self.optimizer.load_state_dict(state["optimizer"])
        self.average, self.step = state["average"], state["step"]

    def save(self) -> None:
        state: dict = {part: module.state_dict() for part, module in self.starter.modules().items()}
        state |= {"optimizer": self.optimizer.state_dict(), "average": self.average, "step": self.step}
        state["names"] = [name for name, _ in self.named]
        torch.save(state, self.path.with_suffix(".partial"))
        os.replace(self.path.with_suffix(".partial"), self.path)

    def train(self) -> None:
        settings, total = self.settings, sum(self.settings.steps)
        alphas = models.sd_alphas()
        clock = Clock("starter", self.step, total)
        parent = os.getppid()
        while self.step < total and os.getppid() == parent:  # do not outlive a parent that was killed
            stage = int(self.step >= settings.steps[0])
            torch.manual_seed(self.step * 64 + self.rank)
            batch = self.source.batch(self.step, stage, settings.batch[stage] // dist.get_world_size())
            loss, error, understood = losses(self.starter, batch, settings, alphas)
            for p in self.parameters:
                p.grad = None
            (loss + 0.02 * understood).backward()
            _average_gradients(self.parameters)
            self.optimizer.step(settings.rate * cosine(self.step, total, warm=50))
            keep = min(settings.average, (1 + self.step) / (10 + self.step))
            for average, p in zip(self.average, self.parameters, strict=True):
                average.lerp_(p.detach(), 1 - keep)
            self.step += 1
            if self.rank == 0:
                clock.tick(self.step, loss=loss.item(), error=error.item(), text=understood.item())
                if self.step % settings.save_every == 0 or self.step == total:
                    self.save()


def _process(rank: int, work: Path, settings: Settings, processes: int, port: int) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=processes)
    torch.manual_seed(settings.seed)
    Run(work, settings, rank).train()
    dist.destroy_process_group()
