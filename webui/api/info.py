"""What txt2img answers: the pictures, and ``info``, sd-webui's account of them as a JSON string."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel

import webui
from webui.api.a1111 import Asked
from webui.api.body import PICTURES, Txt2ImgBody
from webui.api.errors import JobFailed
from webui.app import App
from webui.files.catalog import Kind, ModelFile
from webui.infotext.parse import pairs, unquote
from webui.jobs.queue import Snapshot
from webui.jobs.store import Image
from webui.messages import Fault, Message

TIMESTAMP = "%Y%m%d%H%M%S"
# Fields of the generation text that sd-webui does not count among the extra ones.
FIXED = frozenset(
    {"Prompt", "Negative prompt", "Steps", "Sampler", "CFG scale", "Seed", "Size", "Model hash", "Model", "VAE hash"}
    | {"VAE", "Variation seed", "Variation seed strength", "Seed resize from", "Clip skip", "ENSD", "RNG", "Tiling"}
    | {"Version"}
)
NUMBER = re.compile(r"-?(0|[1-9]\d{0,18})(\.\d{1,18})?")


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
    return body.model_dump(include=set(Txt2ImgBody.model_fields), exclude=set(PICTURES))


def timestamp(seconds: float) -> str:
    return time.strftime(TIMESTAMP, time.localtime(seconds))


def info(app: App, asked: Asked, snapshot: Snapshot, language: str) -> dict[str, Any]:
    """sd-webui's keys, then ours: job_id, state, ignored, notes."""
    job, request = snapshot.job, snapshot.job.request
    shots, sampling, seeds = job.shots, request.sampling, request.seeds
    checkpoint = find(app, "checkpoint", request.models.checkpoint)
    vae = find(app, "vae", request.models.vae)
    return {
        "prompt": shots[0].prompt,
        "all_prompts": [shot.prompt for shot in shots],
        "negative_prompt": shots[0].negative,
        "all_negative_prompts": [shot.negative for shot in shots],
        "seed": shots[0].seed,
        "all_seeds": [shot.seed for shot in shots],
        "subseed": shots[0].subseed,
        "all_subseeds": [shot.subseed for shot in shots],
        "subseed_strength": seeds.subseed_strength,
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
        "seed_resize_from_w": seeds.resize_width or -1,
        "seed_resize_from_h": seeds.resize_height or -1,
        "denoising_strength": request.hires.denoising if request.hires else None,
        "extra_generation_params": extra(snapshot.images),
        "index_of_first_image": 0,
        "infotexts": [image.infotext for image in snapshot.images],
        "styles": request.prompts.styles,
        "job_timestamp": timestamp(job.started or job.created),
        "clip_skip": request.models.clip_skip,
        "is_using_inpainting_conditioning": False,
        "version": webui.__version__,
        "job_id": job.id,
        "state": job.state,
        "ignored": asked.ignored,
        "notes": [note.text(language) for note in (*asked.notes, *job.notes)],
    }


def extra(images: Sequence[Image]) -> dict[str, Any]:
    """What the first picture's generation text has besides sd-webui's fixed fields, as values of JSON."""
    line = images[0].infotext.rpartition("\n")[2] if images else ""
    return {key: value(unquote(raw)) for key, raw in pairs(line) if key not in FIXED}


def value(text: str) -> Any:
    if text in ("True", "False"):
        return text == "True"
    return json.loads(text) if NUMBER.fullmatch(text) else text


def find(app: App, kind: Kind, name: str) -> ModelFile | None:
    """None when the file has gone since, or is the VAE inside the checkpoint. With its hash: the job needed it."""
    try:
        file = app.catalog.find(kind, name, kind)
        return file if file.sha256 else app.refresh().find(kind, name, kind)
    except Fault:
        return None
