"""A picture's Brownian path: torchsde's numbers, a Brownian motion's laws."""

from __future__ import annotations

import math
import random
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from webui.sampling.brownian import BrownianPath
from webui.sampling.noise import ImageNoise, Source

LOW, HIGH = 0.0291671582, 14.6146412293
SHAPE = (4, 3, 2)
times = st.floats(LOW, HIGH)


def drawn_by_torch(seed: int, shape: tuple[int, ...] = SHAPE) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.oracle
@settings(max_examples=40)
@given(st.integers(0, 2**63 - 1), st.lists(times, min_size=2, max_size=6))
def test_numbers_are_those_of_torchsde(seed: int, asked: list[float]) -> None:
    """Bit for bit, as k-diffusion asks for them: (W(σ') − W(σ))/√|σ' − σ|."""
    import torchsde

    tree = torchsde.BrownianTree(round(LOW, 6), torch.zeros(SHAPE), round(HIGH, 6), entropy=seed)
    path = BrownianPath(seed, round(LOW, 6), round(HIGH, 6), drawn_by_torch)
    for a, b in pairwise(round(time, 6) for time in asked):
        increment = tree(min(a, b), max(a, b))
        assert isinstance(increment, Tensor)
        assert torch.equal(path.between(min(a, b), max(a, b)), increment)


@given(st.lists(times, min_size=3, max_size=8, unique_by=lambda time: round(time, 6)))
def test_parts_add_up_in_any_order(asked: list[float]) -> None:
    path, again = (BrownianPath(3, LOW, HIGH, drawn_by_torch) for _ in range(2))
    inner = sorted(asked)
    whole = path.between(inner[0], inner[-1])
    steps = list(pairwise(inner))
    random.Random(0).shuffle(steps)
    torch.testing.assert_close(sum(again.between(a, b) for a, b in steps), whole, rtol=0, atol=1e-5)


def test_increments_are_normal_with_the_variance_of_their_length() -> None:
    path = BrownianPath(1, LOW, HIGH, lambda seed: drawn_by_torch(seed, (40_000,)))
    sigmas = np.geomspace(LOW, HIGH, 12).tolist()
    steps = torch.stack([path.between(a, b) / math.sqrt(b - a) for a, b in pairwise(sigmas)])
    assert steps.mean(1).abs().max() < 0.025  # five standard deviations
    torch.testing.assert_close(torch.corrcoef(steps), torch.eye(11), rtol=0, atol=0.025)
    torch.testing.assert_close(steps.std(1), torch.ones(11), rtol=0, atol=0.025)


@pytest.mark.parametrize(("start", "end"), [(LOW - 1, 1.0), (1.0, HIGH + 1), (2.0, 1.0)])
def test_outside_the_path_and_backwards_is_refused(start: float, end: float) -> None:
    with pytest.raises(ValueError, match="does not lie in"):
        BrownianPath(1, LOW, HIGH, drawn_by_torch).between(start, end)


@pytest.mark.parametrize("source", ["NV", "CPU", "GPU"])
def test_a_pictures_path_depends_on_its_seed_alone(source: Source) -> None:
    sigmas = np.geomspace(HIGH, LOW, 9).tolist()

    def drawn(noise: ImageNoise, disturb: bool = False) -> list[Tensor]:
        path, neighbour = noise.brownian(LOW, HIGH), ImageNoise(2, SHAPE, source).brownian(LOW, HIGH)
        found = []
        for step in pairwise(sigmas):
            if disturb:
                neighbour(*step), noise.next(), torch.randn(5)  # pyright: ignore[reportUnusedExpression]
            found.append(path(*step))
        return found

    calm = drawn(ImageNoise(1, SHAPE, source))
    for noise in (
        ImageNoise(1, SHAPE, source, ensd=31337),
        ImageNoise(1, SHAPE, source, subseed=5, subseed_strength=0.5),
        ImageNoise(1, SHAPE, source, resize_from=(5, 5)),
    ):
        assert all(torch.equal(a, b) for a, b in zip(calm, drawn(noise, disturb=True), strict=True))
    assert calm[0].shape == (1, *SHAPE)
    assert not torch.equal(calm[0], drawn(ImageNoise(2, SHAPE, source))[0])


def test_the_pictures_own_source_draws() -> None:
    """As sd-webui has torchsde draw: what a node's seed draws is philox's for NV and torch's for CPU."""
    path = BrownianPath(7, LOW, HIGH, drawn_by_torch)
    expected = -path.between(1.0, 2.0)
    assert torch.equal(ImageNoise(7, SHAPE, "CPU").brownian(LOW, HIGH)(2.0, 1.0)[0], expected)
    assert torch.equal(ImageNoise(7, SHAPE, "CPU").brownian(LOW, HIGH)(1.0, 2.0)[0], -expected)
    assert not torch.equal(ImageNoise(7, SHAPE, "NV").brownian(LOW, HIGH)(2.0, 1.0)[0], expected)
