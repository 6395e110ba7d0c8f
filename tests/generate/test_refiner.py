"""Another checkpoint takes over: when, with what, and that the first one comes back."""

from __future__ import annotations

import gc
import os
import weakref
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from safetensors.torch import save_file

from tests import tiny
from tests.generate.making import (
    Others,
    ask,
    euler,
    events_of,
    guidance,
    karras,
    order_of,
    picture,
    pictures,
    progress,
    same,
)
from webui import devices
from webui.app import App
from webui.events import Event, Failed, Progress
from webui.generate.loaded import Loaded
from webui.generate.refiner import by_noise, by_steps
from webui.generate.texts import Texts
from webui.jobs.executor import Control
from webui.models.manager import Files, Manager
from webui.request import Batch, Hires, Refiner, Request
from webui.sampling.noise import ImageNoise
from webui.sampling.schedule import scaled_linear

PLAIN = "a red boat on the sea"


def refined(switch_at: float = 0.6, checkpoint: str = "two", steps: int = 5, **parts: Any) -> Request:
    refiner = Refiner(checkpoint=checkpoint, switch_at=switch_at)
    return ask(PLAIN, size=(64, 64), sampler="Euler", scheduler="Karras", steps=steps, refiner=refiner, **parts)


@pytest.mark.parametrize(
    ("timestep", "switch_at", "due"),
    [(999, 0.01, False), (989, 0.01, True), (990, 0.01, False), (199, 0.8, True), (200, 0.8, False), (0, 1.0, False)],
)
def test_by_noise_it_is_due_at_a_training_timestep(timestep: int, switch_at: float, due: bool) -> None:
    """sd-webui: (999 − t) / 1000 ≥ switch at."""
    schedule = scaled_linear()
    sigma = schedule.sigmas[timestep]
    assert by_noise(switch_at, schedule)(0, sigma) is due
    assert by_noise(switch_at, schedule)(0, sigma * 1.00001) is due  # the nearest one counts


def test_by_steps_it_is_due_when_a_share_of_the_calls_is_done() -> None:
    due = by_steps(0.8, 10)
    assert [due(calls, 1.0) for calls in range(10)] == [False] * 8 + [True] * 2


def switched(home: Path, first_of_two: int, steps: int = 5, v: bool = False) -> numpy.ndarray:
    """Straight through: ``one`` up to a step, ``two`` from there on (what it answers being v), decoded by ``two``."""
    one, two = (Others(home / "models/Stable-diffusion" / f"{name}.safetensors") for name in ("one", "two"))
    before, after = guidance(one, PLAIN, "text"), guidance(two, PLAIN, "text")
    sigmas = karras(steps)
    x = ImageNoise(7, (4, 8, 8)).first() * sigmas[0]

    def eps(x: torch.Tensor, sigma: float, call: int) -> torch.Tensor:
        if call < first_of_two:
            return before(x, sigma, call)
        answer = after(x, sigma, call)
        root = 1 / (1 + sigma**2) ** 0.5  # of ᾱ
        return (x - (x * root * root - answer * sigma * root)) / sigma if v else answer

    x = euler(eps, x, sigmas)
    return two.pixels(x).astype(numpy.uint8)


@pytest.mark.oracle
def test_the_refiner_takes_over_where_the_noise_says_so(app: App, home: Path) -> None:
    """Karras' five sigmas lie at the timesteps 999, 809, 430, 102 and 0: 0.6 is reached before the fourth."""
    ours = picture(app, refined(0.6))
    assert numpy.abs(ours.astype(int) - switched(home, 3)).max() <= 1
    assert not same(ours, picture(app, refined(0.5)))  # before the third


@pytest.mark.oracle
def test_the_refiner_takes_over_at_a_step_if_the_setting_says_so(app: App, home: Path) -> None:
    ours = picture(app, refined(0.2), refiner_switch_by_sample_steps=True)
    assert numpy.abs(ours.astype(int) - switched(home, 1)).max() <= 1


def test_one_that_never_takes_over_changes_nothing(app: App) -> None:
    without = refined().model_copy(update={"refiner": None})
    assert same(picture(app, refined(1.0)), picture(app, without))
    snapshot = app.wait(app.submit(refined(1.0)).id)
    assert "Refiner" not in snapshot.images[0].infotext
    snapshot = app.wait(app.submit(refined(0.6)).id)
    assert "Refiner: two [" in snapshot.images[0].infotext


def test_afterwards_the_first_is_back(app: App) -> None:
    without = refined().model_copy(update={"refiner": None})
    before, made = picture(app, without), picture(app, refined())
    assert not same(before, made)
    assert same(picture(app, without), before)
    for limit in (1, 2):
        batch = pictures(app, refined(batch=Batch(count=2, size=1)), sd_checkpoints_limit=limit)
        assert same(batch[0], made)
        assert not same(batch[1], made)


def test_with_a_second_pass_it_waits_for_that(app: App) -> None:
    hires = Hires(denoising=0.6, scale=1.5)
    with_both = picture(app, refined(0.6, hires=hires))
    only_hires = refined(hires=hires).model_copy(update={"refiner": None})
    assert not same(with_both, picture(app, only_hires))
    stopped = {}
    for name, request in {"both": refined(0.1, hires=hires), "hires": only_hires}.items():
        zero = request.model_copy(update={"hires": hires.model_copy(update={"denoising": 0.0})})
        stopped[name] = picture(app, zero)
    assert same(stopped["both"], stopped["hires"])  # the first pass knows nothing of it


def test_only_one_model_is_held_when_only_one_is_kept(app: App) -> None:
    """When the refiner begins to load, the first model is gone from memory."""
    manager = Manager(torch.device("cpu"), devices.Precision())
    order = order_of(app, refined(batch=Batch(count=2)), sd_checkpoints_limit=1)
    denoiser = weakref.ref(manager.get(Files(order.files["checkpoint"]), 1, lambda fraction: None).parts.denoiser)
    alive: list[bool] = []
    seen = 0

    def look(event: Event, control: Control) -> None:
        nonlocal seen
        if isinstance(event, Progress) and event.phase == "sampling":
            seen += 1
        if isinstance(event, Progress) and event.phase == "loading" and seen:
            gc.collect()
            alive.append(denoiser() is not None)

    said = events_of(manager, order, look)
    assert alive and not any(alive)
    assert not [event for event in said if isinstance(event, Failed)]


def test_both_models_stay_when_two_are_kept(app: App) -> None:
    manager = Manager(torch.device("cpu"), devices.Precision())
    order = order_of(app, refined(batch=Batch(count=3)), sd_checkpoints_limit=2)
    said = progress(events_of(manager, order))
    loaded = sum(event.phase == "loading" and event.fraction == 1.0 for event in said)
    assert loaded == 2


@pytest.mark.oracle
def test_a_refiner_of_another_prediction_is_asked_in_its_own(app: App, home: Path) -> None:
    """The weights of ``two`` as a v-predicting model: x0 = x_t·√ᾱ − v·√(1−ᾱ), by Salimans & Ho 2022, appendix D."""
    file = home / "models/Stable-diffusion" / "two-v.safetensors"
    save_file({key: t.half() for key, t in tiny.tensors(seed=1).items()} | {"v_pred": torch.zeros(0)}, file)
    os.utime(file, (1e9, 1e9))
    ours = picture(app, refined(0.6, "two-v"))
    assert numpy.abs(ours.astype(int) - switched(home, 3, v=True)).max() <= 1
    assert not same(ours, picture(app, refined(0.6)))


def test_texts_are_encoded_anew_by_the_refiner(app: App, manager: Manager) -> None:
    order = order_of(app, refined(0.6))
    with Loaded(manager, order, lambda event: None) as models:
        texts = Texts(order, models, lambda event: None)
        models.use("checkpoint")
        first = texts.encode(PLAIN)
        models.use("refiner")
        assert not torch.equal(texts.encode(PLAIN), first)
        models.use("checkpoint")
        assert torch.equal(texts.encode(PLAIN), first)


def test_a_model_does_not_take_over_from_itself(app: App) -> None:
    """In two passes it is the second one's model that the refiner takes over from."""
    without = refined().model_copy(update={"refiner": None})
    assert same(picture(app, refined(checkpoint="one")), picture(app, without))
    hires = Hires(denoising=0.6, scale=1.5, checkpoint="two")
    both = {name: picture(app, refined(0.6, name, hires=hires)) for name in ("one", "two")}
    plain = picture(app, without.model_copy(update={"hires": hires}))
    assert same(both["two"], plain)
    assert not same(both["one"], plain)
