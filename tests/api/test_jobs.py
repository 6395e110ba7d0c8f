"""Following a job by its id: our own API, and sd-webui's progress, interrupt and skip."""

from __future__ import annotations

import base64
import io
import json
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from PIL import Image
from starlette.testclient import TestClient

from tests.api.conftest import SMALL, client_of, guarded
from webui.app import App
from webui.jobs.queue import Snapshot
from webui.jobs.store import ENDED

REQUEST = {"prompts": {"prompt": "a boat"}, "size": {"width": 64, "height": 64}, "seeds": {"seed": 5}}
LONG = {**REQUEST, "sampling": {"steps": 100}}


def submit(client: TestClient, request: dict[str, Any] = REQUEST, **query: str) -> str:
    reply = client.post("/api/v1/jobs", json=request, params=query)
    assert reply.status_code == 202, reply.text
    assert reply.headers["Location"] == reply.json()["url"]
    return reply.json()["id"]


def seen(app: App, job_id: str, what: Callable[[Snapshot], bool]) -> Snapshot:
    """The first state of the job in which ``what`` holds; fails if the job ends before."""
    while not what(snapshot := app.snapshot(job_id)):
        assert snapshot.job.state not in ENDED, "the job ended before"
        time.sleep(0.005)
    return snapshot


def is_stepping(snapshot: Snapshot) -> bool:
    return snapshot.progress is not None and snapshot.progress.step > 0


def test_a_job_from_order_to_picture(app: App, client: TestClient) -> None:
    job_id = submit(client)
    app.wait(job_id)
    job = client.get(f"/api/v1/jobs/{job_id}").json()
    assert (job["state"], job["fraction"], job["message"], job["notes"]) == ("done", 1.0, None, [])
    (picture,) = job["images"]
    assert (picture["seed"], picture["width"], picture["partial"]) == (5, 64, False)
    reply = client.get(picture["url"])
    assert (reply.status_code, reply.headers["Content-Type"]) == (200, "image/png")
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert "immutable" in reply.headers["Cache-Control"]
    assert Image.open(io.BytesIO(reply.content)).info["parameters"] == picture["infotext"]


def test_the_caller_may_choose_the_id(client: TestClient) -> None:
    assert submit(client, id="mine-1") == "mine-1"
    assert client.post("/api/v1/jobs", json=REQUEST, params={"id": "mine-1"}).json()["error"] == "job_id_taken"


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        ({"sampling": {"steps": 0}}, "sampling.steps"),
        ({"size": {"width": 65}}, "size.width"),
        ({"sampling": {"sampler": "Eular"}}, "sampling.sampler"),
        ({"models": {"checkpoint": "nope"}}, "models.checkpoint"),
        ({"surprise": 1}, "surprise"),
        ({"seeds": {"rng": "TPU"}}, "seeds.rng"),
        ([], "body"),
    ],
)
def test_wrong_requests_name_the_field(client: TestClient, request_: Any, field: str) -> None:
    reply = client.post("/api/v1/jobs", json=request_)
    assert (reply.status_code, reply.json()["field"]) == (422, field)


def test_failures_are_told_in_the_readers_language(app: App, client: TestClient) -> None:
    job_id = submit(client, {**REQUEST, "prompts": {"prompt": "fail"}})
    app.wait(job_id)
    message = client.get(f"/api/v1/jobs/{job_id}", headers={"Accept-Language": "zh-CN"}).json()["message"]
    assert (message["error"], message["detail"]) == ("out_of_memory", "内存不足以生成 1×1。")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/jobs/nope"),
        ("POST", "/api/v1/jobs/nope/interrupt"),
        ("POST", "/api/v1/jobs/nope/skip"),
        ("GET", "/api/v1/images/nope/0"),
        ("GET", "/sdapi/v1/progress?job_id=nope"),
        ("POST", "/sdapi/v1/interrupt?job_id=nope"),
        ("POST", "/sdapi/v1/skip?job_id=nope"),
    ],
)
def test_unknown_jobs_are_404(client: TestClient, method: str, path: str) -> None:
    reply = client.request(method, path)
    assert (reply.status_code, reply.json()["error"]) == (404, "unknown_job")


@pytest.mark.parametrize("index", ["1", "-1", "99999999999999999999", "x", "..%2f..%2fdata%2fjobs.sqlite3"])
def test_pictures_that_are_not_there(app: App, client: TestClient, index: str) -> None:
    job_id = submit(client)
    app.wait(job_id)
    assert client.get(f"/api/v1/images/{job_id}/{index}").status_code in (404, 422)


def test_a_picture_that_somebody_deleted(app: App, client: TestClient) -> None:
    job_id = submit(client)
    app.wait(job_id).images[0].path.unlink()
    reply = client.get(f"/api/v1/images/{job_id}/0")
    assert (reply.status_code, reply.json()["error"]) == (404, "image_gone")


def test_interrupting_stops_that_job_alone(slow_app: App) -> None:
    client = client_of(guarded(slow_app))
    first, second = submit(client, LONG), submit(client)
    seen(slow_app, first, is_stepping)
    assert client.post(f"/api/v1/jobs/{first}/interrupt").json() == {}
    assert [image.partial for image in slow_app.wait(first).images] == [True]
    assert slow_app.wait(second).job.state == "done"
    assert slow_app.snapshot(first).job.state == "cancelled"


def test_skipping_goes_on_to_the_next_picture(slow_app: App) -> None:
    client = client_of(guarded(slow_app))
    job_id = submit(client, {**LONG, "batch": {"count": 2}, "sampling": {"steps": 30}})
    seen(slow_app, job_id, is_stepping)
    client.post(f"/api/v1/jobs/{job_id}/skip")
    after = slow_app.wait(job_id)
    assert (after.job.state, [image.partial for image in after.images]) == ("done", [True, False])


def background(client: TestClient, **body: Any) -> Future[dict[str, Any]]:
    """txt2img as another client would call it at the same time."""
    pool = ThreadPoolExecutor(1)
    future = pool.submit(lambda: client.post("/sdapi/v1/txt2img", json=SMALL | body).json())
    pool.shutdown(wait=False)
    return future


def wait_for_job(app: App, job_id: str) -> None:
    """Until it has been submitted by another thread."""
    while app.store.job(job_id) is None:
        pass


def test_progress_says_which_job_and_how_far(slow_app: App) -> None:
    client = client_of(guarded(slow_app))
    reply = background(client, steps=100, n_iter=2, force_task_id="mine")
    wait_for_job(slow_app, "mine")
    waiting = submit(client)
    seen(slow_app, "mine", is_stepping)
    now = client.get("/sdapi/v1/progress").json()
    assert now["current_task"] == "mine"
    assert 0 < now["progress"] < 1
    assert (now["state"]["job_count"], now["state"]["job_no"], now["state"]["sampling_steps"]) == (2, 0, 100)
    assert base64.b64decode(now["current_image"])[:2] == b"\xff\xd8"  # JPEG
    assert client.get("/sdapi/v1/progress?skip_current_image=true").json()["current_image"] is None
    other = client.get(f"/sdapi/v1/progress?job_id={waiting}").json()
    assert (other["progress"], other["state"]["job_count"], other["current_task"]) == (0, 1, waiting)

    assert client.post("/sdapi/v1/interrupt").json() == {}  # the running one
    info = json.loads(reply.result()["info"])
    assert (info["job_id"], info["state"], len(info["infotexts"])) == ("mine", "cancelled", 1)
    ended = client.get("/sdapi/v1/progress?id_task=mine").json()
    assert (ended["state"]["interrupted"], ended["state"]["job_count"]) == (True, 0)


def test_interrupting_a_job_that_waits_answers_its_caller(slow_app: App) -> None:
    client = client_of(guarded(slow_app))
    first = submit(client, LONG)
    reply = background(client, force_task_id="mine")
    wait_for_job(slow_app, "mine")
    assert client.post("/sdapi/v1/interrupt", params={"job_id": "mine"}).json() == {}
    result = reply.result()
    assert (result["images"], json.loads(result["info"])["state"]) == ([], "cancelled")
    assert slow_app.snapshot(first).job.state != "cancelled"
    slow_app.queue.interrupt(first)


def test_idle_progress_lets_clients_go_on(client: TestClient) -> None:
    now = client.get("/sdapi/v1/progress").json()
    assert (now["progress"], now["state"]["job_count"], now["current_task"]) == (0.0, 0, None)
    assert set(now) >= {"progress", "eta_relative", "state", "current_image", "textinfo"}


def test_lists_have_sd_webuis_keys(client: TestClient) -> None:
    lists = {name: client.get(f"/sdapi/v1/{name}").json() for name in ("sd-models", "samplers", "schedulers", "sd-vae")}
    assert set(lists["sd-models"][0]) == {"title", "model_name", "hash", "sha256", "filename", "config"}
    assert set(lists["samplers"][0]) == {"name", "aliases", "options"}
    karras = next(each for each in lists["schedulers"] if each["name"] == "karras")
    assert karras == {
        "name": "karras", "label": "Karras", "aliases": None, "default_rho": 7.0, "need_inner_model": False
    }  # fmt: skip
    assert lists["sd-vae"] == []


def test_cmd_flags_hold_no_password(app: App) -> None:
    from webui.options import Options

    client = client_of(guarded(app, Options(users=())))
    assert "users" not in client.get("/sdapi/v1/cmd-flags").json()


def test_openapi_describes_what_there_is(client: TestClient) -> None:
    schema = client.get("/openapi.json").json()
    assert {"/sdapi/v1/txt2img", "/api/v1/jobs", "/healthz"} <= set(schema["paths"])
    body = schema["components"]["schemas"]["Txt2ImgBody"]["properties"]
    assert (body["steps"]["default"], body["cfg_scale"]["default"]) == (50, 7.0)
    assert client.get("/docs").status_code == 200
