"""The noise of one picture."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from webui.sampling.noise import ImageNoise, Source, laid_over, slerp
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


# --- variations


def unit(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@sources
def test_a_variation_is_between_two_seeds_and_changes_the_first_noise_alone(source: Source) -> None:
    plain, other = ImageNoise(1, SHAPE, source), ImageNoise(2, SHAPE, source)
    varied = ImageNoise(1, SHAPE, source, subseed=2, subseed_strength=0.3)
    first = varied.first()
    assert torch.equal(first[0], slerp(0.3, plain.first()[0], other.first()[0]))
    assert torch.equal(varied.next(), plain.next())
    assert torch.equal(varied.first(), first)
    assert torch.equal(ImageNoise(1, SHAPE, source, subseed=2).first(), plain.first())
    with_ensd = ImageNoise(1, SHAPE, source, ensd=4, subseed=2, subseed_strength=0.3)
    assert torch.equal(with_ensd.first(), first)
    assert torch.equal(with_ensd.next(), ImageNoise(5, SHAPE, source).first())


def test_a_whole_variation_is_the_other_seed() -> None:
    whole = ImageNoise(1, SHAPE, subseed=2, subseed_strength=1.0).first()
    torch.testing.assert_close(whole, ImageNoise(2, SHAPE).first(), rtol=1e-5, atol=1e-5)


def test_slerp_turns_each_column_evenly() -> None:
    """Columns (dimension 1, as in sd-webui) of unit length stay so; the angle to the first grows with the strength."""
    low, high = (noise / noise.norm(dim=1, keepdim=True) for noise in (unit(1, *SHAPE), unit(2, *SHAPE)))
    whole = torch.acos((low * high).sum(1))
    for strength in (0.0, 0.25, 0.5, 0.8, 1.0):
        mixed = slerp(strength, low, high)
        torch.testing.assert_close(mixed.norm(dim=1), torch.ones(4, 6))
        torch.testing.assert_close(
            torch.acos((low * mixed).sum(1).clamp(-1, 1)), whole * strength, rtol=1e-3, atol=1e-3
        )


def test_slerp_of_noise_is_the_textbooks_formula_on_columns() -> None:
    low, high = unit(1, *SHAPE).double(), unit(2, *SHAPE).double()
    mixed = slerp(0.4, low, high)
    for c in range(SHAPE[0]):
        for column in range(SHAPE[2]):
            a, b = low[c, :, column].numpy(), high[c, :, column].numpy()
            angle = np.arccos(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
            expected = (np.sin(0.6 * angle) * a + np.sin(0.4 * angle) * b) / np.sin(angle)
            np.testing.assert_allclose(mixed[c, :, column].numpy(), expected, rtol=1e-12)


def test_slerp_of_all_but_parallel_noise_is_linear_and_the_other_way_round() -> None:
    """sd-webui's slip, and there for the same seed twice: no division by an angle of 0."""
    low = unit(1, *SHAPE)
    high = low * 1.01
    torch.testing.assert_close(slerp(0.2, low, high), low * 0.2 + high * 0.8)
    assert torch.isfinite(slerp(0.5, low, low)).all()
    torch.testing.assert_close(
        ImageNoise(3, SHAPE, subseed=3, subseed_strength=0.7).first(), ImageNoise(3, SHAPE).first()
    )


# --- seed resize


@pytest.mark.parametrize(
    ("size", "rows", "columns"),
    [  # of a latent of 8 × 6: (in it, in the other's)
        ((4, 4), ((2, 6), (0, 4)), ((1, 5), (0, 4))),
        ((5, 3), ((1, 6), (0, 5)), ((1, 4), (0, 3))),
        ((8, 10), ((0, 8), (0, 8)), ((0, 6), (2, 8))),
        ((12, 6), ((0, 8), (2, 10)), ((0, 6), (0, 6))),
        ((11, 9), ((0, 7), (2, 9)), ((0, 5), (2, 7))),  # odd: the last row and column stay as they were
        ((4, 10), ((2, 6), (0, 4)), ((0, 6), (2, 8))),
    ],
)
def test_the_noise_of_another_size_is_centred(
    size: tuple[int, int],
    rows: tuple[tuple[int, int], tuple[int, int]],
    columns: tuple[tuple[int, int], tuple[int, int]],
) -> None:
    base, other = unit(1, *SHAPE), unit(2, SHAPE[0], *size)
    (to_top, to_bottom), (top, bottom) = rows
    (to_left, to_right), (left, right) = columns
    expected = base.clone()
    expected[:, to_top:to_bottom, to_left:to_right] = other[:, top:bottom, left:right]
    assert torch.equal(laid_over(base, other), expected)
    assert torch.equal(base, unit(1, *SHAPE))


@sources
def test_seed_resize_lays_the_other_sizes_noise_over_this_ones(source: Source) -> None:
    plain, other = ImageNoise(1, SHAPE, source), ImageNoise(1, (4, 4, 10), source)
    resized = ImageNoise(1, SHAPE, source, resize_from=(4, 10))
    assert torch.equal(resized.first()[0], laid_over(plain.first()[0], other.first()[0]))
    assert torch.equal(resized.next(), plain.next())
    assert torch.equal(ImageNoise(1, SHAPE, source, resize_from=SHAPE[1:]).first(), plain.first())


@sources
def test_a_variation_is_made_at_the_other_size(source: Source) -> None:
    small = ImageNoise(1, (4, 4, 4), source, subseed=2, subseed_strength=0.3)
    resized = ImageNoise(1, SHAPE, source, subseed=2, subseed_strength=0.3, resize_from=(4, 4))
    assert torch.equal(resized.first()[0], laid_over(ImageNoise(1, SHAPE, source).first()[0], small.first()[0]))
