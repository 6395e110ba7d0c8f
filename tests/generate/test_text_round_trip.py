"""Request and settings → generation text → request and settings: the same text again, so the same picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.generate.test_fields import file
from webui.files.catalog import Catalog, Kind, ModelFile
from webui.generate.fields import Facts, infotext
from webui.infotext import parse
from webui.jobs.executor import FileRef, Order
from webui.plan import Shot
from webui.reproduce import AtHand, read
from webui.request import Txt2Img
from webui.sampling.kinds import samplers, schedulers
from webui.settings import Settings
from webui.upscalers import latent_modes, upscalers

CHECKPOINTS = {
    "one.safetensors": file("one.safetensors", "1" * 64),
    "sub/two, the: second.ckpt": file("sub/two, the: second.ckpt", "2" * 64),
    "512x512.safetensors": file("512x512.safetensors", "3" * 64),
}
VAES = {"bright.pt": file("bright.pt", "4" * 64)}
HERE = Settings(disable_weights_auto_swap=False)
PROMPTS = st.lists(
    st.sampled_from([
        "a cat", " ", ", ", "\n", "(b:1.2)", "[c:d:0.5]", "[e:f:3]", "[g|h]", "\\(", "AND i", "BREAK",
        "Negative prompt: j", "Steps: 1, Seed: 2, Size: 3x4", "512x512", '"k"', "雪", ": ", "<", ">",
    ]),
    max_size=5,
).map("".join)  # fmt: skip
SIDES = st.sampled_from([64, 512, 768])
SEEDS = st.integers(0, 2**63 - 1)


def rounded(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high).map(lambda value: round(value, 3))


SAMPLERS, SCHEDULERS = st.sampled_from(sorted(samplers())), st.sampled_from(sorted(schedulers()))
UPSCALERS = st.sampled_from([*latent_modes(), *upscalers()])
HIRES = st.fixed_dictionaries({}, optional={
    "upscaler": UPSCALERS, "scale": rounded(1, 4), "width": SIDES, "height": SIDES, "steps": st.integers(0, 150),
    "denoising": rounded(0, 1), "cfg_scale": rounded(0, 30), "sampler": SAMPLERS, "scheduler": SCHEDULERS,
    "checkpoint": st.sampled_from(sorted(CHECKPOINTS)), "prompt": PROMPTS, "negative": PROMPTS,
})  # fmt: skip
REQUESTS = st.fixed_dictionaries(
    {
        "prompts": st.fixed_dictionaries({"prompt": PROMPTS, "negative": PROMPTS}),
        "models": st.fixed_dictionaries({
            "checkpoint": st.sampled_from(sorted(CHECKPOINTS)), "vae": st.sampled_from(["Automatic", *VAES]),
            "clip_skip": st.integers(1, 12),
        }),
        "sampling": st.fixed_dictionaries({"sampler": SAMPLERS, "scheduler": SCHEDULERS}, optional={
            "steps": st.integers(1, 150), "cfg_scale": rounded(0, 30), "eta": rounded(0, 1), "s_churn": rounded(0, 9),
            "s_tmin": rounded(0, 9), "s_tmax": rounded(0, 999), "s_noise": rounded(0.9, 1.1),
            "s_min_uncond": rounded(0, 9),
        }),
        "seeds": st.fixed_dictionaries({"seed": SEEDS, "subseed": SEEDS}, optional={
            "subseed_strength": rounded(0, 1), "resize_width": SIDES, "resize_height": SIDES,
            "rng": st.sampled_from(["NV", "CPU", "GPU"]), "eta_noise_seed_delta": st.integers(0, 99999),
        }),
        "size": st.fixed_dictionaries({"width": SIDES, "height": SIDES, "tiling": st.booleans()}),
    },
    optional={
        "hires": HIRES,
        "refiner": st.fixed_dictionaries({
            "checkpoint": st.sampled_from(sorted(CHECKPOINTS)), "switch_at": rounded(0.1, 1),
        }),
    },
)  # fmt: skip
SETTINGS = st.fixed_dictionaries({}, optional={
    "prompt_syntax": st.sampled_from(["atelier", "sd-webui"]), "use_old_scheduling": st.booleans(),
    "enable_prompt_comments": st.booleans(), "enable_wildcards": st.booleans(),
    "emphasis": st.sampled_from(["Original", "No norm", "Ignore", "None"]),
    "comma_padding_backtrack": st.integers(0, 74), "eta_ancestral": rounded(0, 1), "eta_ddim": rounded(0, 1),
    "s_min_uncond_all": st.booleans(), "skip_early_cond": rounded(0, 1), "sigma_min": rounded(0, 2),
    "sigma_max": rounded(0, 60), "rho": rounded(0, 20), "beta_dist_alpha": rounded(0.01, 2),
    "beta_dist_beta": rounded(0.01, 2), "always_discard_next_to_last_sigma": st.booleans(),
    "sgm_noise_multiplier": st.booleans(), "sd_noise_schedule": st.sampled_from(["Default", "Zero Terminal SNR"]),
    "uni_pc_variant": st.sampled_from(["bh1", "bh2", "vary_coeff"]), "uni_pc_order": st.integers(1, 3),
    "uni_pc_skip_type": st.sampled_from(["time_uniform", "time_quadratic", "logSNR"]),
    "uni_pc_lower_order_final": st.booleans(), "refiner_switch_by_sample_steps": st.booleans(),
})  # fmt: skip


def at_hand(now: Settings = HERE) -> AtHand:
    def files(kind: Kind, refs: dict[str, FileRef]) -> tuple[ModelFile, ...]:
        return tuple(ModelFile(kind, ref.name, Path(ref.path), 1, 1, ref.sha256) for ref in refs.values())

    return AtHand(
        samplers=samplers(), schedulers=schedulers(), upscalers=[*latent_modes(), *upscalers()],
        catalog=Catalog({"checkpoint": files("checkpoint", CHECKPOINTS), "vae": files("vae", VAES)}), settings=now,
        hash_of=lambda model: model.sha256,
    )  # fmt: skip


def text_of(request: Txt2Img, job_settings: Settings) -> str:
    hires, refiner, vae = request.hires, request.refiner, request.models.vae
    files = {
        "checkpoint": CHECKPOINTS[request.models.checkpoint],
        "hires_checkpoint": CHECKPOINTS[hires.checkpoint] if hires and hires.checkpoint else None,
        "refiner": CHECKPOINTS[refiner.checkpoint] if refiner else None,
        "vae": VAES.get(vae),
    }
    order = Order(
        job="j", fence=1, request=request, shots=(), settings=job_settings, staging="",
        files={role: ref for role, ref in files.items() if ref},
    )  # fmt: skip
    shot = Shot(
        index=0, prompt=request.prompts.prompt, negative=request.prompts.negative, seed=request.seeds.seed,
        subseed=request.seeds.subseed, hires_prompt=hires.prompt if hires else "",
        hires_negative=hires.negative if hires else "",
    )  # fmt: skip
    return infotext(order, shot, Facts())


@settings(max_examples=150, deadline=None)
@given(REQUESTS, SETTINGS, SETTINGS)
@example({"models": {"checkpoint": "one.safetensors"}, "seeds": {"seed": 1, "subseed": 1}}, {}, {})
@example(
    {
        "models": {"checkpoint": "one.safetensors"}, "seeds": {"seed": 1, "subseed": 1},
        "sampling": {"sampler": "DDIM"}, "hires": {"sampler": "Euler a"},
    },
    {"eta_ancestral": 0.5},
    {},
)  # fmt: skip
def test_the_same_text_again(parts: dict[str, Any], chosen: dict[str, Any], others: dict[str, Any]) -> None:
    """``others``: the settings of who reads it."""
    text = text_of(Txt2Img.model_validate(parts), HERE.model_copy(update=chosen))
    now = HERE.model_copy(update=others)
    reading = read(parse(text), at_hand(now))
    assert text_of(reading.request(), now.model_copy(update=dict(reading.settings))) == text, (text, reading)


@settings(max_examples=50, deadline=None)
@given(REQUESTS)
def test_the_same_request_again(parts: dict[str, Any]) -> None:
    """Field by field, where each has an effect of its own."""
    request = Txt2Img.model_validate(parts)
    found = read(parse(text_of(request, HERE)), at_hand()).request()
    assert found.prompts == request.prompts
    assert found.size == request.size
    assert found.models == request.models
    assert found.refiner == request.refiner
    assert (found.seeds.seed, found.seeds.rng) == (request.seeds.seed, request.seeds.rng)
    for name in ("sampler", "steps", "cfg_scale", "s_min_uncond"):
        assert getattr(found.sampling, name) == getattr(request.sampling, name)
    if request.hires:
        assert found.hires
        for name in ("upscaler", "steps", "denoising", "width", "height"):
            assert getattr(found.hires, name) == getattr(request.hires, name)
