"""An App over a worker that paints without models, for the tests of what stands above it."""

from __future__ import annotations

import contextlib
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


def make_home(folder: Path, checkpoint: Path) -> Path:
    """A data folder with one checkpoint, ``tiny.safetensors``, which is the chosen one."""
    models = folder / "models" / "Stable-diffusion"
    models.mkdir(parents=True)
    (models / "tiny.safetensors").symlink_to(checkpoint)
    (folder / "data").mkdir()
    (folder / "data" / "settings.json").write_text('{"sd_model_checkpoint": "tiny.safetensors"}', encoding="utf-8")
    return folder


@contextlib.contextmanager
def running_app(home: Path, seconds_a_step: float = 0.0) -> Iterator[App]:
    app = App(Paths(home), InProcess(functools.partial(fake_worker.paint, seconds_a_step=seconds_a_step)))
    app.start()
    try:
        yield app
    finally:
        app.close()


@pytest.fixture
def home(tmp_path: Path, tiny_checkpoint: Path) -> Path:
    return make_home(tmp_path, tiny_checkpoint)


@pytest.fixture
def make_app(home: Path) -> Iterator[Callable[[float], App]]:
    """Apps by seconds that each of their steps takes."""
    with contextlib.ExitStack() as stack:
        yield lambda seconds_a_step: stack.enter_context(running_app(home, seconds_a_step))


@pytest.fixture
def app(make_app: Callable[[float], App]) -> App:
    return make_app(0.0)
