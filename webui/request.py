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


class Prompts(Part):
    prompt: Text = field("", max_length=MAX_PROMPT)
    negative: Text = field("", "Negative prompt", max_length=MAX_PROMPT)


class Size(Part):
    """Pixels."""

    width: Whole = field(512, "Size-1", ge=64, le=2048, multiple_of=8)
    height: Whole = field(512, "Size-2", ge=64, le=2048, multiple_of=8)


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


class Seeds(Part):
    """−1 draws a seed at submission. ``rng`` is where noise comes from: NV is what a CUDA card would draw, anywhere."""

    seed: Whole = field(-1, "Seed", ge=-1, le=MAX_SEED)
    rng: Literal["NV", "CPU", "GPU"] = field("NV", "RNG")
    eta_noise_seed_delta: Whole = field(0, "ENSD", ge=0, le=MAX_SEED)


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
    keep: Keep = Keep()


Request = Txt2Img  # a union over ``kind`` when further kinds come
_adapter: TypeAdapter[Request] = TypeAdapter(Request)


def load(text: str | bytes) -> Request:
    """A stored request. Upgraders for older versions go here when there is a version 2."""
    return _adapter.validate_json(text)
