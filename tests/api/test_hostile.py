"""Values that are wrong, in every way people and attackers know: a clear refusal, and the server as well as before.

The row numbers (V01, T21, …) are those of the project's list of what to withstand.
"""

from __future__ import annotations

import base64
import json
import struct
import zlib
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
        ("s_tmax", "-1"),
        ("s_min_uncond", "16"),
        ("styles", '["no such style"]'),
        ("styles", f'["{"x" * 2000}"]'),
        ("styles", '"mine"'),
        ("subseed", "-2"),
        *[("subseed_strength", token) for token in ("-0.1", "1.01", "true")],
        *[("seed_resize_from_w", token) for token in ("65", "4096", '"wide"')],
        ("tiling", '"round"'),
        ("refiner_checkpoint", '"x"'),
        ("infotext", "[]"),
        ("infotext", f'"{"x" * 1_000_001}"'),
        ("enable_hr", '"perhaps"'),
        ("restore_faces", "true"),
        ("init_images", '["http://127.0.0.1:9/x"]'),  # T13
        ("script_name", '"X/Y/Z plot"'),
        ("alwayson_scripts", '{"nobody knows it": {"args": []}}'),  # V10
        ("force_task_id", '"../../x"'),  # it names a folder
        ("force_task_id", f'"{"x" * 1000}"'),
        ("override_settings", "[]"),
    ],
)  # fmt: skip
def test_wrong_values_are_named(client: TestClient, name: str, token: str) -> None:
    body = refused(client, f'{{"{name}": {token}}}')
    assert body["field"] == name


@pytest.mark.parametrize(
    ("name", "token"),
    [
        *[("denoising_strength", token) for token in ("-0.1", "1.1", '"much"')],
        *[("hr_scale", token) for token in ("0", "0.5", "4.5", "{}")],
        *[("hr_second_pass_steps", token) for token in ("-1", "151", "1.5")],
        *[("hr_resize_x", token) for token in ("-8", "65", "4096")],
        ("hr_upscaler", '"Latnt"'),
        ("hr_upscaler", f'"{"x" * 1_000_000}"'),
        ("hr_checkpoint_name", '"nope"'),
        ("hr_sampler_name", '"Eular"'),
        ("hr_scheduler", '"Karas"'),
        ("hr_prompt", f'"{"p" * 100_000}"'),
        ("hr_cfg", "101"),
        *[("firstpass_image", token) for token in ('"http://127.0.0.1:9/x.png"', '"file:///etc/passwd"')],  # T13
        *[("firstpass_image", token) for token in ('"!"', '"iVBORw0KGgo="', '"R0lGODlh"', '"é"', "7")],
    ],
)  # fmt: skip
def test_wrong_values_of_a_second_pass_are_named(app: App, client: TestClient, name: str, token: str) -> None:
    assert refused(client, f'{{"enable_hr": true, "{name}": {token}}}')["field"] == name
    assert app.store.latest("") == []


def test_a_bomb_is_refused_by_its_header(client: TestClient) -> None:
    """I05: 60,000 × 60,000 pixels in a few bytes."""
    header = b"IHDR" + struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    png += struct.pack(">I", 0) + b"IEND" + struct.pack(">I", zlib.crc32(b"IEND"))
    picture = base64.b64encode(png).decode()
    assert refused(client, json.dumps({"image": picture}), "/sdapi/v1/png-info")["field"] == "image"
    body = refused(client, json.dumps({"enable_hr": True, "firstpass_image": picture}))
    assert body["field"] == "firstpass_image"


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
        ("CLIP_stop_at_last_layers", True),
        ("eta_ancestral", 1.5),
        ("tiling", "x"),
        ("quicksettings_list", ["no such setting"]),
        ("quicksettings_list", "tiling"),
        ("infotext_skip_pasting", ["x" * 200]),
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
    [
        ("sd_model_checkpoint", "nope"),
        ("sd_vae", "nope"),
        ("sd_vae", 7),
        ("samples_save", "x"),
        ("eta_ddim", None),
        ("sgm_noise_multiplier", 2),
        ("uni_pc_order", 4),
        ("uni_pc_variant", "bh3"),
        ("keyedit_delimiters", "x" * 200),
        ("__class__", 1),
        ("s" * 5000, 1),
    ],
)
def test_wrong_settings_are_named(app: App, client: TestClient, name: str, value: Any) -> None:
    before = app.settings.now
    assert refused(client, json.dumps({name: value}), "/sdapi/v1/options")["field"] == name[:100]
    assert app.settings.now is before
