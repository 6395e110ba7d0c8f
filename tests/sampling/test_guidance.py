"""Guidance over a network whose estimate is simply the number it is given as text."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from webui.sampling.guidance import Entry, Guided, Interrupted, Part, always, at
from webui.sampling.kinds import find_sampler
from webui.sampling.schedule import EPSILON, FLOW, flow, scaled_linear

SCHEDULE = scaled_linear()
SIGMA = SCHEDULE.sigmas[500]
X = torch.full((1, 4, 2, 2), 3.0)


class Network:
    """x0 is the text. Remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[Tensor, float, float]] = []

    def __call__(self, x: Tensor, t: float, conds: Sequence[float]) -> list[Tensor]:
        self.asked += [(x, t, cond) for cond in conds]
        sigma = SCHEDULE.t_to_sigma(t)
        return [(x / EPSILON.scale_in(sigma) - cond) / sigma for cond in conds]


def parts(*weighted: tuple[float, float]) -> list[Part[float]]:
    return [Part(always(cond), weight) for cond, weight in weighted]


@pytest.mark.parametrize(
    ("texts", "negative", "cfg", "expected"),
    [
        ([(5.0, 1.0)], 2.0, 7.0, 2 + 7 * (5 - 2)),
        ([(5.0, 1.0)], 2.0, 0.0, 2.0),
        ([(5.0, 1.0), (1.0, 0.5)], 2.0, 7.0, 2 + 7 * (5 - 2) + 0.5 * 7 * (1 - 2)),
        ([(5.0, 1.0), (1.0, -1.0)], 2.0, 4.0, 2 + 4 * (5 - 2) - 4 * (1 - 2)),
        ([(5.0, 1.0), (1.0, 1.0)], 2.0, 1.0, 2 + (5 - 2) + (1 - 2)),
        ([(5.0, 1.0)], 2.0, 1.0, 5.0),
        ([(5.0, 0.75), (1.0, 0.25)], 2.0, 1.0, 4.0),
    ],
)
def test_texts_are_added_by_weight_as_they_differ_from_the_negative(
    texts: list[tuple[float, float]], negative: float, cfg: float, expected: float
) -> None:
    guided = Guided(Network(), parts(*texts), always(negative), cfg, SCHEDULE)
    x0, uncond = guided(X, SIGMA)
    torch.testing.assert_close(x0, torch.full_like(X, expected), rtol=0, atol=1e-4)
    if uncond is not None:
        torch.testing.assert_close(uncond, torch.full_like(X, negative), rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("texts", "cfg", "asked"),
    [
        ([(5.0, 1.0)], 7.0, [5.0, 2.0]),
        ([(5.0, 1.0)], 1.0, [5.0]),
        ([(5.0, 1.0), (1.0, 1.0)], 1.0, [5.0, 1.0, 2.0]),
        ([(5.0, 1.0), (1.0, 1.0)], 0.5, [5.0, 1.0]),
    ],
)
def test_the_network_is_called_once_a_text_and_not_for_one_that_cancels_out(
    texts: list[tuple[float, float]], cfg: float, asked: list[float]
) -> None:
    network = Network()
    guided = Guided(network, parts(*texts), always(2.0), cfg, SCHEDULE)
    assert (guided(X, SIGMA).uncond is None) == (2.0 not in asked)
    assert [cond for _, _, cond in network.asked] == asked
    assert all(len(x) == 1 for x, _, _ in network.asked)


def test_the_network_sees_scaled_x_and_the_timestep() -> None:
    network = Network()
    Guided(network, parts((5.0, 1.0)), always(2.0), 7.0, SCHEDULE)(X, SIGMA)
    seen, t, _ = network.asked[0]
    assert t == 500
    torch.testing.assert_close(seen, X * SCHEDULE.alphas_cumprod[500] ** 0.5)


def test_a_network_in_half_precision_costs_x0_nothing_more() -> None:
    """Its output is taken as it is; what is done with it is done in single precision."""
    output = torch.tensor(1 / 3, dtype=torch.float16)
    guided = Guided(
        lambda x, t, conds: [output.expand_as(x) for _ in conds], parts((5.0, 1.0)), always(2.0), 1.0, SCHEDULE
    )
    x0 = guided(X, SIGMA).x0
    assert x0.dtype == torch.float32
    torch.testing.assert_close(x0, X - float(output) * SIGMA, rtol=1e-6, atol=0)


def test_every_call_is_reported_and_an_interruption_keeps_the_last_estimate() -> None:
    reported: list[tuple[int, Tensor]] = []
    reasons = iter([None, None, "skip"])
    guided = Guided(
        Network(), parts((5.0, 1.0)), always(2.0), 7.0, SCHEDULE,
        interrupted=lambda: next(reasons), report=lambda calls, x0: reported.append((calls, x0)),
    )  # fmt: skip
    x0 = [guided(X, SIGMA).x0, guided(X, SIGMA).x0]
    with pytest.raises(Interrupted) as caught:
        guided(X, SIGMA)
    assert caught.value.reason == "skip"
    assert caught.value.x0 is x0[-1]
    assert [calls for calls, _ in reported] == [1, 2]
    assert all(told is given for (_, told), given in zip(reported, x0, strict=True))


def test_interrupted_before_anything_there_is_no_estimate() -> None:
    network = Network()
    with pytest.raises(Interrupted) as caught:
        Guided(network, parts((5.0, 1.0)), always(2.0), 7.0, SCHEDULE, interrupted=lambda: "stop")(X, SIGMA)
    assert caught.value.x0 is None
    assert network.asked == []


def test_an_entry_lasts_until_its_call_counted_from_nought() -> None:
    """As sd-webui counts: the first entry serves one call more than its number, so [a|b] begins a, a, b."""
    alternating = [Entry(step, "ab"[(step - 1) % 2]) for step in range(1, 7)]
    assert "".join(at(alternating, call) for call in range(7)) == "aababab"
    edited = (Entry(3, "a"), Entry(10, "b"))
    assert "".join(at(edited, call) for call in range(13)) == "aaaabbbbbbbaa"  # past the end: the first again


def test_texts_change_with_the_calls() -> None:
    network = Network()
    prompt = Part((Entry(0, 5.0), Entry(9, 6.0)))
    guided = Guided(network, [prompt], (Entry(1, 1.0), Entry(9, 2.0)), 7.0, SCHEDULE)
    for _ in range(3):
        guided(X, SIGMA)
    assert [cond for _, _, cond in network.asked] == [5.0, 1.0, 6.0, 1.0, 6.0, 2.0]


# --- the negative prompt left out


def asked_in(guided: Guided[float], network: Network, sigmas: Sequence[float]) -> list[list[float]]:
    """The texts of each call."""
    found = []
    for sigma in sigmas:
        network.asked.clear()
        guided(X, sigma)
        found.append([cond for _, _, cond in network.asked])
    return found


BOTH, PROMPT = [5.0, 2.0], [5.0]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [BOTH] * 6),
        ({"s_min_uncond": 3.0}, [BOTH, BOTH, BOTH, PROMPT, BOTH, PROMPT]),
        ({"s_min_uncond": 3.0, "s_min_uncond_all": True}, [BOTH, BOTH, BOTH, PROMPT, PROMPT, PROMPT]),
        ({"s_min_uncond": 100.0}, [BOTH, PROMPT, BOTH, PROMPT, BOTH, PROMPT]),
        ({"s_min_uncond_all": True}, [BOTH] * 6),
        ({"skip_early_cond": 0.3, "steps": 6}, [PROMPT, PROMPT, BOTH, BOTH, BOTH, BOTH]),
        ({"skip_early_cond": 0.5, "steps": 6}, [PROMPT, PROMPT, PROMPT, PROMPT, BOTH, BOTH]),  # 3 / 6 is not above it
        ({"skip_early_cond": 0.01, "steps": 6}, [PROMPT, BOTH, BOTH, BOTH, BOTH, BOTH]),
        ({"skip_early_cond": 1.0, "steps": 6}, [PROMPT] * 6),
        ({"skip_early_cond": 0.5}, [BOTH] * 6),  # of how many steps, nobody said
    ],
)
def test_the_negative_is_left_out_early_and_at_low_noise_as_in_sd_webui(
    options: dict[str, float], expected: list[list[float]]
) -> None:
    network = Network()
    guided = Guided(network, parts((5.0, 1.0)), always(2.0), 7.0, SCHEDULE, **options)  # pyright: ignore[reportArgumentType]
    assert asked_in(guided, network, [14.0, 9.0, 4.0, 2.0, 1.0, 0.1]) == expected
    assert sorted(guided.left_out) == [call for call, texts in enumerate(expected) if texts == PROMPT]


def test_why_the_negative_was_left_out_is_kept() -> None:
    guided = Guided(
        Network(), parts((5.0, 1.0)), always(2.0), 7.0, SCHEDULE, s_min_uncond=3.0, skip_early_cond=0.1, steps=6
    )
    for sigma in (14.0, 9.0, 4.0, 2.0, 1.0, 0.1):
        guided(X, sigma)
    assert guided.left_out == {0: "early", 3: "late", 5: "late"}


def test_without_the_negative_the_prompt_stands_alone() -> None:
    guided = Guided(Network(), parts((5.0, 1.0)), always(2.0), 7.0, SCHEDULE, skip_early_cond=1.0, steps=1)
    x0, uncond = guided(X, SIGMA)
    assert uncond is None
    torch.testing.assert_close(x0, torch.full_like(X, 5.0), rtol=0, atol=1e-4)


def test_without_the_negative_further_prompts_are_added_to_the_first() -> None:
    """As sd-webui does, which puts the first prompt in the negative's place and takes a scale of 1."""
    several = parts((5.0, 0.3), (1.0, 0.5), (9.0, -0.25))
    guided = Guided(Network(), several, always(2.0), 7.0, SCHEDULE, skip_early_cond=1.0, steps=1)
    expected = 5 + 0.5 * (1 - 5) - 0.25 * (9 - 5)
    torch.testing.assert_close(guided(X, SIGMA).x0, torch.full_like(X, expected), rtol=0, atol=1e-4)


def test_timestep_samplers_count_low_noise_in_timesteps() -> None:
    """As sd-webui does, so that a limit meant as sigma says next to nothing to them."""
    network = Network()
    guided = Guided(network, parts((5.0, 1.0)), always(2.0), 7.0, SCHEDULE, s_min_uncond=3.0, s_min_uncond_all=True)
    guided.follow(find_sampler("DDIM"))
    sigmas = [SCHEDULE.sigmas[t] for t in (401, 51, 3, 2)]
    assert asked_in(guided, network, sigmas) == [BOTH, BOTH, BOTH, PROMPT]


@pytest.mark.parametrize("cfg", [1.0, 7.0])
def test_a_sampler_that_needs_the_negative_gets_it_whatever_the_scale(cfg: float) -> None:
    guided = Guided(Network(), parts((5.0, 1.0)), always(2.0), cfg, SCHEDULE)
    guided.follow(find_sampler("DDIM CFG++"))
    x0, uncond = guided(X, SIGMA)
    assert uncond is not None
    torch.testing.assert_close(uncond, torch.full_like(X, 2.0), rtol=0, atol=1e-4)
    torch.testing.assert_close(x0, torch.full_like(X, 2 + cfg * 3), rtol=0, atol=1e-4)


def test_the_network_may_be_told_another_sigma_than_it_is_scaled_for() -> None:
    network = Network()
    guided = Guided(network, parts((5.0, 1.0)), always(2.0), 7.0, SCHEDULE)
    guided.follow(find_sampler("LCM"))
    guided(X, SIGMA)
    seen, t, _ = network.asked[0]
    assert t == 499  # the nearest that it was taught
    torch.testing.assert_close(seen, X * EPSILON.scale_in(SIGMA))


def test_a_flow_is_told_its_own_time() -> None:
    told: list[float] = []

    def look(x: Tensor, t: float, conds: Sequence[float]) -> list[Tensor]:
        told.append(t)
        return [x for _ in conds]

    Guided(look, parts((5.0, 1.0)), always(2.0), 1.0, flow(3.0), FLOW)(X, 3.0)
    assert told == [pytest.approx(750)]
