"""From a seed to a latent."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from webui.sampling import kinds
from webui.sampling.guidance import Guided, Part, always
from webui.sampling.kinds import Sampler, SamplerOptions, find_sampler, find_scheduler, samplers, sigmas_for
from webui.sampling.noise import ImageNoise
from webui.sampling.run import sample, start
from webui.sampling.schedule import EPSILON, scaled_linear

SCHEDULE = scaled_linear()
SHAPE = (4, 6, 5)
ids = pytest.mark.parametrize("sampler", samplers().values(), ids=lambda sampler: sampler.name)


def network(x: Tensor, t: float, conds: Sequence[float]) -> list[Tensor]:
    return [torch.tanh(x * (1 + t / 1000)) * cond for cond in conds]


def guided(seen: list[int] | None = None) -> Guided[float]:
    report = (lambda calls, x0: None) if seen is None else (lambda calls, x0: seen.append(calls))
    return Guided(network, [Part(always(1.0))], always(0.5), 3.0, SCHEDULE, report=report)


def automatic(sampler: Sampler, steps: int) -> list[float]:
    return sigmas_for(sampler, find_scheduler("Automatic"), steps, SCHEDULE)


def latent(sampler: Sampler, seed: int = 1, **options: float) -> Tensor:
    chosen = replace(SamplerOptions(), **options) if options else None
    return sample(guided(), sampler, automatic(sampler, 6), ImageNoise(seed, SHAPE), chosen)


@ids
def test_a_seed_is_a_latent(sampler: Sampler) -> None:
    first = latent(sampler)
    assert first.shape == (1, *SHAPE)
    assert first.dtype == torch.float32
    assert torch.isfinite(first).all()
    latent(sampler, seed=2)
    assert torch.equal(latent(sampler), first)
    assert not torch.equal(latent(sampler, seed=2), first)


@ids
def test_without_options_the_samplers_own_count(sampler: Sampler) -> None:
    assert torch.equal(latent(sampler), latent(sampler, eta=sampler.options.eta))
    if "eta" in sampler.uses:
        assert not torch.equal(latent(sampler), latent(sampler, eta=0.5))


@pytest.mark.parametrize(
    ("name", "steps", "calls"),
    [
        ("Euler", 20, 20),
        ("Euler a", 20, 20),
        ("DPM++ 2M", 20, 20),
        ("LMS", 20, 20),
        ("Heun", 20, 39),
        ("DPM2", 20, 39),
        ("DPM2 a", 20, 39),
        ("DPM++ SDE", 20, 39),
        ("DPM++ 2M SDE", 20, 20),
        ("DPM++ 2S a", 20, 39),
        ("DPM++ 3M SDE", 20, 20),
        ("DPM fast", 20, 20),
        ("DPM fast", 21, 21),
        ("Restart", 19, 37),
        ("Restart", 20, 39),
        ("Restart", 48, 95),
        ("DDIM", 20, 19),
        ("DDIM", 30, 30),
    ],
)
def test_the_model_is_called_as_often_as_in_sd_webui(name: str, steps: int, calls: int) -> None:
    seen: list[int] = []
    sampler = find_sampler(name)
    sigmas = automatic(sampler, steps)
    sample(guided(seen), sampler, sigmas, ImageNoise(1, SHAPE))
    assert seen == list(range(1, calls + 1))
    assert kinds.calls(sampler, sigmas) == calls


def test_what_a_sampler_starts_from() -> None:
    """σ·noise; a timestep sampler takes the noise itself for x_t, so that the network's first sight is the noise."""
    noise = ImageNoise(1, SHAPE).first()
    first_seen: dict[str, Tensor] = {}
    for name in ("Euler", "DDIM"):

        def look(x: Tensor, t: float, conds: Sequence[float], name: str = name) -> list[Tensor]:
            first_seen.setdefault(name, x)
            return [x for _ in conds]

        sampler = find_sampler(name)
        watching = Guided(look, [Part(always(1.0))], always(0.5), 3.0, SCHEDULE)
        sample(watching, sampler, automatic(sampler, 20), ImageNoise(1, SHAPE))
    sigma = SCHEDULE.sigma_max
    torch.testing.assert_close(first_seen["Euler"], noise * sigma / math.hypot(1, sigma))
    torch.testing.assert_close(first_seen["DDIM"], noise)


def test_sgm_noise_starts_from_more() -> None:
    """√(1 + σ²)·noise, as in Stability AI's generative-models; a timestep sampler does so anyway."""
    noise, sigma = ImageNoise(1, SHAPE).first(), SCHEDULE.sigma_max
    for name in ("Euler", "DDIM"):
        found = start(find_sampler(name), EPSILON, noise, sigma, sgm_noise=True)
        torch.testing.assert_close(found, noise * math.hypot(1, sigma))


@ids
def test_neighbours_change_nothing(sampler: Sampler) -> None:
    """Pictures are made one by one, each from its own noise: what else is drawn meanwhile does not matter."""
    alone = latent(sampler)
    neighbour = ImageNoise(2, SHAPE)
    neighbour.first()

    def disturb(calls: int, x0: Tensor) -> None:
        neighbour.next()
        torch.randn(3)

    watching = Guided(network, [Part(always(1.0))], always(0.5), 3.0, SCHEDULE, report=disturb)
    assert torch.equal(sample(watching, sampler, automatic(sampler, 6), ImageNoise(1, SHAPE)), alone)


def test_no_gradients_are_kept() -> None:
    weight = torch.ones(1, requires_grad=True)
    watching = Guided(lambda x, t, conds: [x * weight for _ in conds], [Part(always(1.0))], always(0.5), 3.0, SCHEDULE)
    assert not sample(watching, find_sampler("Euler"), [1.0, 0.0], ImageNoise(1, SHAPE)).requires_grad
