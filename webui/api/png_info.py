"""What a picture file says about itself, in sd-webui's shape."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from fastapi import APIRouter
from pydantic import BaseModel

from webui.api.errors import ErrorBody
from webui.api.strict import StrictRoute
from webui.files.embedded import content
from webui.infotext import parse, read_image
from webui.prompt import attention
from webui.prompt.attention import BREAK

router = APIRouter(
    prefix="/sdapi/v1", route_class=StrictRoute, tags=["sd-webui"], responses={422: {"model": ErrorBody}}
)
# What sd-webui says of a text that is silent about it.
OTHERWISE: Mapping[str, str] = MappingProxyType({
    "Clip skip": "1",
    "Hires resize-1": "0",
    "Hires resize-2": "0",
    "Hires sampler": "Use same sampler",
    "Hires schedule type": "Use same scheduler",
    "Hires checkpoint": "Use same checkpoint",
    "Hires prompt": "",
    "Hires negative prompt": "",
    "Mask mode": "Inpaint masked",
    "Masked content": "original",
    "Inpaint area": "Whole picture",
    "Masked area padding": "32",
    "RNG": "GPU",
    "Schedule type": "Automatic",
    "Schedule max sigma": "0",
    "Schedule min sigma": "0",
    "Schedule rho": "0",
    "VAE Encoder": "Full",
    "VAE Decoder": "Full",
    "FP8 weight": "Disable",
    "Cache FP16 weight for LoRA": "False",
    "Refiner switch by sampling steps": "False",
})  # fmt: skip


class PngInfoBody(BaseModel):
    """``image`` in base64, bare or as a data URL."""

    image: str


class PngInfoReply(BaseModel):
    """``info``: the generation text. ``items``: the other texts in the file. ``parameters``: the text, read."""

    info: str
    items: dict[str, str]
    parameters: dict[str, str]


@router.post("/png-info")
def png_info(body: PngInfoBody) -> PngInfoReply:
    """Of PNG, JPEG, WebP, AVIF and GIF. A picture without a generation text is no error."""
    found = read_image(content(body.image, "image"))
    return PngInfoReply(info=found.text, items=dict(found.items), parameters=parameters(found.text))


def parameters(text: str) -> dict[str, str]:
    """As sd-webui's reader has them, with what it adds to any text."""
    parsed = parse(text)
    prompts = {"Prompt": parsed.prompt, "Negative prompt": parsed.negative}
    emphasis = {"Emphasis": "Original"} if any(map(_is_weighted, prompts.values())) else {}
    return {**prompts, **OTHERWISE, **emphasis, **parsed.fields}


def _is_weighted(prompt: str) -> bool:
    return any(piece.weight != 1 and piece != BREAK for piece in attention.parse(prompt, sd_webui=True).pieces)
