"""Settings that a generation text speaks of, by the keys under which it does."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from webui.foreign.kinds import note
from webui.reproduce.convert import value_of
from webui.reproduce.kinds import Findings, Wish
from webui.settings import Settings

# A text that does not have the key was made with the setting's default.
KEYS: Mapping[str, str] = MappingProxyType({
    "Old prompt editing timelines": "use_old_scheduling",
    "Pad conds": "pad_cond_uncond",
    "Comma padding backtrack": "comma_padding_backtrack",
    "Eta": "eta_ancestral",
    "Eta DDIM": "eta_ddim",
    "NGMS all steps": "s_min_uncond_all",
    "Skip Early CFG": "skip_early_cond",
    "Schedule min sigma": "sigma_min",
    "Schedule max sigma": "sigma_max",
    "Schedule rho": "rho",
    "Beta schedule alpha": "beta_dist_alpha",
    "Beta schedule beta": "beta_dist_beta",
    "Discard penultimate sigma": "always_discard_next_to_last_sigma",
    "SGM noise multiplier": "sgm_noise_multiplier",
    "Noise Schedule": "sd_noise_schedule",
    "UniPC variant": "uni_pc_variant",
    "UniPC skip type": "uni_pc_skip_type",
    "UniPC order": "uni_pc_order",
    "UniPC lower order final": "uni_pc_lower_order_final",
    "Refiner switch by sampling steps": "refiner_switch_by_sample_steps",
})  # fmt: skip
# sd-webui asks for these on pasting; it writes the names above.
OTHER_NAMES = {"Beta scheduler alpha": "Beta schedule alpha", "Beta scheduler beta": "Beta schedule beta"}


def wishes(fields: Mapping[str, str], settings: Settings) -> Findings:
    """Every setting of KEYS that has to be otherwise than it is."""
    for key, name in KEYS.items():
        yield from wish(settings, key, name, fields.get(key))


def wish(settings: Settings, key: str, name: str, text: str | None) -> Findings:
    """``text`` None means the default. A value that the setting cannot have is said."""
    try:
        value = default(name) if text is None else value_of(Settings.model_fields[name], text)
    except ValueError:
        yield note("bad_value", key=key, value=text)
        return
    if value != getattr(settings, name):
        yield Wish(name, value)


def default(name: str) -> Any:
    return Settings.model_fields[name].default
