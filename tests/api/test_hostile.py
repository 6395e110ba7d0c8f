"""Values that are wrong, in every way people and attackers know: a clear refusal, and the server as well as before.

The row numbers (V01, T21, …) are those of the project's list of what to withstand.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.api.conftest import SMALL
from webui.api.guard import MAX_BODY, MAX_UNDECLARED
from webui.app import App

JSON = {"Content-Type": "application/json"}


def refused(client: TestClient, content: str | bytes, path: str = "/sdapi/v1/txt2img") -> dict[str, Any]:
    reply = client.post(path, content=content, headers=JSON)
    assert reply.status_code == 422, reply.text
    body = check_shape(reply.content)
    assert client.get("/healthz").json()["status"] == "ok"  # INV1
    return body


def check_shape(content: bytes) -> dict[str, Any]:
    """INV6."""
    assert len(content) < 2048
    body = json.loads(content)
    assert set(body) - {"job_id"} == {"error", "detail", "field", "hint"}
    assert body["detail"]
    assert "Traceback" not in body["detail"] and "/home" not in body["detail"]
    return body


@pytest.mark.parametrize(
    ("name", "token"),
    [
        *[("steps", token) for token in ("0", "-1", "1.5", "true", "null", "1e9", "[]", '"x"', "151")],  # V01
        *[("width", token) for token in ("0", "-64", "65", "1e9", "9223372036854775808", "16384", "4096")],  # V02, V03
        *[("cfg_scale", token) for token in ("-1", '"hot"', "{}", "101")],  # V04
        *[("batch_size", token) for token in ("10000", "0")],
        *[("n_iter", token) for token in ("1e6", "0")],  # V06
        *[("seed", token) for token in ("-2", "9223372036854775808", "1.5", '"x"', "1" * 400)],
        *[("sampler_name", token) for token in ('"Eular"', f'"{"x" * 1_000_000}"', "[]", "7")],  # V08
        ("scheduler", '"Karas"'),
        ("prompt", f'"{"p" * 1_000_000}"'),  # P01
        ("prompt", "7"),
        ("eta", "2"),
        ("s_noise", "1.2"),
        ("styles", '["mine"]'),
        ("enable_hr", "true"),
        ("restore_faces", "true"),
        ("subseed_strength", "0.5"),
        ("seed_resize_from_w", "64"),
        ("refiner_checkpoint", '"x"'),
        ("init_images", '["http://127.0.0.1:9/x"]'),  # T13
        ("script_name", '"X/Y/Z plot"'),
        ("alwayson_scripts", '{"nobody knows it": {"args": []}}'),  # V10
        ("infotext", '"Steps: 1"'),
        ("force_task_id", '"../../x"'),  # it names a folder
        ("force_task_id", f'"{"x" * 1000}"'),
        ("override_settings", "[]"),
    ],
)  # fmt: skip
def test_wrong_values_are_named(client: TestClient, name: str, token: str) -> None:
    body = refused(client, f'{{"{name}": {token}}}')
    assert body["field"] == name


@pytest.mark.parametrize("token", ["NaN", "Infinity", "-Infinity", "1e400", "-1e400"])
@pytest.mark.parametrize("where", ["cfg_scale", "width", "seed", "override_settings", "unknown"])
def test_numbers_that_json_does_not_have(client: TestClient, where: str, token: str) -> None:
    """V04: never a 500, not even for fields that nothing looks at."""
    value = f'{{"x": {token}}}' if where == "override_settings" else token
    assert refused(client, f'{{"{where}": {value}}}')["error"] == "invalid.json_invalid"


@pytest.mark.parametrize("content", ["", "{", "[]", "7", '"x"', "null", "[" * 100_000, b"\xff\xfe\xff", "{'a': 1}"])
def test_bodies_that_are_no_object(client: TestClient, content: str | bytes) -> None:
    refused(client, content)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("sd_model_checkpoint", "nope"),
        ("sd_model_checkpoint", "../../etc/passwd"),
        ("sd_vae", "nope"),
        ("CLIP_stop_at_last_layers", 99),
        ("randn_source", "TPU"),
        ("eta_noise_seed_delta", -1),
        ("emphasis", "x" * 5000),
        ("comma_padding_backtrack", "many"),
    ],
)
def test_wrong_overrides_are_named(client: TestClient, setting: str, value: Any) -> None:
    body = refused(client, json.dumps({"override_settings": {setting: value}}))
    assert body["field"] == f"override_settings.{setting}"


def test_paths_and_prototype_keys_do_nothing(app: App, client: TestClient) -> None:
    """V09."""
    overrides = {"outdir_samples": "/etc", "__proto__": {"x": 1}, "samples_filename_pattern": "../../x"}
    reply = client.post("/sdapi/v1/txt2img", json=SMALL | {"override_settings": overrides, "save_images": True})
    assert json.loads(reply.json()["info"])["ignored"] == sorted(f"override_settings.{key}" for key in overrides)
    made = list(app.paths.home.rglob("*.png"))
    assert [file.is_relative_to(app.paths.outputs) for file in made] == [True]


def test_nearest_names_are_offered(client: TestClient) -> None:
    assert "Euler" in refused(client, '{"sampler_name": "Eular"}')["hint"]
    assert "tiny" in refused(client, '{"override_settings": {"sd_model_checkpoint": "tyni"}}')["hint"]


@pytest.mark.parametrize(
    "prompt",
    [
        "\\ud800",
        "\\udc00 and \\ud83d\\ude00",
        "a\\u0000b",
        "\\u202eright to left",
        "e" + "\\u0301" * 1000,
        "👩‍👩‍👧‍👦",
        "(" * 5000,
        "a\\n\\nNegative prompt: x\\nSteps: 1, Seed: 2",
        "<script>alert(1)</script>",
    ],
)
def test_odd_prompts_make_pictures(client: TestClient, prompt: str) -> None:
    """P02, P04, P06: half a surrogate pair becomes U+FFFD, everything else stays as it was."""
    reply = client.post("/sdapi/v1/txt2img", content=json.dumps(SMALL)[:-1] + f', "prompt": "{prompt}"}}', headers=JSON)
    assert reply.status_code == 200, reply.text
    sent = json.loads(f'"{prompt}"').encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    assert json.loads(reply.json()["info"])["prompt"] == sent


FORM_KINDS = ["text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded", ""]


@pytest.mark.parametrize("kind", FORM_KINDS)
@pytest.mark.parametrize("path", ["/sdapi/v1/txt2img", "/sdapi/v1/options", "/api/v1/jobs"])
def test_only_json_is_json(app: App, client: TestClient, kind: str, path: str) -> None:
    """T21: what an HTML form can send is refused, and nothing is queued."""
    reply = client.post(path, content=json.dumps(SMALL), headers={"Content-Type": kind})
    assert reply.status_code == 415
    check_shape(reply.content)
    assert app.store.waiting() == []


def test_errors_are_in_the_readers_language(client: TestClient) -> None:
    reply = client.post("/sdapi/v1/txt2img", json={"steps": 0}, headers={"Accept-Language": "zh-CN,zh;q=0.9"})
    assert reply.json()["detail"] == "steps 不能小于 1。"


def test_errors_never_echo(client: TestClient) -> None:
    secret = "s3cret" * 100
    for body in ({"steps": secret}, {"width": secret}, {"sampler_name": [secret]}, {"seed": {"a": secret}}):
        assert "s3cret" not in client.post("/sdapi/v1/txt2img", json=body).text


@pytest.mark.parametrize("path", ["/sdapi/v1/server-kill", "/sdapi/v1/img2img", "/api/v1/nothing", "/sdapi/v1"])
def test_what_is_not_here_is_404_in_the_same_shape(client: TestClient, path: str) -> None:
    """T30."""
    reply = client.post(path, json={})
    assert reply.status_code == 404
    check_shape(reply.content)


def test_a_full_queue_says_when_to_come_again(monkeypatch: pytest.MonkeyPatch, client: TestClient) -> None:
    """V06."""
    monkeypatch.setattr("webui.app.MAX_WAITING", 0)
    reply = client.post("/sdapi/v1/txt2img", json=SMALL)
    assert reply.status_code == 429
    assert int(reply.headers["Retry-After"]) > 0


def test_the_unexpected_has_the_same_shape(monkeypatch: pytest.MonkeyPatch, app: App, client: TestClient) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("/home/someone/secret")

    monkeypatch.setattr(app, "submit", broken)
    reply = client.post("/sdapi/v1/txt2img", json=SMALL)
    assert reply.status_code == 500
    assert check_shape(reply.content)["error"] == "unexpected"
    assert "secret" not in reply.text


def pieces(size: int) -> Iterator[bytes]:
    for _ in range(-(-size // 65536)):
        yield b" " * 65536


@pytest.mark.parametrize(("size", "declared"), [(MAX_BODY + 1, True), (MAX_UNDECLARED + 1, False)])
def test_too_large_a_body_is_cut_off(client: TestClient, size: int, declared: bool) -> None:
    """V14, T24: by its declared length, and by what arrives where none is declared."""
    headers = JSON | ({"Content-Length": str(sum(map(len, pieces(size))))} if declared else {})
    reply = client.post("/sdapi/v1/txt2img", content=pieces(size), headers=headers)
    assert reply.status_code == 413
    check_shape(reply.content)


@pytest.mark.parametrize("declared", [True, False])
def test_a_large_body_within_the_limit_is_read(client: TestClient, declared: bool) -> None:
    body = json.dumps(SMALL).encode() + b" " * (MAX_UNDECLARED - 1000)
    reply = client.post("/sdapi/v1/txt2img", content=body if declared else iter([body]), headers=JSON)
    assert reply.status_code == 200


@pytest.mark.parametrize("length", ["-1", "x", "9" * 30])
def test_lengths_that_are_none(client: TestClient, length: str) -> None:
    assert client.post("/sdapi/v1/txt2img", content=b"{}", headers=JSON | {"Content-Length": length}).status_code == 413


def test_settings_change_all_or_none(app: App, client: TestClient) -> None:
    reply = client.post("/sdapi/v1/options", json={"CLIP_stop_at_last_layers": 2, "outdir_sample": "/etc"})
    assert reply.status_code == 422
    assert check_shape(reply.content)["field"] == "outdir_sample"
    assert app.settings.now.CLIP_stop_at_last_layers == 1
    assert client.post("/sdapi/v1/options", json={"CLIP_stop_at_last_layers": 2}).text == "null"
    assert client.get("/sdapi/v1/options").json()["CLIP_stop_at_last_layers"] == 2


@pytest.mark.parametrize(
    ("name", "value"),
    [("sd_model_checkpoint", "nope"), ("sd_vae", "nope"), ("sd_vae", 7), ("samples_save", "x"), ("__class__", 1)],
)
def test_wrong_settings_are_named(client: TestClient, name: str, value: Any) -> None:
    assert refused(client, json.dumps({name: value}), "/sdapi/v1/options")["field"] == name
