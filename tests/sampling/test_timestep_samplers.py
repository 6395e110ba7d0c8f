"""The samplers that k-diffusion does not have: against their papers, and on every schedule."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.sampling.oracle import problem
from tests.sampling.oracle_papers.cases import CASES, Case
from webui.sampling.guidance import Guided, Part, always
from webui.sampling.kinds import (
    Denoised,
    Sampler,
    Scheduler,
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
from webui.sampling.samplers import lcm, tcd, unipc
from webui.sampling.schedule import ScheduleOptions, leading_sigmas, scaled_linear

SCHEDULE = scaled_linear()
SHAPE = (4, 3, 2)
AUTOMATIC = find_scheduler("Automatic")
OURS = [sampler for sampler in samplers().values() if sampler.order >= 150]
ids = pytest.mark.parametrize("sampler", OURS, ids=lambda sampler: sampler.name)


def timesteps(sigmas: Sequence[float]) -> list[float]:
    return [SCHEDULE.sigma_to_t(sigma) for sigma in sigmas]


def automatic(name: str, steps: int, skip_type: str = "time_uniform") -> list[float]:
    return sigmas_for(find_sampler(name), AUTOMATIC, steps, SCHEDULE, ScheduleOptions(uni_pc_skip_type=skip_type))


# --- other people's formulas


@pytest.mark.oracle
@pytest.mark.parametrize("case", CASES, ids=str)
def test_sampler_is_that_of_the_paper(case: Case) -> None:
    assert case.difference(torch.float64) < (1e-7 if case.rough else 1e-12)
    assert case.difference(torch.float32) < 1e-5


def test_every_sampler_from_elsewhere_than_k_diffusion_is_compared() -> None:
    assert {case.sampler for case in CASES} == samplers().keys() - {case.sampler for case in problem.CASES}


# --- order of convergence


MU, S = 0.7, 0.5


def gaussian(x: Tensor, sigma: float) -> Denoised:
    """The best denoiser of data distributed as N(MU, S²)."""
    return Denoised((x * S**2 + MU * sigma**2) / (S**2 + sigma**2))


Spacing = Callable[[float, float, int], np.ndarray]


def measured_order(name: str, spacing: Spacing = np.geomspace, end: float = 0.1, **options: Any) -> float:
    sampler = find_sampler(name)
    x = MU + torch.randn(64, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 10
    exact = MU + (x - MU) * math.hypot(S, end) / math.hypot(S, 10)

    def error(steps: int) -> float:
        sigmas = spacing(10, end, steps + 1).tolist()
        found = sampler.run(gaussian, x, sigmas, _silent, replace(sampler.options, **options))
        return float((found * (math.hypot(1, end) if "timesteps" in sampler.uses else 1) - exact).abs().max())

    return math.log2(error(96) / error(192))


def _silent(sigma: float, sigma_next: float) -> Tensor:
    raise AssertionError("noise was drawn")


@pytest.mark.parametrize(
    ("variant", "order", "lower_order_final", "expected"),
    [
        ("bh1", 1, False, 2),
        ("bh1", 2, False, 3),
        ("bh1", 3, False, 4),
        ("bh2", 1, False, 2),
        ("bh2", 2, False, 3),
        ("bh2", 3, False, 4),
        ("bh2", 3, True, 2),  # the last step is of first order, its error of second
        ("vary_coeff", 1, False, 2),
        ("vary_coeff", 2, False, 1),  # the authors' program leaves a term of its corrector out, and so do we
        ("vary_coeff", 3, False, 1),
    ],
)
def test_unipc_has_an_order_more_than_its_predictor(
    variant: str, order: int, lower_order_final: bool, expected: int
) -> None:
    options = {
        "uni_pc_variant": variant, "uni_pc_order": order, "uni_pc_lower_order_final": lower_order_final
    }  # fmt: skip
    assert expected - 0.2 < measured_order("UniPC", **options) < expected + 0.5


def test_order_of_the_others() -> None:
    assert measured_order("DDIM CFG++", eta=0.0) == pytest.approx(1, abs=0.1)
    assert measured_order("TCD", eta=0.0) == pytest.approx(1, abs=0.1)
    assert measured_order("PLMS", np.linspace, end=3) == pytest.approx(
        4, abs=0.25
    )  # its lower ones begin on a straight path
    assert measured_order("PLMS") == pytest.approx(2, abs=0.1)  # as are all where they are not equal
    assert measured_order("DEIS") == pytest.approx(2, abs=0.15)  # its first step is Euler's


def test_deis_is_of_third_order_but_for_its_first_steps() -> None:
    """They are made so short that they do not count."""

    def spacing(high: float, low: float, count: int) -> np.ndarray:
        steps = np.geomspace(high, low, count)
        return np.concatenate([high - (high - steps[1]) * np.array([0, 1e-6, 1e-4, 1e-2, 0.1]), steps[1:]])

    assert measured_order("DEIS", spacing) == pytest.approx(3, abs=0.3)


@pytest.mark.parametrize(("name", "bound"), [("DDIM CFG++", 0.2), ("PLMS", 0.04), ("UniPC", 0.01), ("DEIS", 0.01)])
def test_twenty_steps_end_on_the_distribution(name: str, bound: float) -> None:
    """The whole way: every start ends near where the exact flow takes it."""
    sampler, sigmas = find_sampler(name), sigmas_for(find_sampler(name), find_scheduler("karras"), 20, SCHEDULE)
    x = MU + torch.randn(64, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * sigmas[0]
    exact = MU + (x - MU) * S / math.hypot(S, sigmas[0])
    assert float((sampler.run(gaussian, x, sigmas, _silent, sampler.options) - exact).abs().max()) < bound


@pytest.mark.parametrize("eta", [0.5, 1.0])
def test_added_noise_keeps_the_variance(eta: float) -> None:
    """Exactly, not by drawing: each noise is a direction of its own, so the variance is the length of x, squared."""
    sampler = find_sampler("DDIM CFG++")

    def std(steps: int) -> float:
        sigmas = sigmas_for(sampler, find_scheduler("karras"), steps, SCHEDULE)
        directions = iter(torch.eye(steps + 1, dtype=torch.float64))
        x = next(directions) * math.hypot(S, sigmas[0])
        options = replace(sampler.options, eta=eta)
        return float(sampler.run(_centred, x, sigmas, lambda *_: next(directions), options).norm())

    assert std(400) == pytest.approx(S, rel=0.03)
    assert abs(std(800) - S) < 0.7 * abs(std(400) - S)


def _centred(x: Tensor, sigma: float) -> Denoised:
    return Denoised(x * S**2 / (S**2 + sigma**2))


def test_lcm_gives_pictures_their_variance_at_every_step() -> None:
    """Of a network that answers with the end of the path instead of the mean: x·S/√(S² + σ²)."""
    sigmas = automatic("LCM", 4)
    directions = iter(torch.eye(5, dtype=torch.float64))

    def end(x: Tensor, sigma: float) -> Denoised:
        return Denoised(x * S / math.hypot(S, sigma))

    x = next(directions) * math.hypot(S, sigmas[0])
    found = find_sampler("LCM").run(end, x, sigmas, lambda *_: next(directions), find_sampler("LCM").options)
    assert float(found.norm()) == pytest.approx(S, rel=1e-4)


# --- their own sigmas


@pytest.mark.parametrize(("n", "steps"), [(1, 2), (7, 8), (20, 20), (30, 31)])
def test_unipc_makes_as_many_steps_as_there_are_timesteps_from_the_last_to_the_first(n: int, steps: int) -> None:
    placed = automatic("UniPC", n)
    assert len(placed) == steps + 1
    assert placed[0] == pytest.approx(SCHEDULE.sigma_max, rel=1e-12)
    assert placed[-1] == pytest.approx(SCHEDULE.sigma_min, rel=1e-12)


def test_unipc_spaces_its_steps_as_asked() -> None:
    """In t, √t or log σ, where t is (timestep + 1) / 1000."""

    def even(values: Sequence[float] | np.ndarray) -> bool:
        return bool(np.ptp(np.diff(values)) < 0.005 * abs(np.mean(np.diff(values))))  # timesteps are told from log σ

    uniform, quadratic, snr = (automatic("UniPC", 20, kind) for kind in ("time_uniform", "time_quadratic", "logSNR"))
    assert even(np.array(timesteps(uniform)) + 1)
    assert even(np.sqrt(np.array(timesteps(quadratic)) + 1))
    assert even(np.log(snr))


def test_unipc_between_timesteps_is_linear_in_log_alpha() -> None:
    placed = unipc.between(999, 27, SCHEDULE, ScheduleOptions())  # a stride of 37
    assert placed == pytest.approx([SCHEDULE.sigmas[t] for t in range(999, -1, -37)], rel=1e-12)
    half = unipc.between(1.0, 2, SCHEDULE, ScheduleOptions())[1]
    bars = [SCHEDULE.alphas_cumprod[0], 1 / (1 + half**2), SCHEDULE.alphas_cumprod[1]]
    assert bars[1] == pytest.approx(math.sqrt(bars[0] * bars[2]), rel=1e-12)


@pytest.mark.parametrize(("strength", "steps"), [(0.3, 6), (0.75, 15)])
def test_unipc_on_a_picture_makes_a_step_for_each_timestep_that_is_left(strength: float, steps: int) -> None:
    """sd-webui gives it timesteps[:t_enc], of which it keeps the first and the number."""
    cut = img2img_cut(find_sampler("UniPC"), AUTOMATIC, 20, strength, SCHEDULE)
    leading = leading_sigmas(20, SCHEDULE, ScheduleOptions())
    assert len(cut.sigmas) == steps + 1
    assert cut.sigmas[0] == pytest.approx(leading[-steps], rel=1e-12)
    assert cut.sigmas[-1] == pytest.approx(SCHEDULE.sigma_min, rel=1e-12)
    assert cut.noised == leading[-steps - 1]


def test_lcm_steps_evenly_along_the_timesteps_it_was_taught() -> None:
    assert list(lcm.taught(SCHEDULE)) == list(range(19, 1000, 20))
    assert timesteps(automatic("LCM", 50)[:-1]) == pytest.approx(list(range(999, 0, -20)))
    assert timesteps(automatic("LCM", 8)[:-1]) == pytest.approx(np.linspace(999, 19, 8).tolist(), abs=0.2)
    assert automatic("LCM", 1) == pytest.approx([SCHEDULE.sigma_max, 0])


@pytest.mark.oracle
@pytest.mark.parametrize("n", [1, 2, 3, 4, 8, 13, 49, 50])
def test_tcd_takes_the_timesteps_of_its_authors(n: int) -> None:
    from diffusers.schedulers.scheduling_tcd import TCDScheduler

    oracle = TCDScheduler()
    oracle.set_timesteps(n)
    placed = automatic("TCD", n)
    assert timesteps(placed[:-1]) == oracle.timesteps.tolist()
    assert placed[-1] == 0


def test_tcd_goes_beyond_fifty_steps() -> None:
    placed = automatic("TCD", 150)
    assert len(placed) == 151
    assert np.all(np.diff(placed) < 0)


# --- options


def test_the_networks_of_lcm_are_told_timesteps_they_were_taught() -> None:
    told: list[float] = []

    def look(x: Tensor, t: float, conds: Sequence[float]) -> list[Tensor]:
        told.append(t)
        return [x for _ in conds]

    for name, sigmas in [("LCM", automatic("LCM", 7)), ("Euler", automatic("LCM", 7))]:
        told.clear()
        guided = Guided(look, [Part(always(1.0))], always(0.5), 1.0, SCHEDULE)
        sample(guided, find_sampler(name), sigmas, ImageNoise(1, SHAPE))
        assert {t in lcm.taught(SCHEDULE) for t in told} == ({True} if name == "LCM" else {True, False})
        assert told == pytest.approx(timesteps(sigmas[:-1]), abs=11)


def test_lcms_boundary_condition_keeps_what_has_no_noise() -> None:
    assert lcm.boundary(0) == (1.0, 0.0)
    c_skip, c_out = lcm.boundary(19)
    assert c_skip == pytest.approx(0.25 / 36100.25)
    assert c_out == pytest.approx(190 / math.sqrt(36100.25))


@pytest.mark.parametrize(("gamma", "s"), [(0.0, 500), (0.3, 350), (0.5, 250), (0.999, 0), (1.0, 0)])
def test_tcd_goes_down_beyond_the_next_timestep(gamma: float, s: int) -> None:
    assert tcd.below(SCHEDULE.sigmas[500], gamma, SCHEDULE) == SCHEDULE.sigmas[s]


def test_tcd_rounds_down_only_between_whole_timesteps() -> None:
    assert tcd.below(SCHEDULE.sigmas[759], 0.3, SCHEDULE) == SCHEDULE.sigmas[531]  # 531.3
    assert tcd.below(SCHEDULE.t_to_sigma(500.5), 0.3, SCHEDULE) == pytest.approx(SCHEDULE.t_to_sigma(350.35))
    assert tcd.below(0.0, 0.3, SCHEDULE) == 0


def test_tcd_counts_in_the_timesteps_of_the_model_at_hand() -> None:
    """``run.sample`` says which those are."""
    shorter = scaled_linear(count=500)
    guided = Guided(lambda x, t, conds: [x for _ in conds], [Part(always(1.0))], always(0.5), 1.0, shorter)
    sigmas = [shorter.sigmas[400], shorter.sigmas[200], 0.0]
    noise = ImageNoise(1, SHAPE)
    found = sample(guided, find_sampler("TCD"), sigmas, noise)
    x = noise.first() * sigmas[0]
    for sigma, sigma_next, down in [(*sigmas[:2], shorter.sigmas[140]), (*sigmas[1:], 0.0)]:
        eps = x / math.hypot(1, sigma)
        x = x - eps * (sigma - down)
        if sigma_next:
            x = x + noise.next() * math.sqrt(sigma_next**2 - down**2)
    torch.testing.assert_close(found, x, rtol=1e-5, atol=1e-5)


# --- every schedule


def network(x: Tensor, t: float, conds: Sequence[float]) -> list[Tensor]:
    return [torch.tanh(x * (1 + t / 1000)) * cond for cond in conds]


@ids
@pytest.mark.parametrize("scheduler", schedulers().values(), ids=lambda scheduler: scheduler.name)
def test_any_schedule_will_do_whole_or_from_its_middle(sampler: Sampler, scheduler: Scheduler) -> None:
    for steps in (1, 2, 9):
        sigmas = sigmas_for(sampler, scheduler, steps, SCHEDULE)
        guided = Guided(network, [Part(always(1.0))], always(0.5), 3.0, SCHEDULE)
        assert torch.isfinite(sample(guided, sampler, sigmas, ImageNoise(1, SHAPE))).all()
        assert guided.calls == calls(sampler, sigmas)
        cut = img2img_cut(sampler, scheduler, steps, 0.6, SCHEDULE, exact=True)
        guided = Guided(network, [Part(always(1.0))], always(0.5), 3.0, SCHEDULE)
        init = torch.full((1, *SHAPE), 0.5)
        found = sample(guided, sampler, cut.sigmas, ImageNoise(1, SHAPE), init=init, noised=cut.noised, span=cut.span)
        assert torch.isfinite(found).all()
        assert guided.calls == calls(sampler, cut.sigmas)


@ids
def test_with_nothing_to_do_a_picture_stays_what_it_is(sampler: Sampler) -> None:
    guided = Guided(network, [Part(always(1.0))], always(0.5), 3.0, SCHEDULE)
    init = torch.full((1, *SHAPE), 0.5)
    cut = img2img_cut(sampler, AUTOMATIC, 20, 0.0, SCHEDULE, exact=True)
    found = sample(guided, sampler, cut.sigmas, ImageNoise(1, SHAPE), init=init, noised=cut.noised, span=cut.span)
    assert torch.equal(found, init)
    assert guided.calls == 0
