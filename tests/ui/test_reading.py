"""What the page asks when a text is read, or a picture dropped."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable, Mapping

import pytest
from PIL import Image
from starlette.testclient import TestClient

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


@pytest.mark.parametrize(("version", "ours"), [("atelier-0.1.0", True), ("v1.10.1", False)])
def test_whose_picture_it_is(app: App, version: str, ours: bool) -> None:
    text = f"a boat\nSteps: 2, Sampler: Euler, Seed: 7, Version: {version}"
    assert browser(app).post("/page/read-image", json={"image": png(parameters=text)}).json()["ours"] is ours


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


# --- made again


def outcome(client: TestClient, app: App, asked: Mapping[str, object]) -> dict[str, object]:
    reply = client.post("/page/remake", json=asked)
    assert reply.status_code == 202, reply.text
    app.wait(reply.json()["id"])
    return client.get(f"/page/remake/{reply.json()['id']}").json()


def test_a_picture_is_made_again(app: App) -> None:
    """By its place on the page, or from its file; both jobs are this browser's."""
    client = browser(app)
    job = client.post("/page/jobs", json=VALUES).json()["id"]
    data = app.wait(job).images[0].path.read_bytes()
    for asked in ({"job": job, "index": 0}, {"image": base64.b64encode(data).decode()}):
        found = outcome(client, app, asked)
        assert (found["state"], found["equal"]) == ("done", True)
        assert found["lines"] == [{"text": texts("zh-CN")["remake.equal"], "hint": ""}]
    latest = app.store.latest("/0123456789abcdef", 2)
    assert [each.request.keep.save for each in latest] == [False, False]


def test_why_a_picture_is_another_one(app: App) -> None:
    client = browser(app)
    job = client.post("/page/jobs", json=VALUES).json()["id"]
    path = app.wait(job).images[0].path
    Image.open(path).transpose(Image.Transpose.ROTATE_90).point(lambda value: 255 - value).save(path)  # loses its texts
    found = outcome(client, app, {"job": job, "index": 0})
    assert found["equal"] is False
    assert len(found["lines"]) > 1  # type: ignore[arg-type]


def test_a_picture_that_is_still_being_made_again(make_app: Callable[[float], App]) -> None:
    app = make_app(0.3)
    client = browser(app)
    job = client.post("/page/jobs", json=VALUES).json()["id"]
    app.wait(job)
    id = client.post("/page/remake", json={"job": job, "index": 0}).json()["id"]
    found = client.get(f"/page/remake/{id}").json()
    assert (found["state"] in ("queued", "running"), found["equal"], found["lines"]) == (True, None, [])
    app.queue.interrupt(id)
    app.wait(id)
    stopped = client.get(f"/page/remake/{id}").json()
    assert (stopped["state"], stopped["equal"], len(stopped["lines"])) == ("cancelled", None, 1)


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"job": "nobody", "index": 0}, 404),
        ({"job": "../../etc", "index": -1}, 404),
        ({"image": ""}, 422),
        ({"image": png()}, 422),
        ({}, 422),
        ({"job": 5}, 422),
    ],
)
def test_what_cannot_be_made_again_is_refused_in_words(app: App, asked: dict[str, object], status: int) -> None:
    reply = browser(app).post("/page/remake", json=asked)
    assert (reply.status_code, bool(reply.json()["detail"])) == (status, True)


def test_jobs_that_make_nothing_again_have_no_verdict(app: App) -> None:
    client = browser(app)
    job = client.post("/page/jobs", json=VALUES).json()["id"]
    app.wait(job)
    for id in (job, "nobody"):
        assert client.get(f"/page/remake/{id}").status_code == 404
