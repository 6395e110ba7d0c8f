"""The same request gives the same pixels, and they are the pixels that stock diffusers gives."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy
import pytest
from PIL import Image

from bench import stock
from tests.generate.conftest import make_home
from webui.app import App
from webui.jobs.executor import Subprocess, worker_command
from webui.messages import Fault
from webui.paths import Paths
from webui.request import Batch, Keep, Models, Prompts, Sampling, Seeds, Size, Txt2Img
from webui.sampling.kinds import find_sampler, find_scheduler, samplers, sigmas_for
from webui.sampling.noise import ImageNoise
from webui.sampling.schedule import scaled_linear

ROOT = Path(__file__).parents[2]
PROMPT = "a (red:1.3) boat on the [sea], at sunset"


def ask(prompt: str = PROMPT, count: int = 1, size: int = 1, seed: int = 7, **sampling: object) -> Txt2Img:
    return Txt2Img(
        prompts=Prompts(prompt=prompt, negative="text"),
        size=Size(width=64, height=128),
        batch=Batch(count=count, size=size),
        models=Models(checkpoint="one.safetensors"),
        sampling=Sampling.model_validate({"steps": 4, **sampling}),
        seeds=Seeds(seed=seed),
    )


def use(request: Txt2Img, checkpoint: str) -> Txt2Img:
    return request.model_copy(update={"models": Models(checkpoint=checkpoint)})


def pixels(app: App, request: Txt2Img) -> list[str]:
    """A digest of each picture of the job, in order."""
    snapshot = app.wait(app.submit(request).id)
    assert snapshot.job.state == "done", snapshot.job.message
    return [hashlib.sha256(Image.open(image.path).tobytes()).hexdigest() for image in snapshot.images]


@pytest.mark.parametrize("sampler", list(samplers()))
def test_a_picture_does_not_depend_on_its_place_in_a_batch(app: App, sampler: str) -> None:
    alone = [pixels(app, ask(seed=seed, sampler=sampler))[0] for seed in (7, 8, 9)]
    assert len(set(alone)) == 3
    assert pixels(app, ask(count=3, sampler=sampler)) == alone
    assert pixels(app, ask(size=3, sampler=sampler)) == alone


def test_a_picture_does_not_depend_on_what_was_made_before(app: App) -> None:
    first = pixels(app, ask())
    other = pixels(app, use(ask(), "two"))
    assert other != first
    assert pixels(app, ask("another prompt")) != first
    assert pixels(app, ask()) == first


def test_another_process_makes_the_same_picture(app: App, tmp_path: Path) -> None:
    here = pixels(app, ask(count=2))
    there = App(Paths(make_home(tmp_path)), Subprocess(worker_command("--use-cpu"), ROOT))
    there.start()
    try:
        assert pixels(there, ask(count=2)) == here
    finally:
        there.close()


def test_a_retried_job_leaves_out_what_it_has_and_repeats_the_rest(app: App) -> None:
    """What a queue sends after a worker's death: the shots still missing."""
    whole = pixels(app, ask(count=3))
    job = app.submit(ask(count=3))
    done = app.wait(job.id)
    order = app._prepare(done.job, (2,))
    assert [shot.index for shot in order.shots] == [2]
    assert pixels(app, ask(seed=order.shots[0].seed)) == [whole[2]]


def test_every_choice_that_should_change_the_picture_does(app: App) -> None:
    base = pixels(app, ask())[0]
    request = ask()
    changed = {
        "prompt": ask("a blue boat"),
        "weight": ask(PROMPT.replace("1.3", "1.1")),
        "negative": request.model_copy(update={"prompts": Prompts(prompt=PROMPT, negative="")}),
        "seed": ask(seed=8),
        "steps": ask(steps=5),
        "cfg": ask(cfg_scale=3),
        "sampler": ask(sampler="Euler a"),
        "scheduler": ask(scheduler="Exponential"),
        "clip skip": request.model_copy(update={"models": Models(checkpoint="one.safetensors", clip_skip=2)}),
        "rng": request.model_copy(update={"seeds": Seeds(seed=7, rng="CPU")}),
    }
    found = {name: pixels(app, other)[0] for name, other in changed.items()}
    assert base not in found.values()
    assert len(set(found.values())) == len(found)


def test_the_generation_text_says_what_was_done(app: App) -> None:
    snapshot = app.wait(app.submit(ask(cfg_scale=6.5)).id)
    image = snapshot.images[0]
    digest = app.checkpoint("one.safetensors").path.read_bytes()
    expected = (
        f"{PROMPT}\nNegative prompt: text\n"
        "Steps: 4, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 6.5, Seed: 7, Size: 64x128, "
        f"Model hash: {hashlib.sha256(digest).hexdigest()[:10]}, Model: one, RNG: NV, Version: atelier-0.1.0"
    )
    assert image.infotext == expected
    picture = Image.open(image.path)
    assert picture.info["parameters"] == expected
    assert picture.size == (64, 128)


def test_a_picture_that_is_not_to_be_saved_stays_out_of_outputs(app: App, home: Path) -> None:
    before = set((home / "outputs").rglob("*.*"))
    snapshot = app.wait(app.submit(ask().model_copy(update={"keep": Keep(save=False)})).id)
    assert snapshot.images[0].path.is_relative_to(home / "data" / "results")
    assert set((home / "outputs").rglob("*.*")) == before


def test_a_broken_checkpoint_is_refused_and_the_one_before_goes_on(app: App, home: Path) -> None:
    before = pixels(app, ask())
    broken = home / "models/Stable-diffusion/broken.safetensors"
    whole = (home / "models/Stable-diffusion/two.safetensors").read_bytes()
    broken.write_bytes(whole[: len(whole) // 2])
    os.utime(broken, (1e9, 1e9))
    with pytest.raises(Fault) as fault:
        app.submit(use(ask(), "broken"))
    assert fault.value.message.code == "file_damaged"
    assert pixels(app, ask()) == before


ODD = [
    "\ud800 surrogate",
    "nul \0 here",
    "\u202e right to left",
    "\U0001f469\u200d\U0001f467",
    "a\n\nNegative prompt: x",
]


@pytest.mark.parametrize("prompt", ODD, ids=ascii)
def test_odd_text_ends_up_in_the_picture(app: App, prompt: str) -> None:
    snapshot = app.wait(app.submit(ask(prompt)).id)
    assert snapshot.job.state == "done", snapshot.job.message
    image = snapshot.images[0]
    assert Image.open(image.path).info["parameters"] == image.infotext


@pytest.mark.oracle
@pytest.mark.parametrize("scheduler", ["Uniform", "Karras"])
def test_stock_diffusers_gives_the_same_picture(app: App, home: Path, scheduler: str) -> None:
    """A StableDiffusionPipeline of the same weights, with the same sigmas and the same first noise, under Euler."""
    request = ask("a red boat on the sea", sampler="Euler", scheduler=scheduler, steps=10, cfg_scale=7)
    snapshot = app.wait(app.submit(request).id)
    ours = numpy.asarray(Image.open(snapshot.images[0].path)).astype(int)
    sigmas = sigmas_for(find_sampler("Euler"), find_scheduler(scheduler), 10, scaled_linear())
    noise = ImageNoise(7, (4, 16, 8)).first()
    theirs = stock.pipeline(home / "models/Stable-diffusion/one.safetensors")(
        prompt=request.prompts.prompt, negative_prompt=request.prompts.negative, width=64, height=128,
        guidance_scale=7.0, num_inference_steps=10, sigmas=sigmas, latents=noise, output_type="np",
    ).images[0]  # fmt: skip
    theirs = (theirs * 255).round().astype(int)
    assert numpy.abs(ours - theirs).max() <= 1
