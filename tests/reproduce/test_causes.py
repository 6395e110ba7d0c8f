"""Why a picture does not come back: causes planted one by one, each to be named first."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests import tiny
from tests.reproduce.making import again, as_format, ask, elsewhere, file_of, made, path_of, tampered
from webui import devices
from webui.app import App
from webui.generate import run
from webui.infotext import read_image
from webui.jobs.executor import InProcess
from webui.messages import Fault
from webui.models.manager import Manager
from webui.paths import Paths
from webui.record import CHUNK
from webui.reproduce import OfJob, Source
from webui.reproduce.verdict import difference, pixels_of
from webui.request import Hires, Models, Refiner, Sampling

MODELS = "models/Stable-diffusion"


def vae_of(checkpoint: Path, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    prefix = "first_stage_model."
    tensors = {
        key.removeprefix(prefix): value for key, value in load_file(checkpoint).items() if key.startswith(prefix)
    }
    save_file(tensors, file)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Checkpoints ``one`` and ``two``, and two's VAE. ``spare`` has others that are not in the folders."""
    folder = tmp_path_factory.mktemp("files")
    for seed, place in enumerate((f"{MODELS}/one", f"{MODELS}/two", "spare/three", "spare/four")):
        file = tiny.checkpoint(folder / f"{place}.safetensors", seed=seed)
        os.utime(file, (1e9, 1e9 + seed))
    for seed, (checkpoint, place) in enumerate(((f"{MODELS}/two", "models/VAE"), ("spare/three", "spare/VAE"))):
        file = folder / place / "bright.safetensors"
        vae_of(folder / f"{checkpoint}.safetensors", file)
        os.utime(file, (1e9, 1e9 + seed))
    return folder


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    manager = Manager(torch.device("cpu"), devices.Precision())
    app = App(Paths(tmp_path_factory.mktemp("home")), InProcess(functools.partial(run, manager)))
    app.settings.change({"sd_checkpoints_limit": 4})
    app.start()
    yield app
    app.close()


@pytest.fixture
def app(running: App, files: Path) -> App:
    """With all files in their places again."""
    home = running.paths.home
    for file in files.rglob("*.safetensors"):
        place = home / file.relative_to(files)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.unlink(missing_ok=True)
        os.link(file, place)
    return running


@pytest.fixture
def home(app: App) -> Path:
    return app.paths.home


def replace_model(home: Path, name: str, by: str = "three") -> None:
    (home / "spare" / f"{by}.safetensors").replace(home / MODELS / f"{name}.safetensors")


def gone(home: Path, name: str, folder: str = MODELS) -> None:
    (home / folder / f"{name}.safetensors").unlink()


TWO = {
    "vae": ask(models=Models(checkpoint="one", vae="bright")),
    "hires": ask(hires=Hires(scale=1.5, checkpoint="two")),
    "refiner": ask(refiner=Refiner(checkpoint="two", switch_at=0.5), sampling=Sampling(steps=4)),
}
Plant = Callable[[App, Path, OfJob], Source | None]
Change = Callable[[dict[str, Any]], object]


def picture(change: Change) -> Plant:
    """As made by another machine, which the record names."""
    return lambda app, home, place: elsewhere(file_of(app, place), change)


def machine(**said: Any) -> Plant:
    return picture(lambda record: record["machine"].update(said))


def setting(**said: Any) -> Plant:
    return picture(lambda record: record["settings"].update(said))


def with_fewer_steps(data: bytes) -> bytes:
    text = read_image(data).text.replace("Steps: 3", "Steps: 2")
    return tampered(data, texts={CHUNK: None, "parameters": text})


def file(change: Callable[[bytes], bytes]) -> Plant:
    """The file was changed, and then brought back."""
    return lambda app, home, place: change(file_of(app, place))


def on_disk(change: Callable[[bytes], bytes]) -> Plant:
    """The file was changed in its folder; the job store knows better."""

    def plant(app: App, home: Path, place: OfJob) -> None:
        path = path_of(app, place)
        path.write_bytes(change(path.read_bytes()))

    return plant


def models(change: Callable[[Path], object]) -> Plant:
    def plant(app: App, home: Path, place: OfJob) -> None:
        change(home)

    return plant


# What is asked for, what happens then, and the cause to be named first.
CAUSES: dict[str, tuple[str, Plant, str]] = {
    "another checkpoint of that name": ("", models(lambda home: replace_model(home, "one")), "model_changed"),
    "another vae of that name": (
        "vae",
        models(lambda home: (home / "spare/VAE/bright.safetensors").replace(home / "models/VAE/bright.safetensors")),
        "vae_changed",
    ),
    "another model of the second pass": ("hires", models(lambda home: replace_model(home, "two")), "model_changed"),
    "another refiner": ("refiner", models(lambda home: replace_model(home, "two", "four")), "model_changed"),
    "painted over": ("", file(lambda data: tampered(data, paint=True)), "edited_back"),
    "painted over in its folder": ("", on_disk(lambda data: tampered(data, paint=True)), "edited_back"),
    "painted over, by another version": (
        "",
        file(lambda data: tampered(elsewhere(data, lambda record: record.update(program="0.0.9")), paint=True)),
        "edited",
    ),
    "another version": ("", picture(lambda record: record.update(program="0.0.9")), "version"),
    "another device": ("", machine(device="cuda", name="NVIDIA H200"), "device"),
    "another processor": ("", machine(name="a faster one (AVX512)"), "device"),
    "another torch": ("", machine(torch="2.1.0"), "torch"),
    "half precision": ("", machine(precision=["float16", "float16", "float32"]), "precision"),
    "other threads": ("", machine(threads=1000), "threads"),
    "a setting of another version": ("", setting(sharpness=2), "setting_unknown"),
    "a value of another version": ("", setting(emphasis="Loud"), "setting_unknown"),
    "jpeg": ("", file(lambda data: as_format(data, "JPEG", quality=70)), "lossy"),
    "webp": ("", file(lambda data: as_format(data, "WEBP", quality=70)), "lossy"),
    "stopped early": ("", picture(lambda record: record.update(partial=True)), "partial"),
    "the record lost, and the text changed": (
        "",
        file(lambda data: with_fewer_steps(data)),
        "no_record",
    ),
    "the record lost in its folder": (
        "",
        on_disk(lambda data: tampered(elsewhere(data, lambda record: None), texts={CHUNK: None})),
        "no_machine",
    ),
    "nothing that is known": ("", picture(lambda record: None), "unknown"),
}  # fmt: skip


@pytest.mark.parametrize("name", CAUSES)
def test_the_cause_is_named(app: App, home: Path, name: str) -> None:
    asked, plant, cause = CAUSES[name]
    place = made(app, TWO.get(asked) or ask())[0]
    found = again(app, plant(app, home, place) or place)
    assert not found.equal
    assert found.causes[0] == cause, [line.text() for line in found.lines]
    for line in found.lines:
        assert line.text("zh-CN") and "{" not in line.text() + line.hint()


REFUSED: dict[str, tuple[str, Plant, str, str]] = {
    "no checkpoint": ("", models(lambda home: gone(home, "one")), "checkpoint_missing", "one.safetensors"),
    "no vae": ("vae", models(lambda home: gone(home, "bright", "models/VAE")), "vae_missing", "bright.safetensors"),
    "no refiner": ("refiner", models(lambda home: gone(home, "two")), "checkpoint_missing", "two.safetensors"),
    "no model for hires": ("hires", models(lambda home: gone(home, "two")), "checkpoint_missing", "two.safetensors"),
    "no checkpoint, by the text": (
        "",
        lambda app, home, place: (tampered(file_of(app, place), texts={CHUNK: None}), gone(home, "one"))[0],
        "checkpoint_missing",
        "one",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_made_again_is_refused_by_name(app: App, home: Path, name: str) -> None:
    """Another model would make another picture, and nobody should wait for that."""
    asked, plant, code, missing = REFUSED[name]
    place = made(app, TWO.get(asked) or ask())[0]
    source = plant(app, home, place) or place
    before = len(app.store.latest("", 100))
    with pytest.raises(Fault) as fault:
        app.remake(source)
    assert (fault.value.message.code, fault.value.message.params["name"]) == (f"remake.{code}", missing)
    assert len(app.store.latest("", 100)) == before


def test_a_picture_without_any_text_is_refused(app: App) -> None:
    data = tampered(file_of(app, made(app, ask())[0]), texts={CHUNK: None, "parameters": None})
    with pytest.raises(Fault) as fault:
        app.remake(data)
    assert fault.value.message.code == "remake.no_text"


def test_a_source_that_is_gone_is_refused(app: App) -> None:
    first = made(app, ask())[0]
    job = app.enlarge(first.job, 0, Hires(scale=1.5, denoising=0.5))
    app.wait(job.id)
    place = OfJob(job.id, 0)
    assert again(app, place).equal
    source = app.store.job(job.id).request.hires.source  # type: ignore[union-attr]
    app.blobs.path(source).unlink()
    with pytest.raises(Fault) as fault:
        app.remake(place)
    assert fault.value.message.code == "unknown_source"


def test_an_edited_text_is_said_and_does_no_harm(app: App) -> None:
    place = made(app, ask())[0]
    edited = tampered(file_of(app, place), texts={"parameters": "a boat\nSteps: 3, Sampler: Euler, Seed: 1"})
    found = again(app, edited)
    assert (found.equal, found.causes) == (True, ("text_edited",))
    path_of(app, place).write_bytes(edited)
    assert again(app, place).causes == ("text_edited",)


def test_several_causes_are_all_said_the_surest_first(app: App) -> None:
    def change(record: dict[str, Any]) -> None:
        record.update(program="0.0.9")
        record["machine"].update(torch="2.1.0", device="cuda", name="x", threads=0)

    found = again(app, elsewhere(file_of(app, made(app, ask())[0]), change))
    assert found.causes == ("version", "device", "torch")


def test_a_stopped_picture_of_the_job_store(app: App) -> None:
    place = made(app, ask())[0]
    assert app.store._change("UPDATE images SET partial = 1 WHERE job = ?", (place.job,))
    path = path_of(app, place)
    path.write_bytes(elsewhere(path.read_bytes(), lambda record: None))
    assert again(app, place).causes == ("partial",)


def test_how_far_apart(app: App) -> None:
    data = file_of(app, made(app, ask())[0])
    before, now = pixels_of(data), pixels_of(tampered(data, paint=True))
    said = difference(before, now).params
    assert 5 < float(said["decibels"]) < 40
    assert said["largest"] == int(abs(before.astype(int) - now).max())
    assert difference(before, before[:32]).code == "remake.other_size"
