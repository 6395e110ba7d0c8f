"""An App over a worker that paints without models, for the tests of what stands above it."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import fake_worker
from webui.app import App
from webui.jobs.executor import InProcess
from webui.paths import Paths

LONG_AGO = 1_600_000_000  # a file this old is not still being copied


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests import tiny  # torch: only where it is asked for

    file = tiny.checkpoint(tmp_path_factory.mktemp("tiny") / "tiny.safetensors")
    os.utime(file, (LONG_AGO, LONG_AGO))
    return file


@pytest.fixture
def home(tmp_path: Path, tiny_checkpoint: Path) -> Path:
    """A data folder with one checkpoint, ``tiny.safetensors``."""
    folder = tmp_path / "models" / "Stable-diffusion"
    folder.mkdir(parents=True)
    (folder / "tiny.safetensors").symlink_to(tiny_checkpoint)
    return tmp_path


@pytest.fixture
def make_app(home: Path) -> Iterator[Callable[[float], App]]:
    """Apps by seconds that each of their steps takes; started here and closed afterwards."""
    made: list[App] = []

    def make(seconds_a_step: float = 0.0) -> App:
        run = functools.partial(fake_worker.paint, seconds_a_step=seconds_a_step)
        app = App(Paths(home), InProcess(run))
        app.settings.change({"sd_model_checkpoint": "tiny.safetensors"})  # whatever is shipped
        app.start()
        made.append(app)
        return app

    yield make
    for app in made:
        app.close()


@pytest.fixture
def app(make_app: Callable[[float], App]) -> App:
    return make_app(0.0)
