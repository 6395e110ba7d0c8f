"""What a machine with two checkpoints and a VAE has at hand. The parts are the real ones; the files are only named."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from webui.files.catalog import Catalog, ModelFile
from webui.prompt.styles import Style
from webui.reproduce import AtHand
from webui.sampling.kinds import samplers, schedulers
from webui.settings import Settings

HERE = "aa11bb22cc" + "0" * 54
OTHER = "dd33ee44ff" + "1" * 54
VAE = "0123456789" + "2" * 54
UPSCALERS = ("Latent", "Latent (nearest)", "None", "Lanczos")

Hand = Callable[..., AtHand]


def named(kind: str, name: str, sha256: str | None) -> ModelFile:
    return ModelFile(kind, name, Path("/models") / name, 1, 1, sha256)  # type: ignore[arg-type]


@pytest.fixture
def hand() -> Hand:
    """At hand, with settings other than the defaults; texts may switch checkpoints here."""
    checkpoints = (named("checkpoint", "mine.safetensors", HERE), named("checkpoint", "sub/fine.safetensors", OTHER))
    catalog = Catalog({"checkpoint": checkpoints, "vae": (named("vae", "bright.safetensors", VAE),)})

    def make(styles: tuple[Style, ...] = (), catalog: Catalog = catalog, **settings: object) -> AtHand:
        chosen = Settings.model_validate({"disable_weights_auto_swap": False, **settings})
        return AtHand(samplers(), schedulers(), UPSCALERS, catalog, chosen, styles)

    return make


def without(at_hand: AtHand, sampler: str) -> AtHand:
    return dataclasses.replace(at_hand, samplers={k: v for k, v in at_hand.samplers.items() if k != sampler})
