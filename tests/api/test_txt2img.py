"""txt2img in sd-webui's JSON: what its clients send, and what they expect back."""

from __future__ import annotations

import base64
import io
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
import webuiapi
from PIL import Image
from starlette.testclient import TestClient

from tests.api.conftest import SMALL, guarded, served
from webui.app import App
from webui.request import Txt2Img

INFO_KEYS = [
    "prompt", "all_prompts", "negative_prompt", "all_negative_prompts", "seed", "all_seeds", "subseed",
    "all_subseeds", "subseed_strength", "width", "height", "sampler_name", "cfg_scale", "steps", "batch_size",
    "restore_faces", "face_restoration_model", "sd_model_name", "sd_model_hash", "sd_vae_name", "sd_vae_hash",
    "seed_resize_from_w", "seed_resize_from_h", "denoising_strength", "extra_generation_params",
    "index_of_first_image", "infotexts", "styles", "job_timestamp", "clip_skip", "is_using_inpainting_conditioning",
    "version",
]  # fmt: skip


def post(client: TestClient, **body: Any) -> dict[str, Any]:
    reply = client.post("/sdapi/v1/txt2img", json=SMALL | body)
    assert reply.status_code == 200, reply.text
    return reply.json()


def info_of(client: TestClient, **body: Any) -> dict[str, Any]:
    return json.loads(post(client, **body)["info"])


def request_of(app: App, info: dict[str, Any]) -> Txt2Img:
    return app.snapshot(info["job_id"]).job.request


def text_in(image: str) -> str:
    return Image.open(io.BytesIO(base64.b64decode(image))).info["parameters"]  # pyright: ignore[reportReturnType]


def test_reply_has_everything_that_clients_read(client: TestClient) -> None:
    reply = post(client, prompt="a boat", negative_prompt="fog", n_iter=2)
    info = json.loads(reply["info"])
    assert [key for key in INFO_KEYS if key not in info] == []
    assert info["all_seeds"] == [5, 6]
    assert info["all_prompts"] == ["a boat"] * 2
    assert info["sd_model_name"] == "tiny"
    assert len(info["sd_model_hash"]) == 10
    assert len(info["job_timestamp"]) == 14
    assert [text_in(image) for image in reply["images"]] == info["infotexts"]
    assert reply["parameters"]["prompt"] == "a boat"
    assert reply["parameters"]["hr_scale"] == 2.0


def test_defaults_are_those_of_sd_webui(app: App, client: TestClient) -> None:
    reply = client.post("/sdapi/v1/txt2img", json={})
    request = request_of(app, json.loads(reply.json()["info"]))
    assert (request.sampling.sampler, request.sampling.scheduler) == ("Euler", "automatic")
    assert (request.sampling.steps, request.sampling.cfg_scale) == (50, 7.0)
    assert (request.size.width, request.size.height) == (512, 512)
    assert request.keep.save is False
    assert request.sampling.eta is None


@pytest.mark.parametrize(
    ("body", "sampler", "scheduler"),
    [
        ({"sampler_name": "Euler a", "sampler_index": "Heun"}, "Euler a", "automatic"),
        ({"sampler_name": None, "sampler_index": "Heun"}, "Heun", "automatic"),
        ({"sampler_name": "", "sampler_index": ""}, "Euler", "automatic"),
        ({"sampler_name": "k_euler_a"}, "Euler a", "automatic"),
        ({"sampler_name": "dpm++ 2m"}, "DPM++ 2M", "automatic"),
        ({"sampler_name": "Euler", "scheduler": "AUTOMATIC"}, "Euler", "automatic"),
        ({"sampler_name": "Euler", "scheduler": "Karras"}, "Euler", "karras"),
        ({"sampler_name": "Euler", "scheduler": "SGMUniform"}, "Euler", "sgm_uniform"),
        ({"sampler_name": "DPM++ 2M Karras"}, "DPM++ 2M", "karras"),
        ({"sampler_name": "DPM++ 2M SGM Uniform", "scheduler": "Automatic"}, "DPM++ 2M", "sgm_uniform"),
    ],
)
def test_samplers_by_any_name(app: App, client: TestClient, body: dict[str, Any], sampler: str, scheduler: str) -> None:
    request = request_of(app, info_of(client, **body))
    assert (request.sampling.sampler, request.sampling.scheduler) == (sampler, scheduler)


def test_solver_knobs_reach_the_request(app: App, client: TestClient) -> None:
    info = info_of(client, eta=0.5, s_churn=3, s_tmin=0.1, s_tmax=9, s_noise=1.01)
    sampling = request_of(app, info).sampling
    assert (sampling.eta, sampling.s_churn, sampling.s_tmin, sampling.s_tmax, sampling.s_noise) == (
        0.5,
        3,
        0.1,
        9,
        1.01,
    )


def test_s_tmax_zero_is_no_limit(app: App, client: TestClient) -> None:
    assert request_of(app, info_of(client, s_tmax=0)).sampling.s_tmax is None


def test_overrides_are_for_one_job_only(app: App, client: TestClient) -> None:
    before = app.settings.now
    info = info_of(
        client,
        override_settings={
            "sd_model_checkpoint": "tiny",
            "sd_vae": "None",
            "CLIP_stop_at_last_layers": 2,
            "randn_source": "CPU",
            "eta_noise_seed_delta": 31337,
            "emphasis": "No norm",
            "outdir_samples": "/etc",
        },
    )
    job = app.snapshot(info["job_id"]).job
    assert (job.request.models.checkpoint, job.request.models.vae) == ("tiny.safetensors", "None")
    assert (job.request.models.clip_skip, info["clip_skip"]) == (2, 2)
    assert (job.request.seeds.rng, job.request.seeds.eta_noise_seed_delta) == ("CPU", 31337)
    assert job.settings.emphasis == "No norm"
    assert info["ignored"] == ["override_settings.outdir_samples"]
    assert app.settings.now == before


def test_the_servers_settings_hold_where_nothing_overrides_them(app: App, client: TestClient) -> None:
    app.settings.change({"CLIP_stop_at_last_layers": 3, "randn_source": "CPU"})
    request = request_of(app, info_of(client))
    assert (request.models.clip_skip, request.seeds.rng) == (3, "CPU")


def pictures(app: App) -> list[Path]:
    return sorted(app.paths.outputs.rglob("*.png"))


@pytest.mark.parametrize(
    ("body", "saved"),
    [({}, 0), ({"save_images": True}, 1), ({"save_images": True, "do_not_save_samples": True}, 0)],
)
def test_nothing_is_saved_unless_asked(app: App, client: TestClient, body: dict[str, Any], saved: int) -> None:
    assert len(post(client, **body)["images"]) == 1
    assert len(pictures(app)) == saved


def test_images_can_be_left_out(client: TestClient) -> None:
    reply = post(client, send_images=False)
    assert reply["images"] == []
    assert len(json.loads(reply["info"])["infotexts"]) == 1


def test_the_job_takes_the_id_that_is_given(app: App, client: TestClient) -> None:
    assert info_of(client, force_task_id="task(abc1)")["job_id"] == "task(abc1)"
    again = client.post("/sdapi/v1/txt2img", json=SMALL | {"force_task_id": "task(abc1)"})
    assert (again.status_code, again.json()["field"]) == (422, "force_task_id")
    assert app.snapshot("task(abc1)").job.state == "done"


def test_unknown_fields_are_listed(client: TestClient) -> None:
    assert info_of(client, distilled_cfg_scale=3.5, zzz=[1])["ignored"] == ["distilled_cfg_scale", "zzz"]


def test_a_failed_job_says_why_and_which(app: App, client: TestClient) -> None:
    reply = client.post("/sdapi/v1/txt2img", json=SMALL | {"prompt": "fail"})
    body = reply.json()
    assert (reply.status_code, body["error"]) == (500, "out_of_memory")
    assert app.snapshot(body["job_id"]).job.state == "failed"


def test_the_job_goes_on_when_its_caller_hangs_up(slow_app: App) -> None:
    """V16."""
    with served(guarded(slow_app)) as port, pytest.raises(httpx.ReadTimeout):
        httpx.post(
            f"http://127.0.0.1:{port}/sdapi/v1/txt2img",
            json=SMALL | {"steps": 20, "force_task_id": "mine"},
            timeout=httpx.Timeout(30, read=0.2),
        )
    assert slow_app.wait("mine").job.state == "done"


def drawn(api: webuiapi.WebUIApi, **body: Any) -> webuiapi.WebUIApiResult:
    result = api.txt2img(**body)
    assert isinstance(result, webuiapi.WebUIApiResult)
    return result


def test_32_at_once(app: App) -> None:
    with served(guarded(app)) as port:
        apis = [webuiapi.WebUIApi(port=port) for _ in range(32)]
        with ThreadPoolExecutor(32) as threads:
            made = [
                threads.submit(drawn, api, prompt=f"{seed}", seed=seed, steps=1, width=64, height=64)
                for seed, api in enumerate(apis)
            ]
            infos = [result.result().info for result in made]
    assert [info["all_seeds"] for info in infos] == [[seed] for seed in range(32)]
    assert len({info["job_id"] for info in infos}) == 32


def test_webuiapi_works_as_people_use_it(app: App) -> None:
    with served(guarded(app)) as port:
        api = webuiapi.WebUIApi(port=port)
        result = drawn(api, prompt="a red boat", steps=4)
        assert result.image.size == (512, 512)
        assert result.image.info["parameters"] == result.info["infotexts"][0]
        assert result.info["ignored"] == []
        assert api.get_options()["sd_model_checkpoint"] in api.util_get_model_names()
        assert "Euler a" in api.util_get_sampler_names()
        assert "karras" in api.util_get_scheduler_names()
        api.util_set_model("tiny")
        assert api.util_get_current_model().startswith("tiny.safetensors")
        assert (api.interrupt(), api.skip(), api.refresh_checkpoints()) == ({}, None, None)
        api.util_wait_for_ready()
        assert api.get_cmd_flags()["port"] == 7860
