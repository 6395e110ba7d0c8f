"""Pictures that tile: nothing in the network knows where the edge is, and nothing of it stays."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from torch import nn

from tests import tiny
from tests.generate.conftest import make_home
from tests.generate.making import ask, picture, pictures, same
from webui.app import App
from webui.generate import run
from webui.jobs.executor import InProcess
from webui.models.families.sd1 import SD1
from webui.models.family import Parts
from webui.models.manager import Manager
from webui.models.tiling import circular
from webui.paths import Paths
from webui.request import Batch, Hires, Models, Prompts, Request, Size

STARTER = Path(__file__).parents[2] / "models/Stable-diffusion/atelier-starter.safetensors"
Net = Callable[[Parts, torch.Tensor], torch.Tensor]


def tiled(tiling: bool = True, **parts: Any) -> Request:
    return ask("moss", sampler="Euler", **parts).model_copy(update={"size": Size(width=64, height=128, tiling=tiling)})


@pytest.fixture(scope="module")
def parts() -> Parts:
    return Parts(*tiny.modules())


@torch.inference_mode()
def predicted(parts: Parts, x: torch.Tensor) -> torch.Tensor:
    cond = torch.randn(1, 77, 64, generator=torch.Generator().manual_seed(1))
    return SD1.predict(parts, x, 500.0, [cond])[0]


@torch.inference_mode()
def decoded(parts: Parts, x: torch.Tensor) -> torch.Tensor:
    return SD1.decode(parts, x)


@pytest.mark.parametrize(("net", "cell"), [(predicted, 1), (decoded, 8)], ids=["denoiser", "decoder"])
def test_to_a_tiling_network_every_place_is_the_same(parts: Parts, net: Net, cell: int) -> None:
    """What goes in moved round the edge comes out moved round the edge."""
    x = torch.randn(1, 4, 16, 8, generator=torch.Generator().manual_seed(0))

    def difference() -> float:
        moved = net(parts, x.roll((6, 2), (2, 3))).roll((-6 * cell, -2 * cell), (2, 3))
        return float((moved - net(parts, x)).abs().max())

    before = net(parts, x)
    assert difference() > 1e-2
    with circular(parts.denoiser, parts.vae):
        assert difference() < 1e-4
        assert not torch.equal(net(parts, x), before)
    assert torch.equal(net(parts, x), before)


def test_a_convolution_that_went_round_before_still_does(parts: Parts) -> None:
    own = nn.Conv2d(1, 1, 3, padding=1, padding_mode="circular")
    zeros = nn.Conv2d(1, 1, 3, padding=1)
    with pytest.raises(ValueError), circular(own, zeros):
        assert zeros.padding_mode == "circular"
        raise ValueError
    assert (own.padding_mode, zeros.padding_mode) == ("circular", "zeros")


def seam(image: numpy.ndarray, axis: int) -> float:
    """The step over the edge, compared with the largest step from line to line within."""
    lines = numpy.moveaxis(image.astype(float), axis, 0)
    return float(numpy.abs(lines[0] - lines[-1]).mean() / numpy.abs(numpy.diff(lines, axis=0)).mean((1, 2)).max())


def test_opposite_edges_of_a_picture_go_on_into_each_other(manager: Manager, tmp_path: Path) -> None:
    """By the model that comes with the program: random ones draw noise, where every step is large."""
    app = App(Paths(make_home(tmp_path)), InProcess(functools.partial(run, manager)))
    (tmp_path / "models/Stable-diffusion" / STARTER.name).symlink_to(STARTER)
    app.start()
    try:
        starter = {"models": Models(checkpoint=STARTER.name), "prompts": Prompts(prompt="mountains at a lake")}
        usual, seamless = (picture(app, tiled(tiling, steps=10).model_copy(update=starter)) for tiling in (False, True))
    finally:
        app.close()
    for axis in (0, 1):
        assert seam(seamless, axis) < 1 < seam(usual, axis)


@pytest.mark.parametrize("hires", [None, Hires(denoising=0.5, scale=1.5, checkpoint="two")], ids=["one pass", "two"])
def test_nothing_of_tiling_stays(app: App, hires: Hires | None) -> None:
    plain, other = tiled(False, hires=hires), tiled(True, hires=hires)
    before, made = picture(app, plain), picture(app, other)
    assert not same(before, made)
    assert same(picture(app, plain), before)
    assert same(pictures(app, tiled(True, seed=6, hires=hires, batch=Batch(size=2)))[1], made)
