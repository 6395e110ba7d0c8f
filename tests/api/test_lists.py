"""What sd-webui's clients ask for before they generate: lists, settings, what a picture says."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, PngImagePlugin
from starlette.testclient import TestClient

from tests.api.conftest import client_of, guarded
from tests.api.test_hostile import check_shape
from tests.api.test_txt2img import post
from webui.api.body import Txt2ImgBody
from webui.app import App
from webui.prompt.styles import Style
from webui.settings import Settings
from webui.upscalers import latent_modes, upscalers


def listed(client: TestClient, name: str) -> Any:
    reply = client.get(f"/sdapi/v1/{name}")
    assert reply.status_code == 200, reply.text
    return reply.json()


# --- samplers and schedulers: the values are sd-webui 1.10.1's

KARRAS, EXPONENTIAL = {"scheduler": "karras"}, {"scheduler": "exponential"}
SECOND, ENSD, BROWNIAN = {"second_order": "True"}, {"uses_ensd": "True"}, {"brownian_noise": "True"}
DISCARD = {"discard_next_to_last_sigma": "True"}
SAMPLERS: dict[str, tuple[list[str], dict[str, str]]] = {
    "DPM++ 2M": (["k_dpmpp_2m"], KARRAS),
    "DPM++ SDE": (["k_dpmpp_sde"], KARRAS | SECOND | BROWNIAN),
    "DPM++ 2M SDE": (["k_dpmpp_2m_sde"], EXPONENTIAL | BROWNIAN),
    "DPM++ 2M SDE Heun": (["k_dpmpp_2m_sde_heun"], EXPONENTIAL | BROWNIAN | {"solver_type": "heun"}),
    "DPM++ 2S a": (["k_dpmpp_2s_a"], KARRAS | ENSD | SECOND),
    "DPM++ 3M SDE": (["k_dpmpp_3m_sde"], EXPONENTIAL | DISCARD | BROWNIAN),
    "Euler a": (["k_euler_a", "k_euler_ancestral"], ENSD),
    "Euler": (["k_euler"], {}),
    "LMS": (["k_lms"], {}),
    "Heun": (["k_heun"], SECOND),
    "DPM2": (["k_dpm_2"], KARRAS | DISCARD | SECOND),
    "DPM2 a": (["k_dpm_2_a"], KARRAS | DISCARD | ENSD | SECOND),
    "DPM fast": (["k_dpm_fast"], ENSD),
    "DPM adaptive": (["k_dpm_ad"], ENSD),
    "Restart": (["restart"], KARRAS | SECOND),
    "DDIM": (["ddim"], {}),
    "DDIM CFG++": (["ddim_cfgpp"], {}),
    "PLMS": (["plms"], {}),
    "UniPC": (["unipc"], {}),
    "LCM": (["k_lcm"], {}),
}
SCHEDULERS = {
    "automatic": ("Automatic", None, -1, False),
    "uniform": ("Uniform", None, -1, True),
    "karras": ("Karras", None, 7, False),
    "exponential": ("Exponential", None, -1, False),
    "polyexponential": ("Polyexponential", None, 1, False),
    "sgm_uniform": ("SGM Uniform", ["SGMUniform"], -1, True),
    "kl_optimal": ("KL Optimal", None, -1, False),
    "align_your_steps": ("Align Your Steps", None, -1, False),
    "simple": ("Simple", None, -1, True),
    "normal": ("Normal", None, -1, True),
    "ddim": ("DDIM", None, -1, True),
    "beta": ("Beta", None, -1, True),
}


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_sampler_is_listed_as_sd_webui_lists_it(client: TestClient, name: str) -> None:
    found = {each["name"]: each for each in listed(client, "samplers")}
    aliases, options = SAMPLERS[name]
    assert found[name] == {"name": name, "aliases": aliases, "options": options}


@pytest.mark.parametrize("name", SCHEDULERS)
def test_a_scheduler_is_listed_as_sd_webui_lists_it(client: TestClient, name: str) -> None:
    found = {each["name"]: each for each in listed(client, "schedulers")}
    keys = ("label", "aliases", "default_rho", "need_inner_model")
    assert found[name] == {"name": name} | dict(zip(keys, SCHEDULERS[name], strict=True))


def test_the_lists_have_sd_webuis_order(client: TestClient) -> None:
    for name, known in (("samplers", SAMPLERS), ("schedulers", SCHEDULERS)):
        theirs = [each["name"] for each in listed(client, name) if each["name"] in known]
        assert theirs == [each for each in known if each in theirs]


# --- the other lists


def test_upscalers_are_those_of_the_second_pass(client: TestClient) -> None:
    found = listed(client, "upscalers")
    assert [each["name"] for each in found] == list(upscalers())
    assert [each["name"] for each in found][:3] == ["None", "Lanczos", "Nearest"]
    assert {tuple(each) for each in found} == {("name", "model_name", "model_path", "model_url", "scale")}
    assert listed(client, "latent-upscale-modes") == [{"name": name} for name in latent_modes()]


def test_whatever_is_listed_may_be_asked_for(app: App, client: TestClient) -> None:
    for name in ("upscalers", "latent-upscale-modes"):
        for each in listed(client, name):
            post(client, steps=1, enable_hr=True, hr_upscaler=each["name"])


def test_styles(app: App, client: TestClient) -> None:
    assert listed(client, "prompt-styles") == []
    app.styles.save(Style("夜", "{prompt} at night", "sun"))
    assert listed(client, "prompt-styles") == [{"name": "夜", "prompt": "{prompt} at night", "negative_prompt": "sun"}]


@pytest.mark.parametrize(
    ("name", "empty"),
    [
        ("loras", []),
        ("hypernetworks", []),
        ("face-restorers", []),
        ("realesrgan-models", []),
        ("script-info", []),
        ("extensions", []),
        ("scripts", {"txt2img": [], "img2img": []}),
        ("embeddings", {"loaded": {}, "skipped": {}}),
    ],
)
def test_what_there_is_none_of(client: TestClient, name: str, empty: object) -> None:
    assert listed(client, name) == empty


# --- settings


def test_options_are_all_settings_under_sd_webuis_names(client: TestClient) -> None:
    found = listed(client, "options")
    assert found.keys() >= Settings.model_fields.keys()
    assert found["sd_model_checkpoint"].startswith("tiny.safetensors")
    assert found["quicksettings_list"] == []


def test_a_whole_answer_can_be_sent_back(app: App, client: TestClient) -> None:
    before = app.settings.now
    whole = listed(client, "options")
    assert client.post("/sdapi/v1/options", json=whole).text == "null"
    assert app.settings.now == before
    assert client.post("/sdapi/v1/options", json=whole | {"rho": 3}).text == "null"
    assert app.settings.now == before.model_copy(update={"rho": 3})


def test_a_newer_versions_setting_goes_round_too(home: Path, make_app: Callable[[float], App]) -> None:
    (home / "data" / "settings.json").write_text('{"from_the_future": [1]}', encoding="utf-8")
    app = make_app(0.0)
    client = client_of(guarded(app))
    whole = listed(client, "options")
    assert whole["from_the_future"] == [1]
    assert client.post("/sdapi/v1/options", json=whole).text == "null"
    assert client.post("/sdapi/v1/options", json={"from_the_future": [2]}).status_code == 422


def test_each_setting_can_be_set_to_what_it_is_by_default(app: App, client: TestClient) -> None:
    for name, value in Settings().model_dump(mode="json").items():
        if name != "sd_model_checkpoint":
            assert client.post("/sdapi/v1/options", json={name: value}).text == "null", name
    assert app.settings.now == Settings(sd_model_checkpoint="tiny.safetensors")


def test_an_unknown_setting_is_told_the_nearest(client: TestClient) -> None:
    reply = client.post("/sdapi/v1/options", json={"eta_ancestrl": 0.5}, headers={"Accept-Language": "zh-CN"})
    assert (reply.status_code, reply.json()["error"], reply.json()["field"]) == (422, "unknown_setting", "eta_ancestrl")
    assert "eta_ancestral" in reply.json()["hint"]
    reply = client.post("/sdapi/v1/options", json={"quicksettings_list": ["tillling"]})
    assert (reply.json()["field"], "tiling" in reply.json()["hint"]) == ("quicksettings_list", True)


# --- what a picture says

TEXT = "a boat\nNegative prompt: fog\nSteps: 20, Sampler: Euler, Seed: 5, Size: 64x32, Version: v1.10.1"


def encoded(picture: Image.Image, format: str = "PNG", **options: Any) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, format, **options)
    return base64.b64encode(buffer.getvalue()).decode()


def with_chunks(**chunks: str) -> str:
    info = PngImagePlugin.PngInfo()
    for key, value in chunks.items():
        info.add_text(key, value)
    return encoded(Image.new("RGB", (8, 8)), pnginfo=info)


def with_comment(format: str) -> str:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + TEXT.encode("utf-16-be")
    return encoded(Image.new("RGB", (8, 8)), format, exif=exif.tobytes())


def png_info(client: TestClient, image: str) -> dict[str, Any]:
    reply = client.post("/sdapi/v1/png-info", json={"image": image})
    assert reply.status_code == 200, reply.text
    return reply.json()


@pytest.mark.parametrize("prefix", ["", "data:image/png;base64,"])
def test_png_info(client: TestClient, prefix: str) -> None:
    found = png_info(client, prefix + with_chunks(parameters=TEXT, postprocessing="Postprocess upscale by: 2"))
    assert (found["info"], found["items"]) == (TEXT, {"postprocessing": "Postprocess upscale by: 2"})
    parameters = found["parameters"]
    assert (parameters["Prompt"], parameters["Negative prompt"]) == ("a boat", "fog")
    assert (parameters["Steps"], parameters["Size-1"], parameters["Size-2"]) == ("20", "64", "32")
    assert (parameters["Clip skip"], parameters["RNG"]) == ("1", "GPU")  # which the text does not say
    assert "Emphasis" not in parameters


def test_weights_mean_emphasis_as_sd_webui_adds_it(client: TestClient) -> None:
    weighted = TEXT.replace("a boat", "a (boat)")
    assert png_info(client, with_chunks(parameters=weighted))["parameters"]["Emphasis"] == "Original"
    told = weighted.replace("Seed", "Emphasis: No norm, Seed")
    assert png_info(client, with_chunks(parameters=told))["parameters"]["Emphasis"] == "No norm"


@pytest.mark.parametrize("format", ["JPEG", "WEBP", "AVIF"])
def test_png_info_of_other_files(client: TestClient, format: str) -> None:
    assert png_info(client, with_comment(format))["info"] == TEXT


def test_a_picture_without_a_text(client: TestClient) -> None:
    found = png_info(client, encoded(Image.new("RGB", (8, 8))))
    assert (found["info"], found["items"], found["parameters"]["Prompt"]) == ("", {}, "")


@pytest.mark.parametrize("image", ["", "!", "aGVsbG8=", "http://127.0.0.1:9/x.png", "/etc/passwd", "é" * 100])
def test_what_is_no_picture_is_refused(client: TestClient, image: str) -> None:
    reply = client.post("/sdapi/v1/png-info", json={"image": image})
    assert (reply.status_code, check_shape(reply.content)["field"]) == (422, "image")


# --- the schema that clients are made from


def test_every_route_is_in_the_schema_with_its_errors(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    assert {f"/sdapi/v1/{name}" for name in ("txt2img", "png-info", "options", "upscalers", "prompt-styles")} <= set(
        paths
    )
    for path, methods in paths.items():
        for method, route in methods.items():
            if "requestBody" in route or route.get("parameters"):
                schema = route["responses"]["422"]["content"]["application/json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/ErrorBody"}, (method, path)
    fields = client.get("/openapi.json").json()["components"]["schemas"]["Txt2ImgBody"]["properties"]
    assert fields.keys() == Txt2ImgBody.model_fields.keys()
