"""A picture of ours comes back pixel for pixel, wherever it was in its job and whatever it was made with."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from tests import tiny
from tests.reproduce.making import again, as_format, ask, file_of, made, path_of, pixels, record_of, tampered
from webui import devices
from webui.app import App
from webui.generate import run
from webui.jobs.executor import InProcess
from webui.messages import NotFound
from webui.models.manager import Manager
from webui.paths import Paths
from webui.prompt.styles import Style
from webui.record import CHUNK, pixels_hash, text_hash
from webui.reproduce import OfJob
from webui.request import Batch, Hires, Models, Prompts, Refiner, Sampling, Seeds, Size, Txt2Img


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for seed, name in enumerate(("one", "two")):
        file = tiny.checkpoint(tmp_path / "models/Stable-diffusion" / f"{name}.safetensors", seed=seed)
        os.utime(file, (1e9, 1e9 + seed))
    return tmp_path


@pytest.fixture(scope="module")
def manager() -> Manager:
    return Manager(torch.device("cpu"), devices.Precision())


@pytest.fixture
def start(home: Path, manager: Manager) -> Iterator[Callable[[], App]]:
    """Starts the program, or starts it again."""
    running: list[App] = []

    def restart() -> App:
        for app in running:
            app.close()
        running[:] = [App(Paths(home), InProcess(functools.partial(run, manager)))]
        running[0].start()
        return running[0]

    yield restart
    for app in running:
        app.close()


@pytest.fixture
def app(start: Callable[[], App]) -> App:
    return start()


SAMPLERS = ("DPM++ 2M", "Euler a", "DPM++ 2M SDE", "DDIM", "UniPC", "DPM++ SDE")
# 50 pictures: jobs by what is special about them, and how many pictures each makes.
JOBS: dict[str, tuple[Txt2Img, dict[str, object]]] = {
    "batches": (ask(batch=Batch(count=3, size=3)), {}),
    "rounds": (ask("[a:b:0.5] [c|d]", seed=2**40, batch=Batch(count=5)), {}),
    "random": (ask(seed=-1, batch=Batch(count=4)), {}),
    "lines": (ask(prompts=Prompts(prompt="a boat\na (sea:1.2)\n{red|blue}", each_line=True), batch=Batch(count=2)), {}),
    "styles": (ask(prompts=Prompts(prompt="a boat # remark", styles=("Ink",)), batch=Batch(count=2)), {}),
    "variation": (ask(seeds=Seeds(seed=3, subseed=9, subseed_strength=0.4), batch=Batch(count=4)), {}),
    "resized": (ask(seeds=Seeds(seed=3, resize_width=128, resize_height=64)), {}),
    "tiling": (ask(size=Size(width=64, height=64, tiling=True)), {}),
    "hires": (ask(hires=Hires(scale=1.5, steps=2, denoising=0.6), batch=Batch(count=3)), {}),
    "hires by pixels": (ask(hires=Hires(upscaler="Lanczos", scale=1.5, prompt="a ship", cfg_scale=3)), {}),
    "hires by another model": (ask(hires=Hires(scale=1.5, checkpoint="two.safetensors", sampler="Euler")), {}),
    "refiner": (ask(refiner=Refiner(checkpoint="two.safetensors", switch_at=0.5), sampling=Sampling(steps=4)), {}),
    "vae of no one": (ask(models=Models(checkpoint="two.safetensors", clip_skip=2)), {}),
    "noise of the cpu": (ask(seeds=Seeds(seed=3, rng="CPU", eta_noise_seed_delta=31337)), {}),
    "settings": (ask("a (b:1.5)"), {"emphasis": "No norm", "eta_ancestral": 0.7, "sigma_min": 0.1, "rho": 5.0}),
    "sd-webui": (ask("a AND b:0.5 # c"), {"prompt_syntax": "sd-webui"}),
    "exact text": (ask(" a \n\nNegative prompt: b\nSteps: 1, Seed: 2, Size: 3x3 ", batch=Batch(count=2)), {}),
} | {name: (ask(sampling=Sampling(sampler=name, steps=3)), {}) for name in SAMPLERS}  # fmt: skip


@pytest.mark.slow
def test_fifty_of_fifty(start: Callable[[], App]) -> None:
    """Half of them after a restart, by their files or by their places in turn; the settings have changed since."""
    app = start()
    app.styles.save(Style("Ink", "ink drawing of {prompt}", "photo"))
    places = [place for request, settings in JOBS.values() for place in made(app, request, **settings)]
    assert len(places) == 50
    app.settings.change({"emphasis": "None", "comma_padding_backtrack": 3, "eta_ancestral": 0.2})
    app.styles.delete("Ink")
    wrong: list[tuple[OfJob, list[str]]] = []
    for number, place in enumerate(places):
        if number == 25:
            app = start()
        found = again(app, place if number % 2 else file_of(app, place))
        if not found.equal:
            wrong.append((place, [line.text() for line in found.lines]))
    assert wrong == []


def test_a_text_alone_is_enough_where_it_says_everything(app: App) -> None:
    """Copied by a program that keeps the text and loses the record."""
    for name in ("batches", "variation", "hires", "settings", "sd-webui", "exact text", "refiner", "tiling"):
        request, settings = JOBS[name]
        place = made(app, request, **settings)[-1]
        found = again(app, tampered(file_of(app, place), texts={CHUNK: None}))
        assert found.equal, (name, [line.text() for line in found.lines])


def test_nothing_is_saved_and_the_first_picture_stays(app: App, home: Path) -> None:
    place = made(app, ask())[0]
    before, files = file_of(app, place), sorted((home / "outputs").rglob("*.png"))
    job = app.remake(place, "me")
    app.wait(job.id)
    assert (job.client, job.request.keep.save) == ("me", False)
    assert sorted((home / "outputs").rglob("*.png")) == files
    assert file_of(app, place) == before
    assert again(app, OfJob(job.id, 0)).equal  # and what was made again can be made again


def test_the_record(app: App, home: Path) -> None:
    place = made(app, ask("a boat", hires=Hires(scale=1.5), batch=Batch(count=2)), emphasis="No norm")[1]
    data = file_of(app, place)
    record = record_of(data)
    assert (record.shot.index, record.shot.seed, record.shot.prompt) == (0, 8, "a boat")
    assert record.settings == {"emphasis": "No norm"}
    assert record.files["checkpoint"].sha256 == app.checkpoint("one").sha256
    assert record.pixels == pixels_hash(pixels(data))
    assert record.text == text_hash(app.store.images(place.job)[1].infotext)
    assert (record.machine.device, record.machine.torch) == ("cpu", torch.__version__)
    assert record.machine.threads == torch.get_num_threads()
    assert len(record.dump()) < 4096
    assert str(home) not in record.dump()


@pytest.mark.parametrize("kind", ["jpg", "webp", "avif"])
def test_in_other_formats_it_is_compared_as_saved(app: App, kind: str) -> None:
    place = made(app, ask(), samples_format=kind, jpeg_quality=60)[0]
    assert path_of(app, place).suffix == f".{kind}"
    found = again(app, place)
    assert found.equal, [line.text() for line in found.lines]


def test_webp_without_losses_is_equal(app: App) -> None:
    place = made(app, ask())[0]
    assert again(app, as_format(file_of(app, place), "WEBP", lossless=True)).equal


def test_files_are_found_under_any_name(app: App, home: Path) -> None:
    place = made(app, ask(hires=Hires(scale=1.5, checkpoint="two.safetensors")))[0]
    folder = home / "models/Stable-diffusion"
    (folder / "old").mkdir()
    (folder / "one.safetensors").rename(folder / "old" / "first.safetensors")
    (folder / "two.safetensors").rename(folder / "one.safetensors")  # even under another's name
    assert again(app, place).equal


def test_while_it_is_made_nothing_is_said(app: App) -> None:
    place = made(app, ask())[0]
    job = app.remake(place)
    while app.snapshot(job.id).job.state != "done":
        assert app.again.outcome(job.id).verdict is None or app.snapshot(job.id).job.state == "done"
    assert app.again.outcome(job.id).verdict
    for id in (place.job, "nobody", "../data"):
        with pytest.raises(NotFound):
            app.again.outcome(id)


def test_a_picture_that_is_not_there(app: App) -> None:
    place = made(app, ask())[0]
    for wrong in (OfJob(place.job, 1), OfJob("nobody", 0)):
        with pytest.raises(NotFound):
            app.remake(wrong)


def test_old_originals_are_dropped_with_the_results(app: App, home: Path) -> None:
    job = app.remake(file_of(app, made(app, ask())[0]))
    app.wait(job.id)
    files = list((home / "data/results" / job.id).iterdir())
    assert len(files) == 2
    for file in files:
        os.utime(file, (1e9, 1e9))
    app._drop_old_results()
    assert not any(file.exists() for file in files)
