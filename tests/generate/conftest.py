"""The real program over tiny random checkpoints, ``one`` and ``two``, in this process; one for a module of tests."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests import tiny
from webui import devices
from webui.app import App
from webui.generate import run
from webui.jobs.executor import InProcess
from webui.models.manager import Manager
from webui.paths import Paths


def make_home(folder: Path) -> Path:
    for seed, name in enumerate(("one", "two")):
        file = tiny.checkpoint(folder / "models/Stable-diffusion" / f"{name}.safetensors", seed=seed)
        os.utime(file, (1e9, 1e9))
    return folder


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_home(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def manager() -> Manager:
    return Manager(torch.device("cpu"), devices.Precision())


@pytest.fixture(scope="module")
def app(home: Path, manager: Manager) -> Iterator[App]:
    app = App(Paths(home), InProcess(functools.partial(run, manager)))
    app.start()
    yield app
    app.close()
