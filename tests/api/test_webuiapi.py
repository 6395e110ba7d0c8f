"""webuiapi, the client that most programs use, over a real connection."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import webuiapi
from PIL import Image

from tests.api.conftest import guarded, served
from tests.api.test_txt2img import drawn, request_of
from webui.app import App
from webui.prompt.styles import Style
from webui.request import Hires, Seeds

SMALL = {"steps": 1, "width": 64, "height": 64}


@pytest.fixture
def api(app: App) -> Iterator[webuiapi.WebUIApi]:
    with served(guarded(app)) as port:
        yield webuiapi.WebUIApi(port=port)


def test_a_second_pass(app: App, api: webuiapi.WebUIApi) -> None:
    """Every name of its list that is here; its own defaults otherwise."""
    known = {each["name"] for each in (*api.get_upscalers(), *api.get_latent_upscale_modes())}
    assert {"None", "Lanczos", "Nearest", "Latent", "Latent (nearest-exact)"} <= known
    for upscaler in webuiapi.HiResUpscaler:
        if upscaler.value in known:
            result = drawn(api, enable_hr=True, hr_upscaler=upscaler, **SMALL)
            assert request_of(app, result.info).hires == Hires(upscaler=upscaler.value, denoising=0.7)
            assert result.info["ignored"] == []


def test_a_variation_with_a_style(app: App, api: webuiapi.WebUIApi) -> None:
    app.styles.save(Style("night", "{prompt} at night"))
    assert api.get_prompt_styles() == [{"name": "night", "prompt": "{prompt} at night", "negative_prompt": ""}]
    result = drawn(
        api, prompt="a boat", styles=["night"], seed=5, subseed=9, subseed_strength=0.5, seed_resize_from_w=128,
        seed_resize_from_h=96, tiling=True, **SMALL
    )  # fmt: skip
    request = request_of(app, result.info)
    assert request.seeds == Seeds(seed=5, subseed=9, subseed_strength=0.5, resize_width=128, resize_height=96)
    assert request.size.tiling
    assert (result.info["prompt"], result.info["subseed"]) == ("a boat at night", 9)
    assert result.parameters["styles"] == ["night"]


def test_options_go_round(app: App, api: webuiapi.WebUIApi) -> None:
    options = api.get_options()
    options["eta_ancestral"] = 0.5
    options["quicksettings_list"] = ["tiling"]
    assert api.set_options(options) is None
    assert (app.settings.now.eta_ancestral, app.settings.now.quicksettings_list) == (0.5, ("tiling",))
    assert api.get_options() == options


def test_what_a_picture_says(api: webuiapi.WebUIApi) -> None:
    made = drawn(api, prompt="a boat", **SMALL)
    said = api.png_info(made.image)
    assert said.info == made.info["infotexts"][0]
    assert said.parameters["Prompt"] == "a boat"
    assert api.png_info(Image.new("RGB", (8, 8))).info == ""


def test_the_lists_can_be_asked_for(api: webuiapi.WebUIApi) -> None:
    assert (api.get_loras(), api.get_hypernetworks(), api.get_face_restorers()) == ([], [], [])
    assert (api.get_realesrgan_models(), api.get_embeddings()) == ([], {"loaded": {}, "skipped": {}})
    assert api.get_scripts() == {"txt2img": [], "img2img": []}
    assert not api.has_controlnet
