"""What txt2img answers: the pictures, and ``info``, sd-webui's account of them as a JSON string."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

from pydantic import BaseModel

import webui
from webui.api.a1111 import Asked, Txt2ImgBody
from webui.api.errors import JobFailed
from webui.app import App
from webui.files.catalog import Kind, ModelFile
from webui.jobs.queue import Snapshot
from webui.jobs.store import Image
from webui.messages import Fault, Message

TIMESTAMP = "%Y%m%d%H%M%S"


class Txt2ImgReply(BaseModel):
    images: list[str]  # PNG files in base64, each with its generation text inside
    parameters: dict[str, Any]  # the request, without pictures
    info: str  # JSON


def reply(app: App, body: Txt2ImgBody, asked: Asked, snapshot: Snapshot, language: str) -> bytes:
    """The JSON. A stopped job answers with what it has made. Raises JobFailed."""
    job = snapshot.job
    if job.state == "failed":
        raise JobFailed(job.id, job.message or Message(code="unexpected", params={"reason": "?"}))
    return json.dumps({
        "images": [read(image) for image in snapshot.images] if body.send_images else [],
        "parameters": parameters(body),
        "info": json.dumps(info(app, asked, snapshot, language), ensure_ascii=False),
    }).encode()  # fmt: skip


def read(image: Image) -> str:
    try:
        return base64.b64encode(image.path.read_bytes()).decode()
    except OSError as error:
        raise JobFailed(image.job, Message(code="image_gone")) from error


def parameters(body: Txt2ImgBody) -> dict[str, Any]:
    return body.model_dump(include=set(Txt2ImgBody.model_fields), exclude={"init_images", "mask", "firstpass_image"})


def timestamp(seconds: float) -> str:
    return time.strftime(TIMESTAMP, time.localtime(seconds))


def info(app: App, asked: Asked, snapshot: Snapshot, language: str) -> dict[str, Any]:
    """sd-webui's keys, then ours: job_id, state, ignored, notes."""
    job, request = snapshot.job, snapshot.job.request
    shots, sampling = job.shots, request.sampling
    checkpoint = find(app, "checkpoint", request.models.checkpoint)
    vae = find(app, "vae", request.models.vae)
    return {
        "prompt": request.prompts.prompt,
        "all_prompts": [shot.prompt for shot in shots],
        "negative_prompt": request.prompts.negative,
        "all_negative_prompts": [shot.negative for shot in shots],
        "seed": shots[0].seed,
        "all_seeds": [shot.seed for shot in shots],
        "subseed": shots[0].seed,  # as sd-webui has it where the strength is 0
        "all_subseeds": [shot.seed for shot in shots],
        "subseed_strength": 0,
        "width": request.size.width,
        "height": request.size.height,
        "sampler_name": sampling.sampler,
        "cfg_scale": sampling.cfg_scale,
        "steps": sampling.steps,
        "batch_size": request.batch.size,
        "restore_faces": False,
        "face_restoration_model": None,
        "sd_model_name": checkpoint.stem if checkpoint else request.models.checkpoint,
        "sd_model_hash": checkpoint.short_hash if checkpoint else None,
        "sd_vae_name": vae.name if vae else None,
        "sd_vae_hash": vae.short_hash if vae else None,
        "seed_resize_from_w": -1,
        "seed_resize_from_h": -1,
        "denoising_strength": None,
        "extra_generation_params": {"Schedule type": app.schedulers[sampling.scheduler].label},
        "index_of_first_image": 0,
        "infotexts": [image.infotext for image in snapshot.images],
        "styles": [],
        "job_timestamp": timestamp(job.started or job.created),
        "clip_skip": request.models.clip_skip,
        "is_using_inpainting_conditioning": False,
        "version": webui.__version__,
        "job_id": job.id,
        "state": job.state,
        "ignored": asked.ignored,
        "notes": [note.text(language) for note in job.notes],
    }


def find(app: App, kind: Kind, name: str) -> ModelFile | None:
    """None when the file has gone since, or is the VAE inside the checkpoint. With its hash: the job needed it."""
    try:
        file = app.catalog.find(kind, name, kind)
        return file if file.sha256 else app.refresh().find(kind, name, kind)
    except Fault:
        return None
