"""The rival: diffusers' own ``StableDiffusionPipeline``, the checkpoint read by diffusers' own converters."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint, convert_ldm_vae_checkpoint
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline
from diffusers.schedulers.scheduling_euler_discrete import EulerDiscreteScheduler
from safetensors.torch import load_file
from transformers import CLIPTokenizer

from webui.files.header import read_header
from webui.models.families.sd1 import SD1
from webui.models.sd1_load import make_modules
from webui.prompt.tokens import clip_tokenizer


def pipeline(file: Path) -> Any:
    shapes = SD1.detect(read_header(file)).shapes
    text_encoder, unet, vae = make_modules(shapes, shapes.vae)
    tensors = {key: tensor.float() for key, tensor in load_file(file).items()}
    unet.load_state_dict(convert_ldm_unet_checkpoint(dict(tensors), unet.config))
    vae.load_state_dict(convert_ldm_vae_checkpoint(dict(tensors), vae.config))
    prefix = shapes.text.prefix
    text_encoder.load_state_dict(
        {
            key.removeprefix(prefix): t
            for key, t in tensors.items()
            if key.startswith(prefix) and "position_ids" not in key
        }
    )
    make: Any = StableDiffusionPipeline
    made = make(
        vae=vae.eval(),
        text_encoder=text_encoder.eval(),
        tokenizer=_tokenizer(),
        unet=unet.eval(),
        scheduler=EulerDiscreteScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear"),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    made.set_progress_bar_config(disable=True)
    return made


def _tokenizer() -> CLIPTokenizer:
    model = json.loads(clip_tokenizer().model.to_str())["model"]
    merges = [tuple(merge) for merge in model["merges"]]
    make: Any = CLIPTokenizer
    return make(vocab=model["vocab"], merges=merges, model_max_length=77)
