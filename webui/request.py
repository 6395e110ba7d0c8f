"""What a user asks for: one frozen value that holds everything which can change a picture.

Each parameter is declared here once; its ``field`` gives the default, the limits, the key under which it stands in the
generation text, and (by its name) the label and help found in ``locales``. The page, the API and the docs are made from
these declarations. Names that depend on what is installed (samplers, models) are checked by ``App.submit``.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter

VERSION = 1
MAX_PROMPT = 20_000  # characters
MAX_SEED = 2**63 - 1


def _no_bool(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("a number is wanted, not true or false")
    return value


def _well_formed(value: Any) -> Any:
    """Half of a character, as broken clients send it, cannot be stored: the replacement character stands in."""
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace") if isinstance(value, str) else value


Text = Annotated[str, BeforeValidator(_well_formed)]
Whole = Annotated[int, BeforeValidator(_no_bool)]
Real = Annotated[float, BeforeValidator(_no_bool)]


def field(default: Any, infotext: str | None = None, **limits: Any) -> Any:
    """Declare a parameter. ``infotext``: its key in the generation text, None where it has none of its own."""
    return Field(default, json_schema_extra={"infotext": infotext}, **limits)


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


Style = Annotated[str, Field(max_length=1000)]


class Prompts(Part):
    """``styles``: names of saved ones, applied in order. ``each_line``: every line is a picture's own prompt."""

    prompt: Text = field("", max_length=MAX_PROMPT)
    negative: Text = field("", "Negative prompt", max_length=MAX_PROMPT)
    styles: tuple[Style, ...] = field((), "Styles array", max_length=100)
    each_line: bool = field(False)


class Size(Part):
    """Pixels. ``tiling``: the picture's edges fit each other, as a tile's do."""

    width: Whole = field(512, "Size-1", ge=64, le=2048, multiple_of=8)
    height: Whole = field(512, "Size-2", ge=64, le=2048, multiple_of=8)
    tiling: bool = field(False, "Tiling")


class Batch(Part):
    """``count`` rounds of ``size`` pictures; seeds go up by one from picture to picture."""

    count: Whole = field(1, ge=1, le=100)
    size: Whole = field(1, ge=1, le=8)


class Models(Part):
    """Names as the catalog lists them. An empty checkpoint means the settings' default one."""

    checkpoint: str = field("", "Model", max_length=1000)
    vae: str = field("Automatic", "VAE", max_length=1000)
    clip_skip: Whole = field(1, "Clip skip", ge=1, le=12)


class Sampling(Part):
    sampler: str = field("DPM++ 2M", "Sampler", max_length=100)
    scheduler: str = field("Automatic", "Schedule type", max_length=100)
    steps: Whole = field(20, "Steps", ge=1, le=150)
    cfg_scale: Real = field(7.0, "CFG scale", ge=0.0, le=100.0)
    eta: Real | None = field(None, "Eta", ge=0.0, le=1.0)
    s_churn: Real = field(0.0, "Sigma churn", ge=0.0, le=100.0)
    s_tmin: Real = field(0.0, "Sigma tmin", ge=0.0, le=1000.0)
    s_tmax: Real | None = field(None, "Sigma tmax", ge=0.0, le=1000.0)
    s_noise: Real = field(1.0, "Sigma noise", ge=0.0, le=1.1)
    s_min_uncond: Real = field(0.0, "NGMS", ge=0.0, le=15.0)


class Seeds(Part):
    """−1 draws a seed at submission. ``rng`` is where noise comes from: NV is what a CUDA card would draw, anywhere.

    ``subseed`` (variation seed) is mixed in by ``subseed_strength``. ``resize_width`` × ``resize_height`` (pixels): the
    noise is that of a picture of this size, centred; 0 is off.
    """

    seed: Whole = field(-1, "Seed", ge=-1, le=MAX_SEED)
    subseed: Whole = field(-1, "Variation seed", ge=-1, le=MAX_SEED)
    subseed_strength: Real = field(0.0, "Variation seed strength", ge=0.0, le=1.0)
    resize_width: Whole = field(0, "Seed resize from-1", ge=0, le=2048, multiple_of=8)
    resize_height: Whole = field(0, "Seed resize from-2", ge=0, le=2048, multiple_of=8)
    rng: Literal["NV", "CPU", "GPU"] = field("NV", "RNG")
    eta_noise_seed_delta: Whole = field(0, "ENSD", ge=0, le=MAX_SEED)


class Hires(Part):
    """A second pass over the enlarged picture. Empty names and zeros mean "as in the first pass".

    ``width`` and ``height`` (pixels) go before ``scale`` where they are not 0; with both, what sticks out is cut off.
    ``source``: the content hash of a picture to start from; the first pass is then left out.
    """

    upscaler: str = field("Latent", "Hires upscaler", max_length=200)
    scale: Real = field(2.0, "Hires upscale", ge=1.0, le=4.0)
    width: Whole = field(0, "Hires resize-1", ge=0, le=2048, multiple_of=8)
    height: Whole = field(0, "Hires resize-2", ge=0, le=2048, multiple_of=8)
    steps: Whole = field(0, "Hires steps", ge=0, le=150)
    denoising: Real = field(0.7, "Denoising strength", ge=0.0, le=1.0)
    cfg_scale: Real = field(0.0, "Hires CFG Scale", ge=0.0, le=100.0)
    checkpoint: str = field("", "Hires checkpoint", max_length=1000)
    sampler: str = field("", "Hires sampler", max_length=100)
    scheduler: str = field("", "Hires schedule type", max_length=100)
    prompt: Text = field("", "Hires prompt", max_length=MAX_PROMPT)
    negative: Text = field("", "Hires negative prompt", max_length=MAX_PROMPT)
    source: str = field("", pattern=r"^([0-9a-f]{64})?$")


class Refiner(Part):
    """Another checkpoint takes over when ``switch_at`` of the way from noise to picture is done."""

    checkpoint: str = field("", "Refiner", max_length=1000)
    switch_at: Real = field(0.8, "Refiner switch at", ge=0.01, le=1.0)


class Keep(Part):
    """Where the pictures go: ``outputs/``, or only the job store (for some days) when ``save`` is off."""

    save: bool = field(True)


class Txt2Img(Part):
    kind: Literal["txt2img"] = "txt2img"
    version: Literal[1] = VERSION
    prompts: Prompts = Prompts()
    size: Size = Size()
    batch: Batch = Batch()
    models: Models = Models()
    sampling: Sampling = Sampling()
    seeds: Seeds = Seeds()
    hires: Hires | None = None
    refiner: Refiner | None = None
    keep: Keep = Keep()


Request = Txt2Img  # a union over ``kind`` when further kinds come
_adapter: TypeAdapter[Request] = TypeAdapter(Request)


def hires_size(request: Request) -> tuple[int, int]:
    """Width and height in pixels of the second pass (before anything is cut off), multiples of 8.

    Raises ValueError without one. As sd-webui: one side given sets the other; with both, the picture covers them.
    """
    if request.hires is None:
        raise ValueError("there is no second pass")
    size, hires = request.size, request.hires
    by_width = bool(hires.width)
    if hires.width and hires.height:
        by_width = size.width * hires.height < hires.width * size.height
    if by_width:
        width, height = hires.width, hires.width * size.height // size.width
    elif hires.height:
        width, height = hires.height * size.width // size.height, hires.height
    else:
        width, height = int(size.width * hires.scale), int(size.height * hires.scale)
    return width // 8 * 8, height // 8 * 8


def final_size(request: Request) -> tuple[int, int]:
    """Width and height in pixels of the pictures that a request makes."""
    if request.hires is None:
        return request.size.width, request.size.height
    width, height = hires_size(request)
    asked = request.hires
    return (asked.width, asked.height) if asked.width and asked.height else (width, height)


def load(text: str | bytes) -> Request:
    """A stored request. Upgraders for older versions go here when there is a version 2."""
    return _adapter.validate_json(text)
