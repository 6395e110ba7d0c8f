"""Where each scheduler puts the sigmas."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from webui.messages import Fault
from webui.sampling.kinds import Scheduler, find_sampler, find_scheduler, samplers, schedulers, sigmas_for
from webui.sampling.schedule import ScheduleOptions, leading_sigmas, scaled_linear

SCHEDULE = scaled_linear()
PLACING = [scheduler for scheduler in schedulers().values() if scheduler.sigmas]


def sigmas(scheduler: str, n: int) -> list[float]:
    place = find_scheduler(scheduler).sigmas
    assert place is not None
    return place(n, SCHEDULE, ScheduleOptions())


def test_names_labels_and_order_are_those_of_sd_webui() -> None:
    listed = [(each.name, each.label, each.aliases, each.rho, each.on_timesteps) for each in schedulers().values()]
    assert listed == [
        ("automatic", "Automatic", (), None, False),
        ("uniform", "Uniform", (), None, True),
        ("karras", "Karras", (), 7.0, False),
        ("exponential", "Exponential", (), None, False),
        ("polyexponential", "Polyexponential", (), 1.0, False),
        ("sgm_uniform", "SGM Uniform", ("SGMUniform",), None, True),
        ("kl_optimal", "KL Optimal", (), None, False),
        ("align_your_steps", "Align Your Steps", (), None, False),
        ("simple", "Simple", (), None, True),
        ("normal", "Normal", (), None, True),
        ("ddim", "DDIM", (), None, True),
        ("beta", "Beta", (), None, True),
    ]


@pytest.mark.parametrize("word", ["sgm_uniform", "SGM Uniform", "sgm uniform", "SGMUniform", "sgmuniform"])
def test_any_of_its_words_finds_a_scheduler(word: str) -> None:
    assert find_scheduler(word).name == "sgm_uniform"


@pytest.mark.parametrize(
    ("scheduler", "expected"),
    [  # sd-webui 1.10 on Stable Diffusion 1.5, five steps
        ("uniform", [14.6146, 4.0861, 1.6156, 0.6951, 0.0292, 0]),
        ("karras", [14.6146, 4.7965, 1.2741, 0.2479, 0.0292, 0]),
        ("exponential", [14.6146, 3.0890, 0.6529, 0.1380, 0.0292, 0]),
        ("polyexponential", [14.6146, 3.0890, 0.6529, 0.1380, 0.0292, 0]),
        ("normal", [14.6146, 4.0861, 1.6156, 0.6951, 0.0292, 0]),
        ("simple", [14.6146, 5.0878, 2.2765, 1.1606, 0.5693, 0]),
        ("ddim", [5.1344, 2.2929, 1.1682, 0.5741, 0.0413, 0]),
        ("beta", [14.6146, 5.6999, 1.6156, 0.5142, 0.0292, 0]),  # its development version: 1.10 had a bug
    ],
)
def test_five_steps_are_those_of_sd_webui(scheduler: str, expected: list[float]) -> None:
    assert sigmas(scheduler, 5) == pytest.approx(expected, abs=5e-5)


@pytest.mark.parametrize("scheduler", PLACING, ids=lambda scheduler: scheduler.name)
def test_sigmas_fall_from_the_largest_to_nothing_in_as_many_steps_as_asked(scheduler: Scheduler) -> None:
    """But for two that are otherwise in sd-webui: DDIM's count and first, KL Optimal's last."""
    for n in range(1, 152):
        placed = sigmas(scheduler.name, n)
        assert np.all(np.diff(placed) < 0)
        assert all(type(sigma) is float for sigma in placed)
        assert placed[-1] == (pytest.approx(SCHEDULE.sigma_min) if scheduler.name == "kl_optimal" else 0)
        if scheduler.name == "ddim":
            assert len(placed) == (2 if n == 1 else -(-999 // (1000 // n)) + 1)
        else:
            assert len(placed) == n + 1
            assert placed[0] == pytest.approx(SCHEDULE.sigma_max, rel=3e-5)  # Align Your Steps says 14.615


@pytest.mark.parametrize(("n", "count"), [(1, 1), (5, 5), (7, 8), (20, 20), (30, 31)])
def test_ddim_may_place_more_than_asked(n: int, count: int) -> None:
    assert len(sigmas("ddim", n)) == count + 1


def options_with(**options: float) -> ScheduleOptions:
    return replace(ScheduleOptions(), **options)


def placed_with(scheduler: Scheduler, n: int, **options: float) -> list[float]:
    assert scheduler.sigmas
    return scheduler.sigmas(n, SCHEDULE, options_with(**options))


@pytest.mark.parametrize("scheduler", PLACING, ids=lambda scheduler: scheduler.name)
def test_limits_count_where_they_are_said_to(scheduler: Scheduler) -> None:
    """They count where they do in sd-webui, and 0 is the model's own."""
    plain = sigmas(scheduler.name, 9)
    assert placed_with(scheduler, 9, sigma_min=SCHEDULE.sigma_min, sigma_max=SCHEDULE.sigma_max) == plain
    limited = placed_with(scheduler, 9, sigma_min=0.1, sigma_max=10)
    if scheduler.limited:
        assert limited[0] == pytest.approx(10)
        last = limited[-1] or limited[-2]
        assert last > 0.3 if scheduler.name == "sgm_uniform" else last == pytest.approx(0.1)
    else:
        assert limited == plain


def test_those_without_limits_are_sd_webuis() -> None:
    assert [each.name for each in PLACING if not each.limited] == ["uniform", "align_your_steps", "simple", "ddim"]


@pytest.mark.parametrize("scheduler", [each for each in PLACING if each.limited], ids=lambda scheduler: scheduler.name)
@pytest.mark.parametrize(("low", "high"), [(2.0, 1.0), (1.0, 1.0), (0.0, 0.02)])
def test_limits_that_leave_nothing_between_are_refused(scheduler: Scheduler, low: float, high: float) -> None:
    with pytest.raises(Fault, match="not below"):
        placed_with(scheduler, 9, sigma_min=low, sigma_max=high)


@pytest.mark.parametrize("scheduler", PLACING, ids=lambda scheduler: scheduler.name)
def test_rho_counts_where_there_is_one(scheduler: Scheduler) -> None:
    plain, bent = sigmas(scheduler.name, 9), placed_with(scheduler, 9, rho=3.5)
    assert (bent != plain) == (scheduler.rho is not None)
    if scheduler.rho:
        assert placed_with(scheduler, 9, rho=scheduler.rho) == plain
        assert (bent[0], bent[-2]) == (pytest.approx(plain[0]), pytest.approx(plain[-2]))


def test_kl_optimal_is_even_in_arctan() -> None:
    angles = np.arctan(sigmas("kl_optimal", 12))
    np.testing.assert_allclose(angles, np.linspace(np.arctan(SCHEDULE.sigma_max), np.arctan(SCHEDULE.sigma_min), 13))


SD1 = [14.615, 6.475, 3.861, 2.697, 1.886, 1.396, 0.963, 0.652, 0.399, 0.152, 0.029]
SDXL = [14.615, 6.315, 3.771, 2.181, 1.342, 0.862, 0.555, 0.380, 0.234, 0.113, 0.029]


@pytest.mark.parametrize(("table", "sdxl"), [(SD1, False), (SDXL, True)])
def test_align_your_steps_has_its_authors_numbers_and_logarithms_between(table: list[float], sdxl: bool) -> None:
    scheduler = find_scheduler("Align Your Steps")
    assert placed_with(scheduler, 11, sdxl=sdxl) == [*table, 0]
    doubled = placed_with(scheduler, 21, sdxl=sdxl)
    assert doubled[:-1:2] == pytest.approx(table)
    assert doubled[1:-1:2] == pytest.approx(np.sqrt(np.multiply(table[:-1], table[1:])).tolist())


@pytest.mark.parametrize(("alpha", "beta"), [(0.6, 0.6), (1.0, 1.0), (0.3, 2.0)])
def test_beta_puts_equal_shares_of_its_distribution_between_steps(alpha: float, beta: float) -> None:
    placed = placed_with(find_scheduler("beta"), 13, beta_alpha=alpha, beta_beta=beta)[:-1]
    shares = stats.beta.cdf([SCHEDULE.sigma_to_t(sigma) / SCHEDULE.t_max for sigma in placed], alpha, beta)
    np.testing.assert_allclose(shares, np.linspace(1, 0, 13), atol=1e-9)
    if alpha == beta == 1:
        assert placed == pytest.approx(sigmas("uniform", 13)[:-1])


@pytest.mark.parametrize("n", [3, 20, 77])
def test_spacing_is_even_where_it_should_be(n: int) -> None:
    def even(values: list[float]) -> bool:
        return bool(np.ptp(np.diff(values)) < 1e-9)

    assert even([sigma ** (1 / 7) for sigma in sigmas("karras", n)[:-1]])
    assert even([np.log(sigma) for sigma in sigmas("exponential", n)[:-1]])
    assert even([SCHEDULE.sigma_to_t(sigma) for sigma in sigmas("uniform", n)[:-1]])


@pytest.mark.parametrize("n", [1, 2, 20, 150])
def test_sgm_uniform_is_uniform_with_a_step_more_and_without_its_lowest_sigma(n: int) -> None:
    longer = sigmas("uniform", n + 1)
    assert sigmas("sgm_uniform", n) == pytest.approx([*longer[:-2], 0])


@pytest.mark.oracle
@pytest.mark.parametrize(
    ("scheduler", "options"),
    [("karras", {"use_karras_sigmas": True}), ("exponential", {"use_exponential_sigmas": True}), ("uniform", {})],
)
def test_sigmas_are_those_of_diffusers(scheduler: str, options: dict[str, Any]) -> None:
    """But for the single precision of its 1 − ᾱ, which counts at the smallest sigma."""
    from diffusers.schedulers.scheduling_euler_discrete import EulerDiscreteScheduler

    oracle = EulerDiscreteScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", **options)
    oracle.set_timesteps(20)
    np.testing.assert_allclose(sigmas(scheduler, 20), oracle.sigmas.numpy(), rtol=2e-5)


@pytest.mark.parametrize(
    ("sampler", "scheduler"),
    [
        ("DPM++ 2M", "karras"), ("DPM++ SDE", "karras"), ("DPM++ 2M SDE", "exponential"),
        ("DPM++ 2M SDE Heun", "exponential"), ("DPM++ 2S a", "karras"), ("Euler", "uniform"), ("Euler a", "uniform"),
        ("LMS", "uniform"), ("Heun", "uniform"), ("Restart", "karras"),
    ],
)  # fmt: skip
def test_automatic_is_the_samplers_own(sampler: str, scheduler: str) -> None:
    automatic = sigmas_for(find_sampler(sampler), find_scheduler("Automatic"), 13, SCHEDULE)
    assert automatic == sigmas(scheduler, 13)


def test_automatic_ddim_takes_timesteps_and_otherwise_what_it_is_given() -> None:
    ddim = find_sampler("DDIM")
    timesteps = sigmas_for(ddim, find_scheduler("Automatic"), 5, SCHEDULE)
    assert timesteps == pytest.approx([5.1344, 2.2929, 1.1682, 0.5741, 0.0413], abs=5e-5)
    assert sigmas_for(ddim, find_scheduler("Karras"), 5, SCHEDULE) == sigmas("karras", 5)


@pytest.mark.parametrize(
    ("sampler", "scheduler"), [("DPM++ 3M SDE", "exponential"), ("DPM2", "karras"), ("DPM2 a", "karras")]
)
def test_some_leave_out_the_last_sigma_but_one(sampler: str, scheduler: str) -> None:
    automatic = sigmas_for(find_sampler(sampler), find_scheduler("Automatic"), 13, SCHEDULE)
    longer = sigmas(scheduler, 14)
    assert automatic == [*longer[:-2], 0]
    twice = sigmas_for(
        find_sampler(sampler), find_scheduler(scheduler), 13, SCHEDULE, options_with(discard_next_to_last=True)
    )
    assert twice == automatic


def test_anybody_leaves_it_out_when_asked() -> None:
    asked = options_with(discard_next_to_last=True)
    assert sigmas_for(find_sampler("Euler"), find_scheduler("Karras"), 5, SCHEDULE, asked) == [
        *sigmas("karras", 6)[:-2],
        0,
    ]
    assert (
        sigmas_for(find_sampler("Euler"), find_scheduler("KL Optimal"), 5, SCHEDULE, asked)[-1]
        == sigmas("kl_optimal", 6)[-1]
    )
    timesteps = sigmas_for(find_sampler("DDIM"), find_scheduler("Automatic"), 7, SCHEDULE, asked)
    assert timesteps == leading_sigmas(8, SCHEDULE, ScheduleOptions())  # one more, and none left out, as in sd-webui


@pytest.mark.parametrize("sampler", ["DPM fast", "DPM adaptive"])
@pytest.mark.parametrize("scheduler", schedulers())
def test_those_that_choose_are_given_number_and_range_alone(sampler: str, scheduler: str) -> None:
    given = sigmas_for(find_sampler(sampler), find_scheduler(scheduler), 7, SCHEDULE)
    assert len(given) == 8
    assert (given[0], given[-1]) == (SCHEDULE.sigma_max, SCHEDULE.sigma_min)
    limited = options_with(sigma_min=0.1, sigma_max=10)
    given = sigmas_for(find_sampler(sampler), find_scheduler(scheduler), 1, SCHEDULE, limited)
    assert given == [10, 0.1]


@pytest.mark.parametrize("sampler", samplers())
def test_no_steps_are_refused(sampler: str) -> None:
    with pytest.raises(ValueError, match="steps"):
        sigmas_for(find_sampler(sampler), find_scheduler("Automatic"), 0, SCHEDULE)
