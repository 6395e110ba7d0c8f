"""Which end of a schedule a picture is made anew along, and from what."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from webui.sampling.guidance import Guided, Part, always
from webui.sampling.kinds import (
    Cut,
    Sampler,
    calls,
    find_sampler,
    find_scheduler,
    img2img_cut,
    samplers,
    schedulers,
    sigmas_for,
)
from webui.sampling.noise import ImageNoise
from webui.sampling.run import sample
from webui.sampling.schedule import ScheduleOptions, leading_sigmas, scaled_linear

SCHEDULE = scaled_linear()
SHAPE = (4, 3, 2)
AUTOMATIC = find_scheduler("Automatic")
INIT = torch.linspace(-1, 1, math.prod(SHAPE)).reshape(1, *SHAPE)
ids = pytest.mark.parametrize("sampler", samplers().values(), ids=lambda sampler: sampler.name)


def network(x: Tensor, t: float, conds: Sequence[float]) -> list[Tensor]:
    return [torch.tanh(x * (1 + t / 1000)) * cond for cond in conds]


def guided() -> Guided[float]:
    return Guided(network, [Part(always(1.0))], always(0.5), 3.0, SCHEDULE)


def cut(name: str, steps: int, strength: float, exact: bool = False, scheduler: str = "Automatic") -> Cut:
    return img2img_cut(find_sampler(name), find_scheduler(scheduler), steps, strength, SCHEDULE, exact=exact)


def made(sampler: Sampler, end: Cut, seed: int = 1) -> Tensor:
    noise = ImageNoise(seed, SHAPE)
    return sample(guided(), sampler, end.sigmas, noise, init=INIT, noised=end.noised, span=end.span)


@pytest.mark.parametrize(
    ("steps", "strength", "exact", "total", "begin", "count"),
    [  # sd-webui 1.10; "exact" is its hires fix, and its setting "With img2img, do exactly the amount of steps …"
        (20, 0.75, False, 20, 4, 16),
        (20, 0.5, False, 20, 9, 11),
        (20, 1.0, False, 20, 0, 20),
        (20, 0.0, False, 20, 19, 1),
        (20, 0.04, False, 20, 19, 1),
        (20, 0.05, False, 20, 18, 2),
        (20, 0.75, True, 26, 6, 20),
        (20, 0.5, True, 40, 20, 20),
        (20, 0.3, True, 66, 46, 20),
        (20, 1.0, True, 20, 0, 20),
    ],
)
def test_schedule_is_cut_as_in_sd_webui(
    steps: int, strength: float, exact: bool, total: int, begin: int, count: int
) -> None:
    for name in ("Euler", "DPM++ 2M"):
        sampler = find_sampler(name)
        end, whole = cut(name, steps, strength, exact), sigmas_for(sampler, AUTOMATIC, total, SCHEDULE)
        assert end.sigmas == whole[begin:]
        assert end.noised == whole[begin]
        assert end.span == (whole[-2], whole[0])
        assert calls(sampler, end.sigmas) == count


@pytest.mark.parametrize(
    ("steps", "strength", "exact", "total", "kept"),
    [
        (20, 0.75, False, 20, 15), (20, 0.5, False, 20, 10), (20, 1.0, False, 20, 19), (20, 0.0, False, 20, 0),
        (20, 0.05, False, 20, 1), (20, 0.75, True, 26, 19), (20, 0.3, True, 66, 19), (7, 0.5, False, 7, 3),
        (20, 0.001, True, 20000, 19),
    ],
)  # fmt: skip
def test_timestep_samplers_keep_the_first_timesteps_and_noise_to_the_next(
    steps: int, strength: float, exact: bool, total: int, kept: int
) -> None:
    """sd-webui: timesteps[:t_enc], of which DDIM makes one step less, and noise as for timesteps[t_enc]."""
    rising = leading_sigmas(total, SCHEDULE, ScheduleOptions())[::-1]
    end = cut("DDIM", steps, strength, exact)
    assert end.sigmas == (rising[:kept] or rising[:1])[::-1]
    assert end.noised == rising[kept]
    assert calls(find_sampler("DDIM"), end.sigmas) == max(kept - 1, 0)


def test_a_timestep_sampler_on_another_schedule_is_cut_like_the_others() -> None:
    assert cut("DDIM", 20, 0.5, scheduler="Karras") == cut("Euler", 20, 0.5, scheduler="Karras")


@settings(max_examples=300)
@given(
    sampler=st.sampled_from(list(samplers().values())),
    scheduler=st.sampled_from(list(schedulers())),
    steps=st.integers(1, 150),
    strength=st.sampled_from([0.0, 0.01, 1.0]) | st.floats(0.02, 1),
    exact=st.booleans(),
)
def test_any_cut_is_an_end_of_the_whole(
    sampler: Sampler, scheduler: str, steps: int, strength: float, exact: bool
) -> None:
    end = img2img_cut(sampler, find_scheduler(scheduler), steps, strength, SCHEDULE, exact=exact)
    assert end.sigmas
    assert all(a > b for a, b in zip(end.sigmas, end.sigmas[1:], strict=False))
    low, high = end.span
    assert 0 <= low <= high
    assert end.noised <= high
    assert all(sigma == 0 or low <= sigma <= high for sigma in end.sigmas)


# --- what it starts from


@ids
def test_a_strength_of_nothing_leaves_the_picture_as_it_is(sampler: Sampler) -> None:
    end = img2img_cut(sampler, AUTOMATIC, 20, 0.0, SCHEDULE, exact=True)
    assert torch.equal(made(sampler, end), INIT)


@pytest.mark.parametrize(
    "sampler", [each for each in samplers().values() if each.name != "LCM"], ids=lambda each: each.name
)
def test_the_stronger_the_further_from_the_picture(sampler: Sampler) -> None:
    """LCM forgets the picture at each step but for what the network makes of it, and this one makes little."""

    def changed(strength: float) -> float:
        found = made(sampler, img2img_cut(sampler, AUTOMATIC, 12, strength, SCHEDULE, exact=True))
        assert torch.isfinite(found).all()
        return float((found - INIT).norm())

    assert changed(0.1) < changed(0.9)


def first_seen(name: str, end: Cut) -> Tensor:
    """x as the sampler gets it."""
    seen: list[Tensor] = []

    def look(x: Tensor, t: float, conds: Sequence[float]) -> list[Tensor]:
        seen.append(x)
        return [x for _ in conds]

    watching = Guided(look, [Part(always(1.0))], always(0.5), 3.0, SCHEDULE)
    sample(watching, find_sampler(name), end.sigmas, ImageNoise(1, SHAPE), init=INIT, noised=end.noised)
    return seen[0] * math.hypot(1, end.sigmas[0])


def test_noise_is_laid_over_the_picture() -> None:
    end, noise = cut("Euler", 20, 0.6), ImageNoise(1, SHAPE).first()
    torch.testing.assert_close(first_seen("Euler", end), INIT + noise * end.sigmas[0])


def test_a_timestep_sampler_takes_one_timestep_for_the_next() -> None:
    """sd-webui: x_t = √ᾱ·x0 + √(1−ᾱ)·noise for the timestep above the one that sampling begins with."""
    end, noise = cut("DDIM", 20, 0.6), ImageNoise(1, SHAPE).first()
    alpha = 1 / (1 + end.noised**2)
    x_t = math.sqrt(alpha) * INIT + math.sqrt(1 - alpha) * noise
    torch.testing.assert_close(first_seen("DDIM", end), x_t * math.hypot(1, end.sigmas[0]))


def test_left_out_the_noise_is_that_of_the_first_sigma() -> None:
    for name in ("Euler", "DDIM"):
        sampler, sigmas = find_sampler(name), [2.0, 1.0, 0.5]
        plain = sample(guided(), sampler, sigmas, ImageNoise(1, SHAPE), init=INIT)
        assert torch.equal(plain, sample(guided(), sampler, sigmas, ImageNoise(1, SHAPE), init=INIT, noised=2.0))
        assert not torch.equal(plain, sample(guided(), sampler, sigmas, ImageNoise(1, SHAPE), init=INIT, noised=2.5))


def test_the_brownian_path_of_a_cut_is_the_wholes() -> None:
    """So a second pass is given the noise that sd-webui gives it."""
    sampler, noise = find_sampler("DPM++ 2M SDE"), ImageNoise(1, SHAPE)
    end = cut("DPM++ 2M SDE", 12, 0.6, exact=True)
    x = INIT + noise.first() * end.noised
    for span, equal in ((end.span, True), ((0.001, 20.0), False)):
        with torch.inference_mode():
            expected = sampler.run(guided(), x, end.sigmas, noise.brownian(*span), sampler.options)
        assert torch.equal(made(sampler, end), expected) == equal
