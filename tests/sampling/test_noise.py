"""The noise of one picture."""

from __future__ import annotations

import pytest
import torch

from webui.sampling.noise import ImageNoise, Source
from webui.sampling.philox import Generator

SHAPE = (4, 8, 6)
sources = pytest.mark.parametrize("source", ["NV", "CPU", "GPU"])


@sources
def test_noise_is_a_batch_of_one_in_single_precision(source: Source) -> None:
    noise = ImageNoise(1, SHAPE, source)
    for drawn in (noise.first(), noise.next()):
        assert drawn.shape == (1, *SHAPE)
        assert drawn.dtype == torch.float32


@sources
def test_the_same_seed_draws_the_same_whatever_else_is_drawn(source: Source) -> None:
    def draw(disturb: bool) -> list[torch.Tensor]:
        noise, neighbour = ImageNoise(1, SHAPE, source), ImageNoise(2, SHAPE, source)
        drawn = [noise.first()]
        for _ in range(3):
            if disturb:
                neighbour.next()
                torch.randn(5)
            drawn.append(noise.next())
        return drawn

    calm, disturbed = draw(False), draw(True)
    assert all(torch.equal(a, b) for a, b in zip(calm, disturbed, strict=True))
    assert not any(torch.equal(calm[0], later) for later in calm[1:])


@sources
def test_first_is_the_first_even_when_asked_again(source: Source) -> None:
    noise = ImageNoise(1, SHAPE, source)
    first = noise.first()
    later = noise.next()
    assert torch.equal(noise.first(), first)
    assert torch.equal(noise.next(), later)


def test_nv_is_philox_and_cpu_is_torch() -> None:
    assert torch.equal(ImageNoise(5, SHAPE, "NV").first()[0], torch.from_numpy(Generator(5).randn(SHAPE)))
    assert torch.equal(ImageNoise(5, SHAPE, "CPU").first()[0], torch.randn(SHAPE, generator=torch.manual_seed(5)))


def test_gpu_on_a_cpu_is_cpu() -> None:
    assert torch.equal(ImageNoise(5, SHAPE, "GPU", "cpu").first(), ImageNoise(5, SHAPE, "CPU").first())


@sources
def test_ensd_changes_what_follows_and_not_the_first(source: Source) -> None:
    """sd-webui makes a new generator of seed + ENSD after the first draw, unless ENSD is 0."""
    noise = ImageNoise(5, SHAPE, source, ensd=31337)
    assert torch.equal(noise.first(), ImageNoise(5, SHAPE, source).first())
    other = ImageNoise(5 + 31337, SHAPE, source)
    assert torch.equal(noise.next(), other.first())
    assert torch.equal(noise.next(), other.next())


@sources
def test_seeds_as_large_as_a_request_may_have_are_taken(source: Source) -> None:
    largest = 2**63 - 1
    noise = ImageNoise(largest, SHAPE, source, ensd=largest)
    assert not torch.equal(noise.first(), noise.next())
