"""Settings, seeds and what a file says of itself reach the picture, and only where they should."""

from __future__ import annotations

import base64
import io
import os
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from tests import tiny
from tests.generate.making import ask, events_of, order_of, picture, pictures, progress, same
from webui.app import App
from webui.events import Failed
from webui.generate.pictures import to_latent, to_pixels
from webui.models.manager import Files, Manager
from webui.request import Batch, Models, Request, Seeds

SETTINGS = [
    ("Euler a", {"eta_ancestral": 0.5}),
    ("DDIM", {"eta_ddim": 0.5}),
    ("Euler", {"sigma_min": 0.5, "scheduler": "Karras"}),
    ("Euler", {"sigma_max": 10.0, "scheduler": "Karras"}),
    ("Euler", {"rho": 3.0, "scheduler": "Karras"}),
    ("Euler", {"beta_dist_alpha": 1.0, "scheduler": "Beta"}),
    ("Euler", {"beta_dist_beta": 1.0, "scheduler": "Beta"}),
    ("Euler", {"always_discard_next_to_last_sigma": True}),
    ("Euler", {"sgm_noise_multiplier": True}),
    ("Euler", {"skip_early_cond": 0.5}),
    ("Euler", {"sd_noise_schedule": "Zero Terminal SNR"}),
    ("UniPC", {"uni_pc_variant": "bh2"}),
    ("UniPC", {"uni_pc_order": 2}),
    ("UniPC", {"uni_pc_skip_type": "time_quadratic"}),
    ("UniPC", {"uni_pc_lower_order_final": False}),
]


@pytest.mark.parametrize(("sampler", "settings"), SETTINGS, ids=[f"{s} {next(iter(o))}" for s, o in SETTINGS])
def test_a_setting_reaches_the_picture_and_is_that_jobs_alone(app: App, sampler: str, settings: dict[str, Any]) -> None:
    scheduler = settings.get("scheduler", "Automatic")
    changes = {name: value for name, value in settings.items() if name != "scheduler"}
    request = ask(sampler=sampler, scheduler=scheduler, size=(64, 64), steps=6)
    usual, other = picture(app, request), picture(app, request, **changes)
    assert not same(usual, other)
    assert same(picture(app, request), usual)


def test_the_negative_prompt_may_be_left_out_at_low_noise(app: App) -> None:
    request = ask(sampler="Euler", size=(64, 64), steps=6)
    low = ask(sampler="Euler", size=(64, 64), steps=6, s_min_uncond=15.0)
    usual, every_other, every = picture(app, request), picture(app, low), picture(app, low, s_min_uncond_all=True)
    assert not same(usual, every_other) and not same(every_other, every)
    assert same(every, picture(app, ask(sampler="Euler", size=(64, 64), steps=6, cfg_scale=1.0)))
    text = app.wait(app.submit(low).id).images[0].infotext
    assert "NGMS: 15" in text
    harmless = app.wait(app.submit(ask(sampler="Euler", size=(64, 64), steps=6, s_min_uncond=0.01)).id)
    assert "NGMS" not in harmless.images[0].infotext


def test_a_requests_eta_goes_before_the_settings(app: App) -> None:
    request = ask(sampler="Euler a", size=(64, 64), eta=0.25)
    assert same(picture(app, request, eta_ancestral=0.75), picture(app, request))


def seeded(**seeds: Any) -> Request:
    return ask(size=(64, 64), sampler="Euler").model_copy(update={"seeds": Seeds.model_validate({"seed": 7, **seeds})})


def test_a_variation_lies_between_two_seeds(app: App) -> None:
    base = picture(app, seeded())
    assert same(picture(app, seeded(subseed=99)), base)  # without any strength
    little, much = (picture(app, seeded(subseed=99, subseed_strength=s)).astype(int) for s in (0.05, 0.6))
    assert 0 < numpy.abs(little - base).mean() < numpy.abs(much - base).mean()
    whole, other = picture(app, seeded(subseed=99, subseed_strength=1.0)), picture(app, seeded(seed=99))
    assert numpy.abs(whole.astype(int) - other).max() <= 1


def test_variations_of_one_seed_differ_and_come_back_alone(app: App) -> None:
    request = seeded(subseed=20, subseed_strength=0.3)
    batch = pictures(app, request.model_copy(update={"batch": Batch(size=3)}))
    alone = [picture(app, seeded(subseed=20 + i, subseed_strength=0.3)) for i in range(3)]
    assert all(same(one, other) for one, other in zip(batch, alone, strict=True))
    assert not same(batch[0], batch[1])


def test_the_noise_of_another_size_and_another_source(app: App) -> None:
    found = [
        picture(app, seeded()),
        picture(app, seeded(resize_width=128, resize_height=64)),
        picture(app, seeded(resize_width=64, resize_height=32)),
        picture(app, seeded(rng="CPU")),
    ]
    assert not any(same(one, other) for i, one in enumerate(found) for other in found[:i])
    assert same(picture(app, seeded(resize_width=128)), found[0])  # both sides are needed
    assert same(picture(app, seeded(resize_width=64, resize_height=64)), found[0])


def test_ensd_counts_where_noise_is_drawn_on_the_way(app: App) -> None:
    with_ensd = {"seeds": Seeds(seed=7, eta_noise_seed_delta=31337)}
    for sampler, changes in {"Euler a": True, "Euler": False}.items():
        plain = ask(sampler=sampler, size=(64, 64))
        assert same(picture(app, plain), picture(app, plain.model_copy(update=with_ensd))) is not changes


def test_a_v_predicting_model_is_one_whoever_says_so(app: App, home: Path) -> None:
    """The same weights under a tensor, metadata and a file beside them; without any of them another picture."""
    folder = home / "models/Stable-diffusion"
    weights = {key: tensor.half() for key, tensor in tiny.tensors(seed=0).items()}
    save_file(weights | {"v_pred": torch.zeros(0)}, folder / "by-tensor.safetensors")
    save_file(weights, folder / "by-metadata.safetensors", metadata={"modelspec.prediction_type": "v"})
    save_file(weights, folder / "by-file.safetensors")
    save_file(weights | {"v_pred": torch.zeros(0), "ztsnr": torch.zeros(0)}, folder / "zero-snr.safetensors")
    (folder / "by-file.yaml").write_text('model:\n  params:\n    parameterization: "v"\n')
    for file in folder.glob("*.safetensors"):
        os.utime(file, (1e9, 1e9))

    def by(name: str) -> numpy.ndarray:
        request = ask(size=(64, 64), sampler="Euler")
        return picture(app, request.model_copy(update={"models": Models(checkpoint=f"{name}.safetensors")}))

    tensor = by("by-tensor")
    assert same(by("by-metadata"), tensor) and same(by("by-file"), tensor)
    assert not same(by("one"), tensor) and not same(by("zero-snr"), tensor)
    (folder / "by-file.yaml").unlink()  # noticed although the model is still in memory
    assert same(by("by-file"), by("one"))


# --- pictures and previews


def test_a_picture_is_read_the_same_way_every_time(app: App, manager: Manager) -> None:
    """The mean, and not a draw, so that nothing random is used up either."""
    model = manager.get(Files(order_of(app, ask()).files["checkpoint"]), 1, lambda fraction: None)
    image = Image.fromarray(numpy.random.default_rng(0).integers(0, 256, (64, 128, 3), numpy.uint8))
    torch.manual_seed(5)
    state = torch.get_rng_state()
    first, second = to_latent(model, image), to_latent(model, image)
    assert torch.equal(first, second) and torch.equal(torch.get_rng_state(), state)
    assert first.shape == (1, 4, 8, 16) and first.dtype == torch.float32
    assert to_pixels(model, first).shape == (64, 128, 3)


def test_previews_by_the_vae_are_pictures_and_change_nothing(app: App, manager: Manager) -> None:
    request = ask(size=(1024, 64), sampler="Euler", steps=2)
    sizes = {}
    for kind in ("Full", "Approx cheap"):
        said = progress(events_of(manager, order_of(app, request, show_progress_type=kind)))
        previews = [event.preview for event in said if event.preview]
        assert len(previews) == 2
        sizes[kind] = Image.open(io.BytesIO(base64.b64decode(previews[-1]))).size
    assert sizes == {"Full": (512, 32), "Approx cheap": (128, 8)}
    full, none = (
        picture(app, ask(), **changes) for changes in ({"show_progress_type": "Full"}, {"live_previews_enable": False})
    )
    assert same(full, none)


def test_numbers_that_are_none_fail_with_the_models_name(app: App, home: Path, manager: Manager) -> None:
    broken = {key: tensor.half() for key, tensor in tiny.tensors(seed=0).items()}
    broken["model.diffusion_model.out.2.bias"][:] = float("nan")
    file = home / "models/Stable-diffusion/nan.safetensors"
    save_file(broken, file)
    os.utime(file, (1e9, 1e9))
    app.refresh()
    request = ask(size=(64, 64)).model_copy(update={"models": Models(checkpoint="nan.safetensors")})
    last = events_of(manager, order_of(app, request, show_progress_type="Full"))[-1]
    assert isinstance(last, Failed) and last.message.code == "model_nan"
    assert last.message.params["name"] == "nan.safetensors"
