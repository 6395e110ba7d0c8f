"""What the page's scripts ask: over HTTP, as a browser with its two cookies."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from webui import api
from webui.api.guard import Guard
from webui.app import App
from webui.options import Options
from webui.prompt.styles import Style
from webui.settings import Settings
from webui.ui import routes
from webui.ui.page import mount
from webui.ui.reader import Reader

VALUES = {"prompts.prompt": "a boat", "sampling.steps": 2, "size.width": 64, "size.height": 64, "seeds.seed": "5"}
COOKIES = {"atelier-client": "0123456789abcdef", "atelier-language": "zh-CN"}
ME = Reader("/0123456789abcdef", "zh-CN")


def browser(app: App, options: Options | None = None) -> TestClient:
    options = options or Options()
    server = Guard(mount(api.create(app, options), app, options), options)
    return TestClient(server, base_url="http://127.0.0.1:7860", cookies=COOKIES, raise_server_exceptions=False)


def test_the_form_becomes_a_job_of_this_browser(app: App) -> None:
    reply = browser(app).post("/page/jobs", json=VALUES)
    assert reply.status_code == 202
    job = app.wait(reply.json()["id"]).job
    assert job.client == ME.client
    assert (job.state, job.request.prompts.prompt, job.shots[0].seed) == ("done", "a boat", 5)


@pytest.mark.parametrize(
    ("changes", "field", "detail"),
    [
        ({"size.width": 65}, "size.width", "宽度 应为 8 的倍数。"),
        ({"sampling.sampler": "Eule"}, "sampling.sampler", "没有名为“Eule”的采样方法。"),
        ({"models.checkpoint": "gone"}, "models.checkpoint", "没有名为“gone”的模型。"),
    ],
)
def test_a_wrong_value_is_answered_in_words(app: App, changes: dict[str, object], field: str, detail: str) -> None:
    headers = {"Accept-Language": "zh-CN"}
    reply = browser(app).post("/page/jobs", json=VALUES | changes, headers=headers)
    assert reply.status_code == 422
    assert (reply.json()["field"], reply.json()["detail"]) == (field, detail)


def test_settings_of_one_job_alone(app: App) -> None:
    overrides = {"CLIP_stop_at_last_layers": 2, "prompt_syntax": "sd-webui"}
    reply = browser(app).post("/page/jobs", json={**VALUES, "overrides": overrides})
    job = app.wait(reply.json()["id"]).job
    assert (job.request.models.clip_skip, job.settings.prompt_syntax) == (2, "sd-webui")
    assert app.settings.now.prompt_syntax == "atelier"


@pytest.mark.parametrize("overrides", [{"no_such": 1}, {"CLIP_stop_at_last_layers": 99}, ["x"], "x", 5])
def test_wrong_settings_of_a_job_are_refused(app: App, overrides: object) -> None:
    reply = browser(app).post("/page/jobs", json={**VALUES, "overrides": overrides})
    assert reply.status_code == 422
    assert reply.json()["detail"]


def test_a_picture_is_enlarged_as_the_form_says(app: App) -> None:
    client = browser(app)
    first = app.wait(client.post("/page/jobs", json=VALUES).json()["id"]).job
    asked = {"job": first.id, "index": 0, "values": {**VALUES, "hires.scale": 1.5, "hires.upscaler": "Lanczos"}}
    reply = client.post("/page/enlarge", json=asked)
    assert reply.status_code == 202
    job = app.wait(reply.json()["id"]).job
    assert job.client == ME.client
    assert job.request.hires and (job.request.hires.scale, job.request.hires.upscaler) == (1.5, "Lanczos")
    assert job.request.hires.source
    assert job.shots[0].seed == first.shots[0].seed


@pytest.mark.parametrize(
    ("changes", "status", "field"),
    [({"index": 7}, 404, None), ({"job": "nobody"}, 404, None), ({"values": {"hires.scale": 9}}, 422, "hires.scale")],
)
def test_enlarging_what_is_not_there_is_refused(
    app: App, changes: dict[str, object], status: int, field: str | None
) -> None:
    client = browser(app)
    job = client.post("/page/jobs", json=VALUES).json()["id"]
    app.wait(job)
    reply = client.post("/page/enlarge", json={"job": job, "index": 0, "values": VALUES} | changes)
    assert (reply.status_code, reply.json().get("field")) == (status, field)


def test_styles_are_saved_applied_and_deleted(app: App) -> None:
    client = browser(app)
    oil = {"name": "Oil", "prompt": "{prompt}, oil painting", "negative": "photo"}
    assert client.post("/page/styles", json=oil).json() == [oil]
    ink = {"name": "墨", "prompt": "ink", "negative": ""}
    client.post("/page/styles", json=ink)
    assert client.get("/page/styles").json() == [oil, ink]
    asked = {"names": ["Oil", "墨"], "prompt": "a boat", "negative": "text"}
    applied = client.post("/page/styles/apply", json=asked).json()
    assert applied == {"prompt": "a boat, oil painting, ink", "negative": "text, photo"}
    assert client.post("/page/styles/delete", json=oil).json() == [ink]
    assert client.post("/page/styles/apply", json=asked).status_code == 422
    assert client.post("/page/styles", json={"name": " "}).json()["field"] == "name"


def test_a_job_has_the_styles_that_were_chosen(app: App) -> None:
    client = browser(app)
    client.post("/page/styles", json={"name": "Oil", "prompt": "oil painting"})
    reply = client.post("/page/jobs", json={**VALUES, "prompts.styles": ["Oil"]})
    assert app.wait(reply.json()["id"]).job.shots[0].prompt == "a boat, oil painting"


def test_commands_are_about_one_job(app: App) -> None:
    client = browser(app)
    job = app.submit(routes.form.read(VALUES, app.settings.now))
    app.wait(job.id)
    for command in ("now", "after_image", "skip"):
        assert client.post(f"/page/jobs/{job.id}/{command}", json={}).json() == {"told": False}
    assert client.post("/page/jobs/nobody/now", json={}).status_code == 404
    assert client.post(f"/page/jobs/{job.id}/explode", json={}).status_code == 422


def test_tokens_are_those_of_the_text_that_will_be_read(app: App) -> None:
    client = browser(app)
    texts = {"prompts.prompt": "a red boat", "prompts.negative": "word " * 80}
    assert client.post("/page/tokens", json={"texts": texts}).json() == {
        "prompts.prompt": [3, 75],
        "prompts.negative": [80, 150],
    }
    app.styles.save(Style("oil", "{prompt} in oil", "photo"))
    styled = client.post("/page/tokens", json={"texts": texts, "styles": ["oil", "gone"]}).json()
    assert styled == {"prompts.prompt": [5, 75], "prompts.negative": [82, 150]}  # a comma, and the word
    weight = {"texts": {"prompts.prompt": "boat :30"}}
    assert client.post("/page/tokens", json=weight).json() == {"prompts.prompt": [4, 75]}
    exact = client.post("/page/tokens", json={**weight, "overrides": {"prompt_syntax": "sd-webui"}}).json()
    assert exact == {"prompts.prompt": [1, 75]}
    assert client.post("/page/tokens", json={"texts": {"a": "x" * 20_001}}).status_code == 422


def test_settings_are_changed_or_refused_by_their_label(app: App) -> None:
    client = browser(app)
    assert client.post("/page/settings", json={"keep_unsaved_days": 9}).status_code == 200
    assert app.settings.now.keep_unsaved_days == 9
    reply = client.post("/page/settings", json={"keep_unsaved_days": 0}, headers={"Accept-Language": "zh-CN"})
    assert (reply.status_code, reply.json()["field"]) == (422, "keep_unsaved_days")
    assert "未保存图片的保留天数" in reply.json()["detail"]
    assert app.settings.now.keep_unsaved_days == 9


def test_the_stream_sends_what_has_changed_and_nothing_else(app: App) -> None:
    async def listen() -> tuple[dict[str, object], dict[str, object]]:
        events = routes.changes(app, ME)
        first = await anext(events)
        await asyncio.to_thread(lambda: app.wait(app.submit(routes.form.read(VALUES, app.settings.now), ME.client).id))
        second = await anext(events)
        await events.aclose()  # type: ignore[attr-defined]
        return json.loads(first.removeprefix("data: ")), json.loads(second.removeprefix("data: "))

    first, second = asyncio.run(listen())
    keys = routes.live.keys(app.settings.now)
    assert first == {"queue": "就绪", "busy": False, "keys": keys, **routes.live.EMPTY}
    assert "queue" not in second
    assert len(second["pictures"]) == 1  # type: ignore[arg-type]


def test_how_often_the_stream_looks_is_a_setting() -> None:
    pauses = [routes.pause_between(Settings(live_preview_refresh_period=ms), busy=True) for ms in (50, 100, 5000)]
    assert pauses == [0.05, 0.1, 5.0]
    assert routes.pause_between(Settings(live_preview_refresh_period=5000), busy=False) == routes.IDLE_SECONDS


def test_our_scripts_come_first_and_nothing_foreign_is_named(app: App) -> None:
    html = browser(app, Options(language="zh-CN", theme="dark")).get("/").text
    start = html.index('<script>const START = {"languages": ["en", "zh-CN"], "language": "zh-CN", "theme": "dark"}')
    assert start < html.index("window.gradio_config")
    assert "githubusercontent" not in html
    assert "og:image" not in html


def test_hostile_file_names_cannot_leave_the_page_s_data(app: App, tiny_checkpoint: Path) -> None:
    folder = app.paths.home / "models" / "Stable-diffusion" / "<"
    folder.mkdir()
    (folder / "script><img src=x onerror=alert(1)>.safetensors").symlink_to(tiny_checkpoint)  # "</script>…"
    app.refresh()
    html = browser(app).get("/").text
    assert "onerror" in html  # it is in the list
    assert "</script><img" not in html
    assert "<img src=x" not in html


@pytest.mark.parametrize("cookie", ["", "../../x", "A" * 300, "0123'; DROP TABLE jobs"])
def test_an_odd_browser_id_is_not_taken(app: App, cookie: str) -> None:
    client = browser(app)
    client.cookies.clear()
    reply = client.post("/page/jobs", json=VALUES, headers={"Cookie": f"atelier-client={cookie}"})
    assert app.snapshot(reply.json()["id"]).job.client == "/page"


def test_people_with_passwords_have_jobs_of_their_own(app: App) -> None:
    client = browser(app, Options(users=(("ann", "secret"),)))
    assert client.post("/page/jobs", json=VALUES).status_code == 401
    reply = client.post("/page/jobs", json=VALUES, auth=("ann", "secret"))
    assert app.snapshot(reply.json()["id"]).job.client == "ann/0123456789abcdef"
