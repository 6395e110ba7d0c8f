"""The whole way with a real model, if a tiny one: asked for over the API, read back from the picture, made again."""

from __future__ import annotations

import base64
import functools
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from PIL import Image
from starlette.testclient import TestClient

from tests.api.conftest import client_of, guarded
from tests.generate.conftest import make_home
from webui import devices
from webui.app import App
from webui.generate import run
from webui.jobs.executor import InProcess
from webui.models.manager import Manager
from webui.paths import Paths
from webui.prompt.styles import Style

BASE = {"prompt": "a (boat:1.3), [red:blue:0.5] sea", "negative_prompt": "fog", "seed": 7, "steps": 3, "width": 64,
        "height": 128, "cfg_scale": 5, "sampler_name": "Euler a"}  # fmt: skip
HIRES = {"enable_hr": True, "hr_scale": 1.5, "denoising_strength": 0.6}


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    home: Path = make_home(tmp_path_factory.mktemp("real"))
    app = App(Paths(home), InProcess(functools.partial(run, Manager(torch.device("cpu"), devices.Precision()))))
    app.start()
    app.settings.change({"sd_model_checkpoint": "one.safetensors"})
    app.styles.save(Style("night", "{prompt}, at night", "sun"))
    yield app
    app.close()


@pytest.fixture(scope="module")
def site(real: App) -> TestClient:
    return client_of(guarded(real))


def made(site: TestClient, **body: Any) -> tuple[list[bytes], dict[str, Any]]:
    """PNG files and ``info``."""
    reply = site.post("/sdapi/v1/txt2img", json=body)
    assert reply.status_code == 200, reply.text
    return [base64.b64decode(image) for image in reply.json()["images"]], json.loads(reply.json()["info"])


def pixels(png: bytes) -> numpy.ndarray:
    return numpy.asarray(Image.open(io.BytesIO(png)))


def read(site: TestClient, png: bytes) -> dict[str, Any]:
    reply = site.post("/sdapi/v1/png-info", json={"image": base64.b64encode(png).decode()})
    assert reply.status_code == 200, reply.text
    return reply.json()


@pytest.mark.parametrize(
    ("body", "size"),
    [
        ({}, (64, 128)),
        ({"subseed": 9, "subseed_strength": 0.4, "seed_resize_from_w": 128, "seed_resize_from_h": 64}, (64, 128)),
        ({"tiling": True, "scheduler": "karras", "eta": 0.5}, (64, 128)),
        ({"styles": ["night"], "override_settings": {"CLIP_stop_at_last_layers": 2, "emphasis": "No norm"}}, (64, 128)),
        ({"override_settings": {"eta_noise_seed_delta": 31337, "randn_source": "CPU", "rho": 4}}, (64, 128)),
        (HIRES, (96, 192)),
        (HIRES | {"hr_upscaler": "Lanczos", "hr_second_pass_steps": 2, "hr_prompt": "a ship"}, (96, 192)),
        (HIRES | {"hr_resize_x": 128, "hr_resize_y": 128, "hr_sampler_name": "Euler", "hr_cfg": 2}, (128, 128)),
        (HIRES | {"hr_checkpoint_name": "two"}, (96, 192)),
        ({"refiner_checkpoint": "two", "refiner_switch_at": 0.5}, (64, 128)),
    ],
    ids=["plain", "variation", "tiling", "styles", "noise", "hires", "upscaler", "resize", "hires model", "refiner"],
)
def test_a_pictures_text_makes_the_picture_again(site: TestClient, body: dict[str, Any], size: tuple[int, int]) -> None:
    (png,), info = made(site, **BASE | body)
    assert Image.open(io.BytesIO(png)).size == size
    found = read(site, png)
    assert found["info"] == info["infotexts"][0]
    # The checkpoint stays as it is chosen: that is a setting.
    (again,), second = made(site, infotext=found["info"])
    assert second["ignored"] == [], second
    assert numpy.array_equal(pixels(again), pixels(png)), (found["info"], second["infotexts"][0])


def test_a_second_pass_starts_from_a_given_picture(site: TestClient) -> None:
    (first,), _ = made(site, **BASE)
    picture = base64.b64encode(first).decode()
    (one,), _ = made(site, **BASE | HIRES | {"firstpass_image": picture, "hr_upscaler": "Lanczos"})
    (two,), _ = made(site, **BASE | HIRES | {"hr_upscaler": "Lanczos"})
    assert Image.open(io.BytesIO(one)).size == (96, 192)
    assert numpy.array_equal(pixels(one), pixels(two))  # the picture is what the first pass makes


def test_info_has_the_extra_fields_of_the_text(site: TestClient) -> None:
    _, info = made(site, **BASE | HIRES | {"hr_second_pass_steps": 2})
    extra = info["extra_generation_params"]
    assert (extra["Hires upscale"], extra["Hires steps"], extra["Hires upscaler"]) == (1.5, 2, "Latent")
    assert (extra["Denoising strength"], info["denoising_strength"]) == (0.6, 0.6)
    assert extra["Schedule type"] == "Automatic"
    assert not extra.keys() & {"Steps", "Seed", "Size", "Version"}
