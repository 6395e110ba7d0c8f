"""What the page asks when a text is read, or a picture dropped."""

from __future__ import annotations

import base64
import io
import json

import pytest
from PIL import Image

from tests.foreign.test_programs import INVOKE_4
from tests.ui.test_routes import VALUES, browser
from webui.app import App
from webui.infotext import read_image
from webui.messages import texts

TEXT = (
    "a (red) boat\nNegative prompt: blur\nSteps: 7, Sampler: Euler a, CFG scale: 5, Seed: 9, Size: 64x128, Clip skip: 2"
)


def png(**texts: str) -> str:
    from PIL.PngImagePlugin import PngInfo

    info, file = PngInfo(), io.BytesIO()
    for key, text in texts.items():
        info.add_text(key, text)
    Image.new("RGB", (8, 8)).save(file, "PNG", pnginfo=info)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def test_a_text_fills_the_form(app: App) -> None:
    reply = browser(app).post("/page/read", json={"text": TEXT}).json()
    values = reply["values"]
    assert (values["prompts.prompt"], values["prompts.negative"]) == ("a (red) boat", "blur")
    assert (values["sampling.steps"], values["size.height"], values["seeds.seed"]) == (7, 128, 9)
    assert values["hires.enabled"] is False
    assert reply["settings"]["prompt_syntax"]["value"] == "sd-webui"
    words = texts("zh-CN")
    said = f"{words['setting.prompt_syntax']}: {words['setting.prompt_syntax.sd-webui']}"
    assert reply["settings"]["prompt_syntax"]["text"] == said
    assert reply["settings"]["CLIP_stop_at_last_layers"]["value"] == 2
    assert reply["settings"]["CLIP_stop_at_last_layers"]["path"] == "models.clip_skip"
    assert any("NVIDIA" in note["text"] for note in reply["notes"])


def test_large_seeds_go_as_text(app: App) -> None:
    reply = browser(app).post("/page/read", json={"text": TEXT.replace("Seed: 9", f"Seed: {2**63 - 1}")}).json()
    assert reply["values"]["seeds.seed"] == str(2**63 - 1)


def test_no_text_means_the_last_picture_s(app: App) -> None:
    client = browser(app)
    nothing = client.post("/page/read", json={"text": " "}).json()
    assert (nothing["values"], len(nothing["notes"])) == ({}, 1)
    app.wait(client.post("/page/jobs", json=VALUES).json()["id"])
    assert client.post("/page/read", json={"text": ""}).json()["values"]["prompts.prompt"] == "a boat"
    client.cookies.clear()
    assert client.post("/page/read", json={"text": ""}).json()["values"] == {}


def test_a_dropped_picture_fills_the_form(app: App) -> None:
    reply = browser(app).post("/page/read-image", json={"image": png(parameters=TEXT)}).json()
    assert (reply["values"]["sampling.steps"], reply["text"]) == (7, TEXT)
    other = browser(app).post("/page/read-image", json={"image": png(invokeai_metadata=json.dumps(INVOKE_4))}).json()
    assert other["values"]["sampling.steps"] == 30
    assert other["text"] == ""


def test_our_own_picture_comes_back_as_it_was_asked_for(app: App) -> None:
    client = browser(app)
    snapshot = app.wait(client.post("/page/jobs", json=VALUES).json()["id"])
    data = snapshot.images[0].path.read_bytes()
    reply = client.post("/page/read-image", json={"image": base64.b64encode(data).decode()}).json()
    assert reply["text"] == read_image(data).text
    assert reply["values"]["seeds.seed"] == 5


@pytest.mark.parametrize(
    "image", ["", "data:image/png;base64,", "!!!", "data:image/png;base64,AAAA", "https://example.org/x.png"]
)
def test_what_is_no_picture_is_refused_in_words(app: App, image: str) -> None:
    reply = browser(app).post("/page/read-image", json={"image": image}, headers={"Accept-Language": "zh-CN"})
    assert reply.status_code == 422
    assert reply.json()["detail"]
    assert "Traceback" not in reply.text


def test_a_picture_without_a_text_says_so(app: App) -> None:
    reply = browser(app).post("/page/read-image", json={"image": png()}).json()
    assert (reply["values"], reply["settings"], len(reply["notes"])) == ({}, {}, 1)
