"""Pictures in other formats than PNG, from the setting to the reply."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from webui.app import App
from webui.infotext import read_image
from webui.outputs import MEDIA_TYPES


def make(app: App, client: TestClient, seed: int, **parts: Any) -> str:
    """The id of a job that has ended."""
    request = {
        "prompts": {"prompt": "a boat"},
        "size": {"width": 64, "height": 64},
        "sampling": {"steps": 2},
        "seeds": {"seed": seed},
        **parts,
    }
    reply = client.post("/api/v1/jobs", json=request)
    assert reply.status_code == 202, reply.text
    job_id = reply.json()["id"]
    app.wait(job_id)
    return job_id


@pytest.mark.parametrize("kind", ["png", "jpg", "webp", "avif"])
def test_a_picture_is_kept_and_sent_in_its_format(app: App, client: TestClient, kind: str) -> None:
    app.settings.change({"samples_format": kind, "save_txt": True})
    reply = client.get(f"/api/v1/images/{make(app, client, 5)}/0")
    assert reply.headers["Content-Type"] == MEDIA_TYPES[f".{kind}"]
    assert f'filename="00000-5.{kind}"' in reply.headers["Content-Disposition"]
    text = read_image(reply.content).text
    assert text == "a boat\nSteps: 2, Seed: 5, Version: fake"
    (file,) = app.paths.outputs.rglob(f"*.{kind}")
    assert file.read_bytes() == reply.content
    assert file.with_suffix(".txt").read_text(encoding="utf-8") == f"{text}\n"


def test_the_format_may_change_from_job_to_job_and_no_file_is_lost(app: App, client: TestClient) -> None:
    for kind in ("png", "jpg", "png"):
        app.settings.change({"samples_format": kind, "save_images_add_number": False, "save_txt": True})
        make(app, client, 7)
    names = sorted(file.name for file in app.paths.outputs.rglob("*.*") if file.is_file())
    assert names == ["00001-7.jpg", "00001-7.txt", "00002-7.png", "00002-7.txt", "7.png", "7.txt"]


def test_a_picture_that_is_not_to_be_saved_is_kept_exactly(app: App, client: TestClient) -> None:
    app.settings.change({"samples_format": "jpg"})
    job_id = make(app, client, 9, keep={"save": False})
    assert client.get(f"/api/v1/images/{job_id}/0").headers["Content-Type"] == "image/png"
