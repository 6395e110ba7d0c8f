"""What every field of sd-webui's txt2img asks for."""

from __future__ import annotations

import base64
import hashlib
import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from starlette.testclient import TestClient

from tests.api.test_txt2img import info_of, post, request_of
from webui.api import a1111
from webui.api.body import PLACES, Txt2ImgBody
from webui.api.info import extra
from webui.app import App
from webui.jobs.store import Image as Picture
from webui.prompt.styles import Style
from webui.request import Hires, Txt2Img
from webui.settings import Settings


def at(request: Txt2Img, place: str) -> Any:
    value: Any = request
    for part in place.split("."):
        value = getattr(value, part)
    return value


@pytest.fixture
def other(app: App) -> str:
    """A second checkpoint."""
    folder = app.paths.home / "models" / "Stable-diffusion"
    (folder / "other.safetensors").symlink_to((folder / "tiny.safetensors").resolve())
    app.refresh()
    return "other.safetensors"


def test_every_place_is_one_of_the_request() -> None:
    """A renamed field of ours would otherwise be noticed by nobody."""
    request = Txt2Img(hires=Hires(), refiner={"checkpoint": "x"})  # type: ignore[arg-type]
    for name, place in PLACES.items():
        if name not in ("enable_hr", "force_task_id"):
            at(request, place)
            assert name in Txt2ImgBody.model_fields or name.removeprefix(a1111.OVERRIDE) in Settings.model_fields


# --- fields that stand alone


@pytest.mark.parametrize(
    ("body", "place", "value"),
    [
        ({"subseed": 7, "subseed_strength": 0.5}, "seeds.subseed", 7),
        ({"subseed": 7, "subseed_strength": 0.5}, "seeds.subseed_strength", 0.5),
        ({"seed_resize_from_w": 128, "seed_resize_from_h": 64}, "seeds.resize_width", 128),
        ({"seed_resize_from_w": 128, "seed_resize_from_h": 64}, "seeds.resize_height", 64),
        ({"seed_resize_from_w": -1, "seed_resize_from_h": None}, "seeds.resize_height", 0),
        ({"tiling": True}, "size.tiling", True),
        ({"tiling": "false"}, "size.tiling", False),
        ({"s_min_uncond": "1.5"}, "sampling.s_min_uncond", 1.5),
        ({"refiner_checkpoint": "None", "refiner_switch_at": 7}, "refiner", None),
        ({"refiner_checkpoint": "", "refiner_switch_at": 0.5}, "refiner", None),
        ({"hr_scale": 3, "hr_resize_x": -5, "hr_sampler_name": "nobody's"}, "hires", None),  # it is off
        ({"override_settings": {"eta_noise_seed_delta": 31337}}, "seeds.eta_noise_seed_delta", 31337),
        ({"override_settings": {"tiling": True}}, "size.tiling", True),
        ({"override_settings": {"tiling": True}, "tiling": False}, "size.tiling", False),
        ({"override_settings": {"s_churn": 3}}, "sampling.s_churn", 3),
        ({"override_settings": {"s_churn": 3}, "s_churn": 0}, "sampling.s_churn", 0),
        ({"override_settings": {"s_tmax": 3}}, "sampling.s_tmax", 3),
        ({"override_settings": {"s_tmax": 3}, "s_tmax": 0}, "sampling.s_tmax", None),
    ],
)
def test_a_field_reaches_the_request(
    app: App, client: TestClient, body: dict[str, Any], place: str, value: object
) -> None:
    assert at(request_of(app, info_of(client, **body)), place) == value


@pytest.mark.parametrize("name", sorted(a1111.FROM_SETTINGS))
def test_the_setting_holds_where_a_field_is_silent(app: App, client: TestClient, name: str) -> None:
    setting = True if name == "tiling" else 1.01
    app.settings.change({name: setting})
    assert at(request_of(app, info_of(client)), PLACES[name]) == setting
    assert at(request_of(app, info_of(client, **{name: None})), PLACES[name]) == setting
    assert at(request_of(app, info_of(client, **{name: 0})), PLACES[name]) in (0, False, None)


def test_every_setting_may_be_overridden(app: App, client: TestClient) -> None:
    """By the name under which GET /options has it, for one job."""
    before = app.settings.now
    wanted = {"eta_ancestral": 0.5, "rho": 3, "sd_noise_schedule": "Zero Terminal SNR", "uni_pc_order": 2,
              "pad_cond_uncond": True, "prompt_syntax": "sd-webui", "skip_early_cond": 0.1}  # fmt: skip
    info = info_of(client, override_settings=wanted)
    job = app.snapshot(info["job_id"]).job
    assert {name: getattr(job.settings, name) for name in wanted} == wanted
    assert info["ignored"] == []
    whole = client.get("/sdapi/v1/options").json()
    assert info_of(client, override_settings=whole)["ignored"] == ["override_settings.sd_checkpoint_hash"]
    assert app.settings.now == before


def test_variations_share_their_seed(client: TestClient) -> None:
    info = info_of(client, subseed=100, subseed_strength=0.25, n_iter=2)
    assert (info["all_seeds"], info["all_subseeds"]) == ([5, 5], [100, 101])
    assert (info["seed"], info["subseed"], info["subseed_strength"]) == (5, 100, 0.25)


def test_info_tells_what_is_off_as_sd_webui_does(client: TestClient) -> None:
    info = info_of(client)
    assert (info["seed_resize_from_w"], info["seed_resize_from_h"]) == (-1, -1)
    assert (info["denoising_strength"], info["styles"], info["subseed_strength"]) == (None, [], 0)
    info = info_of(client, seed_resize_from_w=128, seed_resize_from_h=64)
    assert (info["seed_resize_from_w"], info["seed_resize_from_h"]) == (128, 64)


def test_styles_are_applied_to_what_was_asked(app: App, client: TestClient) -> None:
    app.styles.save(Style("night", "{prompt} at night", "sun"))
    app.styles.save(Style("oil", "oil painting"))
    info = info_of(client, prompt="a boat", negative_prompt="fog", styles=["night", "oil"])
    assert (info["prompt"], info["all_prompts"]) == ("a boat at night, oil painting", ["a boat at night, oil painting"])
    assert (info["negative_prompt"], info["styles"]) == ("fog, sun", ["night", "oil"])
    assert post(client, prompt="a boat", styles=["night"])["parameters"]["prompt"] == "a boat"


def test_the_refiner(app: App, client: TestClient, other: str) -> None:
    refiner = request_of(app, info_of(client, refiner_checkpoint="other", refiner_switch_at=0.4)).refiner
    assert refiner
    assert (refiner.checkpoint, refiner.switch_at) == (other, 0.4)
    refiner = request_of(app, info_of(client, refiner_checkpoint=other)).refiner
    assert refiner
    assert refiner.switch_at == 0.8


# --- the second pass


def hires_of(app: App, client: TestClient, **body: Any) -> Hires:
    hires = request_of(app, info_of(client, enable_hr=True, **body)).hires
    assert hires
    return hires


def test_a_second_pass_has_sd_webuis_defaults(app: App, client: TestClient) -> None:
    assert hires_of(app, client) == Hires(upscaler="Latent", scale=2.0, denoising=0.75)


@pytest.mark.parametrize(
    ("body", "name", "value"),
    [
        ({"denoising_strength": 0}, "denoising", 0),
        ({"hr_scale": 1.5}, "scale", 1.5),
        ({"hr_scale": None}, "scale", 2.0),
        ({"hr_upscaler": "Lanczos"}, "upscaler", "Lanczos"),
        ({"hr_upscaler": "Latent (bicubic)"}, "upscaler", "Latent (bicubic)"),
        ({"hr_upscaler": None}, "upscaler", "Latent"),
        ({"hr_second_pass_steps": 7}, "steps", 7),
        ({"hr_resize_x": 128, "hr_resize_y": None}, "width", 128),
        ({"hr_resize_y": 96}, "height", 96),
        ({"hr_checkpoint_name": "Use same checkpoint"}, "checkpoint", ""),
        ({"hr_sampler_name": "Use same sampler"}, "sampler", ""),
        ({"hr_sampler_name": "k_euler_a"}, "sampler", "Euler a"),
        ({"hr_sampler_name": "DPM++ 2M Karras"}, "sampler", "DPM++ 2M"),
        ({"hr_sampler_name": "DPM++ 2M Karras"}, "scheduler", "karras"),
        ({"hr_scheduler": "Use same scheduler"}, "scheduler", ""),
        ({"hr_scheduler": "Exponential"}, "scheduler", "exponential"),
        ({"hr_prompt": "a ship"}, "prompt", "a ship"),
        ({"hr_negative_prompt": "storm"}, "negative", "storm"),
        ({"hr_prompt": None}, "prompt", ""),
        ({"hr_cfg": 3.5}, "cfg_scale", 3.5),
    ],
)
def test_a_field_of_the_second_pass(
    app: App, client: TestClient, body: dict[str, Any], name: str, value: object
) -> None:
    assert getattr(hires_of(app, client, **body), name) == value


def test_a_second_pass_with_another_checkpoint(app: App, client: TestClient, other: str) -> None:
    assert hires_of(app, client, hr_checkpoint_name="other").checkpoint == other


def png(size: tuple[int, int] = (64, 64)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, "teal").save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize("prefix", ["", "data:image/png;base64,", " \n"])
def test_a_second_pass_over_a_given_picture(app: App, client: TestClient, prefix: str) -> None:
    picture = png()
    sent = prefix + base64.encodebytes(picture).decode()  # with line breaks
    reply = post(client, enable_hr=True, firstpass_image=sent)
    info = json.loads(reply["info"])
    hires = request_of(app, info).hires
    assert hires
    assert hires.source == hashlib.sha256(picture).hexdigest()
    assert app.blobs.path(hires.source).read_bytes() == picture
    assert "firstpass_image" not in reply["parameters"]
    assert info["ignored"] == []


def test_what_is_left_aside_is_said(client: TestClient) -> None:
    picture = base64.b64encode(png()).decode()
    info = info_of(client, firstpass_image=picture, firstphase_width=256, comments={"a": "b"}, zzz=1)
    assert info["ignored"] == ["firstpass_image", "firstphase_width", "zzz"]


# --- a generation text as a request

TEXT = """a lighthouse, (storm:1.2)
Negative prompt: people
Steps: 7, Sampler: Euler a, Schedule type: Karras, CFG scale: 4.5, Seed: 99, Size: 128x64, Denoising strength: 0.4, \
Clip skip: 2, Hires upscale: 1.5, Hires steps: 3, Hires upscaler: Lanczos, Version: v1.10.1"""


def test_an_infotext_fills_what_is_not_given(app: App, client: TestClient) -> None:
    reply = client.post("/sdapi/v1/txt2img", json={"infotext": TEXT, "seed": 5, "negative_prompt": ""})
    assert reply.status_code == 200, reply.text
    job = app.snapshot(json.loads(reply.json()["info"])["job_id"]).job
    request, settings = job.request, job.settings
    assert (request.prompts.prompt, request.prompts.negative) == ("a lighthouse, (storm:1.2)", "")
    assert (request.sampling.steps, request.sampling.sampler, request.sampling.scheduler) == (7, "Euler a", "karras")
    assert (request.sampling.cfg_scale, request.seeds.seed) == (4.5, 5)
    assert (request.size.width, request.size.height, request.models.clip_skip) == (128, 64, 2)
    assert request.hires == Hires(upscaler="Lanczos", scale=1.5, steps=3, denoising=0.4)
    assert settings.prompt_syntax == "sd-webui"
    assert app.settings.now.prompt_syntax == "atelier"


def test_overrides_go_before_the_infotext(app: App, client: TestClient) -> None:
    overrides = {"CLIP_stop_at_last_layers": 3, "prompt_syntax": "atelier"}
    job_id = info_of(client, infotext=TEXT, override_settings=overrides)["job_id"]
    job = app.snapshot(job_id).job
    assert (job.request.models.clip_skip, job.settings.prompt_syntax) == (3, "atelier")


def test_what_an_infotext_asks_for_and_is_not_here_is_said(client: TestClient) -> None:
    info = info_of(client, infotext=TEXT.replace("Lanczos", "4x-UltraSharp"))
    assert [note for note in info["notes"] if "4x-UltraSharp" in note]


@pytest.mark.parametrize("text", ["only a prompt", "Steps: many, Sampler: Nobody, Seed: x, Size: 0x0", "\n" * 1000])
def test_any_infotext_can_be_read(client: TestClient, text: str) -> None:
    info_of(client, infotext=text)


def a_picture(text: str) -> Picture:
    return Picture("job", 0, Path("x.png"), None, "", 5, 64, 64, text, partial=False)


def test_extra_generation_params_are_what_the_text_has() -> None:
    line = 'Steps: 2, Hires prompt: "a, b", Hires resize: 64x64, Eta: 0.5, NGMS all steps: True, RNG: NV, Version: x'
    image = a_picture(f"boat\nNegative prompt: fog\n{line}")
    assert extra([image]) == {
        "Hires prompt": "a, b",
        "Hires resize": "64x64",
        "Eta": 0.5,
        "NGMS all steps": True,
    }
    assert extra([]) == {}
