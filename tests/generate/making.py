"""Requests for tiny pictures, what comes of them, and the network computed by others to hold them against."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import torch
from PIL import Image

from bench import stock
from webui.app import App
from webui.events import Event, Progress, Saved
from webui.generate import run
from webui.jobs.executor import Control, Order
from webui.jobs.store import Job
from webui.models.manager import Manager
from webui.plan import plan
from webui.request import Models, Prompts, Request, Sampling, Seeds, Size, Txt2Img
from webui.settings import Settings, changed

PROMPT = "a (red:1.3) boat on the [sea], at sunset"


def ask(prompt: str = PROMPT, seed: int = 7, size: tuple[int, int] = (64, 128), **parts: Any) -> Txt2Img:
    """``parts``: further parts of the request, and fields of ``sampling``."""
    sampling = {name: parts.pop(name) for name in list(parts) if name in Sampling.model_fields}
    given = {
        "prompts": Prompts(prompt=prompt, negative="text"),
        "size": Size(width=size[0], height=size[1]),
        "models": Models(checkpoint="one.safetensors"),
        "sampling": Sampling.model_validate({"steps": 4, **sampling}),
        "seeds": Seeds(seed=seed),
    }
    return Txt2Img(**{**given, **parts})


def pictures(app: App, request: Request, **settings: Any) -> list[numpy.ndarray]:
    """The pictures of a job under these settings, (H, W, 3) uint8 each."""
    job = app.submit(request, settings=changed(app.settings.now, settings))
    snapshot = app.wait(job.id)
    assert snapshot.job.state == "done", snapshot.job.message
    return [numpy.asarray(Image.open(image.path)) for image in snapshot.images]


def picture(app: App, request: Request, **settings: Any) -> numpy.ndarray:
    return pictures(app, request, **settings)[0]


def same(one: numpy.ndarray, other: numpy.ndarray) -> bool:
    return one.shape == other.shape and bool((one == other).all())


def order_of(app: App, request: Request, **settings: Any) -> Order:
    """What the worker would be handed for it."""
    shots, all_settings = plan(request).shots, changed(Settings(), settings)
    job = Job(0, "job", "", request, shots, all_settings, "running", 1, 0, None, (), 0.0, None, None)
    order = app._prepare(job, tuple(shot.index for shot in shots))
    Path(order.staging).mkdir(parents=True, exist_ok=True)
    return order


def events_of(manager: Manager, order: Order, on: Callable[[Event, Control], None] = lambda event, control: None):
    """All that the worker says; ``on`` hears each event and may stop it."""
    said: list[Event] = []
    control = Control()

    def emit(event: Event) -> None:
        said.append(event)
        on(event, control)

    run(manager, order, emit, control)
    return said


def saved(events: list[Event]) -> list[Saved]:
    return [event for event in events if isinstance(event, Saved)]


def progress(events: list[Event]) -> list[Progress]:
    return [event for event in events if isinstance(event, Progress)]


class Others:
    """The same computation in a straight line, on diffusers' modules and converters, for Euler and Karras' sigmas."""

    def __init__(self, file: Path) -> None:
        self.pipe = stock.pipeline(file)

    @torch.inference_mode()
    def embed(self, text: str) -> torch.Tensor:
        """(1, 77, width), without any emphasis."""
        return self.pipe.encode_prompt(text, "cpu", 1, False)[0]

    @torch.inference_mode()
    def eps(self, x: torch.Tensor, sigma: float, embedded: torch.Tensor) -> torch.Tensor:
        scaled = x / (sigma**2 + 1) ** 0.5
        return self.pipe.unet(scaled, timestep(sigma), encoder_hidden_states=embedded).sample

    @torch.inference_mode()
    def pixels(self, latent: torch.Tensor) -> numpy.ndarray:
        """(H, W, 3) in 0 … 255, not yet whole numbers."""
        picture = self.pipe.vae.decode(latent / 0.18215).sample[0]
        return ((picture + 1) / 2).clamp(0, 1).permute(1, 2, 0).numpy() * 255

    @torch.inference_mode()
    def latent(self, pixels: numpy.ndarray) -> torch.Tensor:
        """The mean that the VAE gives for pixels (H, W, 3) uint8."""
        picture = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None] / 255 * 2 - 1
        return self.pipe.vae.encode(picture).latent_dist.mean * 0.18215


Guidance = Callable[[torch.Tensor, float, int], torch.Tensor]
"""(x, sigma, which call) → guided eps."""


def guidance(others: Others, prompt: str, negative: str, cfg: float = 7.0) -> Guidance:
    cond, uncond = others.embed(prompt), others.embed(negative)

    def eps(x: torch.Tensor, sigma: float, call: int) -> torch.Tensor:
        without = others.eps(x, sigma, uncond)
        return without + (others.eps(x, sigma, cond) - without) * cfg

    return eps


def euler(eps: Guidance, x: torch.Tensor, sigmas: list[float]) -> torch.Tensor:
    for call, (sigma, after) in enumerate(zip(sigmas[:-1], sigmas[1:], strict=True)):
        x = x + eps(x, sigma, call) * (after - sigma)
    return x


def karras(steps: int) -> list[float]:
    """Equation 5 of Karras et al. 2022 with rho 7, over the sigmas of Stable Diffusion 1."""
    low, high = _sigmas()[0] ** (1 / 7), _sigmas()[-1] ** (1 / 7)
    return [(high + i / (steps - 1) * (low - high)) ** 7 for i in range(steps)] + [0.0]


def timestep(sigma: float) -> float:
    """Linear in log sigma between the training timesteps."""
    return float(numpy.interp(numpy.log(sigma), numpy.log(_sigmas()), numpy.arange(1000)))


@functools.cache
def _sigmas() -> numpy.ndarray:
    betas = numpy.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2
    alphas = numpy.cumprod(1 - betas)
    return ((1 - alphas) / alphas) ** 0.5
