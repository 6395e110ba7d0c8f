"""What a network was trained to answer: the noise, or v (Salimans & Ho 2022, arXiv:2202.00512). No torch.

Shapes cannot tell. It is said, in this order, by a file ``name.yaml`` beside the model (the person's own word), by
marker tensors in it, by its metadata (modelspec.org); where nobody says anything it is the noise.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from webui.files.header import Header
from webui.messages import Fault
from webui.sampling.schedule import EPSILON, NoiseSchedule, Prediction, V, zero_terminal_snr

MAX_SIDECAR = 100_000  # bytes
METADATA = "modelspec.prediction_type"
V_KEY, ZERO_SNR_KEY = "v_pred", "ztsnr"  # empty tensors that trainers leave in the file
WORDS = {
    "eps": "epsilon", "epsilon": "epsilon",
    "v": "v", "v_prediction": "v", "v-prediction": "v", "v_pred": "v",
}  # fmt: skip
PREDICTIONS = {"epsilon": EPSILON, "v": V}
_PARAMETERIZATION = re.compile(r"""^[ \t]*parameterization[ \t]*:[ \t]*["']?([\w.-]+)""", re.MULTILINE)


@dataclass(frozen=True)
class Objective:
    """``zero_snr``: trained with zero terminal SNR (Lin et al. 2023, arXiv:2305.08891).

    ``source`` is who says so; ``words`` are what it says: a tensor's name, a line of metadata or of the file.
    """

    kind: Literal["epsilon", "v"] = "epsilon"
    zero_snr: bool = False
    source: Literal["family", "tensor", "metadata", "sidecar"] = "family"
    words: str = ""

    @property
    def prediction(self) -> Prediction:
        return PREDICTIONS[self.kind]

    def schedule(self, usual: NoiseSchedule, zero_snr: bool = False) -> NoiseSchedule:
        """The family's noise schedule as this network knows it, or with ``zero_snr`` as a setting wants it."""
        return zero_terminal_snr(usual) if self.zero_snr or zero_snr else usual


class UnknownPrediction(Fault):
    """A file says of itself something that is not known here."""


def read_objective(header: Header, sidecar: str = "") -> Objective:
    """``sidecar`` is the text of ``name.yaml``. Raises UnknownPrediction."""
    zero_snr = ZERO_SNR_KEY in header.tensors
    if line := _PARAMETERIZATION.search(sidecar):
        return Objective(_kind(line[1]), zero_snr, "sidecar", f"parameterization: {line[1]}")
    if V_KEY in header.tensors:
        return Objective("v", zero_snr, "tensor", V_KEY)
    if said := header.metadata.get(METADATA):
        return Objective(_kind(said), zero_snr, "metadata", f"{METADATA}: {said}")
    return Objective(zero_snr=zero_snr)


def read_sidecar(model: Path) -> str:
    """The text of ``name.yaml`` beside ``name.safetensors``, empty without one.

    Only a line of it is looked for, so no YAML is built, however hostile it is.
    """
    try:
        with model.with_suffix(".yaml").open("rb") as file:
            return file.read(MAX_SIDECAR).decode("utf-8", "replace")
    except OSError:
        return ""


def _kind(word: str) -> Literal["epsilon", "v"]:
    kind = WORDS.get(word.strip().lower())
    if kind is None:
        raise UnknownPrediction("prediction_unknown", prediction=word[:100])
    return "v" if kind == "v" else "epsilon"
