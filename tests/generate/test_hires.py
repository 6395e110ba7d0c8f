"""The second pass: what it starts from, what it is told, where it ends, and that it leaves nothing behind."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from PIL import Image

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
    saved,
)
from webui.app import App
from webui.events import Event, Failed, Progress
from webui.generate.job import explain_failure
from webui.jobs.executor import Control
from webui.messages import Fault
from webui.models.manager import Manager
from webui.request import Batch, Hires, Request, final_size
from webui.sampling.kinds import samplers
from webui.sampling.noise import ImageNoise
from webui.upscalers import latent_modes, upscalers

PLAIN = "a red boat on the sea"  # no emphasis, so that others can encode it


def twice(words: str = PLAIN, seed: int = 7, size: tuple[int, int] = (64, 64), **hires: Any) -> Request:
    """A picture of Euler and Karras' sigmas, and a second pass."""
    return ask(words, seed, size, sampler="Euler", scheduler="Karras", hires=Hires(**hires))


def shape(image: numpy.ndarray) -> tuple[int, int]:
    """Width, height."""
    return image.shape[1], image.shape[0]


@pytest.fixture
def others(home: Path) -> Others:
    return Others(home / "models/Stable-diffusion/one.safetensors")


def first_latent(others: Others, size: tuple[int, int] = (64, 64)) -> torch.Tensor:
    sigmas = karras(4)
    noise = ImageNoise(7, (4, size[1] // 8, size[0] // 8)).first()
    return euler(guidance(others, PLAIN, "text"), noise * sigmas[0], sigmas)


def second_sigmas(steps: int = 4, strength: float = 0.7) -> list[float]:
    """int(4 / 0.7) = 5 in all, the last 4 of them taken."""
    return karras(int(steps / strength))[-steps - 1 :]


@pytest.mark.oracle
def test_latent_mode_is_what_a_straight_line_of_others_gives(app: App, others: Others) -> None:
    ours = picture(app, twice(upscaler="Latent", scale=1.5, denoising=0.7))
    large = torch.nn.functional.interpolate(first_latent(others), (12, 12), mode="bilinear")
    sigmas = second_sigmas()
    x = large + ImageNoise(7, (4, 12, 12)).first() * sigmas[0]
    theirs = others.pixels(euler(guidance(others, PLAIN, "text"), x, sigmas))
    assert numpy.abs(ours.astype(int) - theirs.astype(numpy.uint8)).max() <= 1
    assert (ours != theirs.astype(numpy.uint8)).mean() < 0.001
    assert shape(ours) == (96, 96)


@pytest.mark.oracle
def test_an_upscaler_is_what_a_straight_line_of_others_gives(app: App, others: Others) -> None:
    """Pixels, Lanczos, and the VAE's mean. From our own first picture: else a last bit makes much."""
    ours = picture(app, twice(upscaler="Lanczos", scale=2, denoising=0.7, cfg_scale=3, steps=5, prompt="a green hill"))
    small = Image.fromarray(picture(app, ask(PLAIN, size=(64, 64), sampler="Euler", scheduler="Karras")))
    large = others.latent(numpy.asarray(small.resize((128, 128), Image.Resampling.LANCZOS)))
    sigmas = second_sigmas(5)
    x = large + ImageNoise(7, (4, 16, 16)).first() * sigmas[0]
    theirs = others.pixels(euler(guidance(others, "a green hill", "text", cfg=3), x, sigmas)).astype(numpy.uint8)
    assert numpy.abs(ours.astype(int) - theirs).max() <= 1
    assert (ours != theirs).mean() < 0.001


@pytest.mark.parametrize("name", [*latent_modes(), *upscalers()])
def test_every_way_to_enlarge_gives_the_size_and_a_picture_of_its_own(app: App, name: str) -> None:
    request = twice(upscaler=name, scale=1.75, denoising=0.5)
    made = picture(app, request)
    assert shape(made) == final_size(request) == (112, 112)
    plain = picture(app, twice(upscaler="Latent (nearest)" if name != "Latent (nearest)" else "Latent", scale=1.75))
    assert not same(made, plain)


SIZES: list[tuple[tuple[int, int], dict[str, Any], tuple[int, int]]] = [
    ((64, 128), {"scale": 1.5}, (96, 192)),
    ((64, 128), {"width": 96}, (96, 192)),
    ((64, 128), {"height": 192}, (96, 192)),
    ((64, 128), {"width": 96, "height": 96}, (96, 96)),
    ((128, 64), {"width": 72, "height": 104}, (72, 104)),
    ((64, 64), {"width": 120, "height": 88}, (120, 88)),
]


@pytest.mark.parametrize(("size", "hires", "wanted"), SIZES)
def test_the_size_is_the_one_promised(
    app: App, size: tuple[int, int], hires: dict[str, Any], wanted: tuple[int, int]
) -> None:
    for upscaler, denoising in itertools.product(("Latent", "Lanczos"), (0.0, 0.6)):
        request = twice(size=size, upscaler=upscaler, denoising=denoising, steps=1, **hires)
        request = request.model_copy(update={"sampling": request.sampling.model_copy(update={"steps": 1})})
        assert shape(picture(app, request)) == final_size(request) == wanted


def test_what_sticks_out_is_cut_in_the_middle(app: App) -> None:
    whole = picture(app, twice(upscaler="Nearest", denoising=0, width=128))
    cut = picture(app, twice(upscaler="Nearest", denoising=0, width=128, height=88))
    assert same(cut, whole[16:104])  # five cells: two above, three below


def test_without_denoising_the_picture_is_only_enlarged(app: App) -> None:
    small = picture(app, ask(PLAIN, size=(64, 64), sampler="Euler", scheduler="Karras"))
    large = picture(app, twice(upscaler="Nearest", denoising=0))
    assert same(large, small.repeat(2, 0).repeat(2, 1))
    lanczos = picture(app, twice(upscaler="Lanczos", denoising=0))
    assert same(lanczos, numpy.asarray(Image.fromarray(small).resize((128, 128), Image.Resampling.LANCZOS)))


def test_empty_choices_mean_those_of_the_first_pass_and_others_count(app: App) -> None:
    base = picture(app, twice(denoising=0.5))
    equal = {
        "sampler": "Euler",
        "scheduler": "Karras",
        "steps": 4,
        "cfg_scale": 7.0,
        "checkpoint": "one",
        "prompt": PLAIN,
    }
    for field, value in equal.items():
        assert same(picture(app, twice(denoising=0.5, **{field: value})), base), field
    other = {
        "sampler": "DPM++ 2M", "scheduler": "Exponential", "steps": 5, "cfg_scale": 2.0, "checkpoint": "two",
        "prompt": "a hill", "negative": "fog", "denoising": 0.6, "upscaler": "Latent (nearest)",
    }  # fmt: skip
    found = [picture(app, twice(**{"denoising": 0.5, field: value})) for field, value in other.items()]
    assert all(not same(one, another) for i, one in enumerate([base, *found]) for another in found[i:])


def test_prompt_editing_goes_on_in_the_second_pass(app: App) -> None:
    """[a:b:1.5] turns half-way through the second pass, [a:b:6] at its second step of four after four."""
    early = picture(app, twice("[red:green:1.25] boat", denoising=0.5))
    late = picture(app, twice("[red:green:1.75] boat", denoising=0.5))
    never = picture(app, twice("red boat", denoising=0.5))
    counted = picture(app, twice("[red:green:7] boat", denoising=0.5))
    assert not same(early, late) and not same(early, never)
    assert same(late, counted)


@pytest.mark.parametrize("sampler", list(samplers()))
def test_every_sampler_makes_a_second_pass(app: App, sampler: str) -> None:
    """After a first one by Euler; one step is the least that people may ask for."""
    few, more = (twice(scale=1.25, denoising=0.6, sampler=sampler, scheduler="Automatic", steps=n) for n in (1, 6))
    assert shape(picture(app, few)) == (80, 80)
    assert not same(picture(app, more), picture(app, few))


def test_nothing_of_a_second_pass_stays(app: App) -> None:
    """Same request, same pixels; before and after, in a batch and alone, whatever was made in between."""
    plain, large = ask(PLAIN), twice(denoising=0.6, checkpoint="two")
    before = picture(app, plain)
    made = picture(app, large)
    assert same(picture(app, plain), before)
    assert same(picture(app, large), made)
    batch = pictures(app, large.model_copy(update={"batch": Batch(count=2, size=2)}))
    assert same(batch[0], made)
    alone = [picture(app, twice(seed=seed, denoising=0.6, checkpoint="two")) for seed in (8, 9, 10)]
    assert all(same(one, other) for one, other in zip(batch[1:], alone, strict=True))


def test_models_are_the_same_however_many_are_kept(app: App) -> None:
    large = twice(denoising=0.6, checkpoint="two").model_copy(update={"batch": Batch(count=2)})
    one_kept, two_kept = (pictures(app, large, sd_checkpoints_limit=limit) for limit in (1, 2))
    assert all(same(one, other) for one, other in zip(one_kept, two_kept, strict=True))


@pytest.mark.parametrize("upscaler", ["Lanczos", "Nearest", "None"])
def test_a_picture_enlarged_later_is_the_one_enlarged_at_once(app: App, upscaler: str) -> None:
    """By an upscaler: the picture's pixels are all that the second pass takes over."""
    hires = Hires(upscaler=upscaler, denoising=0.6)
    at_once = picture(app, twice(upscaler=upscaler, denoising=0.6))
    small = app.submit(ask(PLAIN, size=(64, 64), sampler="Euler", scheduler="Karras"))
    app.wait(small.id)
    later = app.wait(app.enlarge(small.id, 0, hires).id)
    assert later.job.state == "done", later.job.message
    assert same(numpy.asarray(Image.open(later.images[0].path)), at_once)


def test_a_latent_mode_starts_from_a_picture_too(app: App) -> None:
    small = app.submit(ask(PLAIN, size=(64, 64)))
    app.wait(small.id)
    later = app.wait(app.enlarge(small.id, 0, Hires(upscaler="Latent", denoising=0.6)).id)
    assert later.job.state == "done" and later.images[0].width == 128


def test_a_source_of_another_size_is_refused(app: App, manager: Manager, tmp_path: Path) -> None:
    file = tmp_path / "other.png"
    Image.new("RGB", (32, 32)).save(file)
    request = twice(source=app.blobs.put(file.read_bytes()))
    last = events_of(manager, order_of(app, request))[-1]
    assert isinstance(last, Failed) and last.message.code == "source_size"
    request = twice(source=app.blobs.put(b"no picture"))
    last = events_of(manager, order_of(app, request))[-1]
    assert isinstance(last, Failed) and last.message.code == "source_unreadable"


def test_an_unknown_upscaler_is_refused_when_asked_for(app: App) -> None:
    with pytest.raises(Fault) as fault:
        app.submit(twice(upscaler="Latent (nearst)"))
    assert fault.value.message.params["nearest"][0] == "Latent (nearest)"


@pytest.mark.parametrize("command", ["stop", "skip"])
@pytest.mark.parametrize("upscaler", ["Latent", "Lanczos"])
@pytest.mark.parametrize(
    ("at", "wanted"),
    [
        (lambda p: p.phase == "sampling" and not p.hires and p.step == 2, (64, 64)),
        (lambda p: p.phase == "enlarging", (64, 64)),
        (lambda p: p.hires and p.phase == "encoding", (64, 64)),
        (lambda p: p.hires and p.step == 1, (128, 128)),
    ],
    ids=["first pass", "enlarging", "before the second pass", "second pass"],
)
def test_interrupted_it_keeps_what_there_is(
    app: App, manager: Manager, command: str, upscaler: str, at: Any, wanted: tuple[int, int]
) -> None:
    def stop(event: Event, control: Control) -> None:
        if isinstance(event, Progress) and at(event):
            control.apply("now" if command == "stop" else "skip")

    events = events_of(manager, order_of(app, twice(upscaler=upscaler, denoising=0.6)), stop)
    (made,) = saved(events)
    assert (made.width, made.height) == wanted
    assert made.partial


def test_progress_counts_both_passes_by_their_work(app: App, manager: Manager) -> None:
    """Four steps of 64 × 64 and four of 128 × 128: one fifth and four fifths."""
    said = progress(events_of(manager, order_of(app, twice(denoising=0.5))))
    fractions = [event.fraction for event in said if event.phase != "loading"]
    assert fractions == sorted(fractions) and fractions[-1] == 1.0
    steps = [(event.hires, event.step, round(event.fraction, 4)) for event in said if event.phase == "sampling"]
    assert steps == [
        (False, 1, 0.05), (False, 2, 0.1), (False, 3, 0.15), (False, 4, 0.2),
        (True, 1, 0.4), (True, 2, 0.6), (True, 3, 0.8), (True, 4, 1.0),
    ]  # fmt: skip
    assert [event.phase for event in said if event.phase != "sampling"] == [
        "loading", *["loading"] * (sum(event.phase == "loading" for event in said) - 1),
        "encoding", "enlarging", "encoding", "decoding",
    ]  # fmt: skip


def test_what_does_not_fit_into_memory_is_the_final_size(app: App) -> None:
    order = order_of(app, twice(width=128, height=88))
    assert explain_failure(MemoryError(), order).params == {"width": 128, "height": 88}
