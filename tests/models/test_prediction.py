"""What a file says of itself about its prediction, who is believed, and that nothing unknown is guessed at."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tests import tiny
from webui.explain.model import explain_model
from webui.files.header import Header, Tensor
from webui.models.detect import identify
from webui.models.prediction import MAX_SIDECAR, Objective, UnknownPrediction, read_objective, read_sidecar
from webui.sampling.schedule import scaled_linear

V = {"v_pred": Tensor("F32", (0,))}
ZERO = {"ztsnr": Tensor("F32", (0,))}
SPEC = "modelspec.prediction_type"

TABLE = [
    ({}, {}, "", Objective()),
    (V, {}, "", Objective("v", False, "tensor", "v_pred")),
    (V | ZERO, {}, "", Objective("v", True, "tensor", "v_pred")),
    (ZERO, {}, "", Objective("epsilon", True)),
    ({}, {SPEC: "epsilon"}, "", Objective("epsilon", False, "metadata", f"{SPEC}: epsilon")),
    ({}, {SPEC: "v"}, "", Objective("v", False, "metadata", f"{SPEC}: v")),
    ({}, {SPEC: "V_Prediction"}, "", Objective("v", False, "metadata", f"{SPEC}: V_Prediction")),
    (V, {SPEC: "epsilon"}, "", Objective("v", False, "tensor", "v_pred")),
    ({}, {}, 'model:\n  params:\n    parameterization: "v"\n', Objective("v", False, "sidecar", "parameterization: v")),
    ({}, {}, "parameterization: v\r\n", Objective("v", False, "sidecar", "parameterization: v")),
    (V, {}, "  parameterization: 'eps'", Objective("epsilon", False, "sidecar", "parameterization: eps")),
    (V, {}, "model:\n  params: {}\n", Objective("v", False, "tensor", "v_pred")),
    (V, {}, "# parameterization: eps\n", Objective("v", False, "tensor", "v_pred")),
]


@pytest.mark.parametrize(("tensors", "metadata", "sidecar", "wanted"), TABLE)
def test_who_says_what(tensors: dict[str, Tensor], metadata: dict[str, str], sidecar: str, wanted: Objective) -> None:
    assert read_objective(Header(tensors, metadata), sidecar) == wanted


@pytest.mark.parametrize(("metadata", "sidecar"), [({SPEC: "x0"}, ""), ({}, "parameterization: mu")])
def test_an_unknown_prediction_is_refused(metadata: dict[str, str], sidecar: str) -> None:
    with pytest.raises(UnknownPrediction) as fault:
        read_objective(Header({}, metadata), sidecar)
    assert fault.value.message.params["prediction"] in ("x0", "mu")


def test_a_sidecar_lies_beside_the_file_and_may_be_anything(tmp_path: Path) -> None:
    model = tmp_path / "a.b.safetensors"
    assert read_sidecar(model) == ""
    (tmp_path / "a.b.yaml").write_bytes(b"\xff\xfe" + b"[" * (2 * MAX_SIDECAR))
    assert len(read_sidecar(model)) <= MAX_SIDECAR
    assert read_objective(Header({}, {}), read_sidecar(model)) == Objective()
    (tmp_path / "a.b.yaml").unlink()
    (tmp_path / "a.b.yaml").mkdir()
    assert read_sidecar(model) == ""


def test_explain_says_what_a_file_predicts_and_who_says_so(tmp_path: Path) -> None:
    plain = tiny.checkpoint(tmp_path / "plain.safetensors")
    assert explain_model(plain)["prediction"] == {
        "kind": "epsilon", "zero_terminal_snr": False, "source": "family", "words": ""
    }  # fmt: skip
    marked = tmp_path / "marked.safetensors"
    save_file(tiny.tensors() | {"v_pred": torch.zeros(0), "ztsnr": torch.zeros(0)}, marked)
    assert explain_model(marked)["prediction"] == {
        "kind": "v", "zero_terminal_snr": True, "source": "tensor", "words": "v_pred"
    }  # fmt: skip
    assert explain_model(marked)["missing"] == []


def test_a_file_that_says_something_unknown_is_refused_with_the_reason(tmp_path: Path) -> None:
    file = tmp_path / "odd.safetensors"
    save_file(tiny.tensors(), file, metadata={SPEC: "x0"})
    answer = explain_model(file)
    assert answer["family"] is None and "“x0”" in answer["refused"]["Stable Diffusion 1.x"]


def test_the_schedule_is_the_files_own(tmp_path: Path) -> None:
    usual = scaled_linear()
    assert Objective().schedule(usual) == usual
    for own in (Objective(zero_snr=True).schedule(usual), Objective().schedule(usual, zero_snr=True)):
        assert own.sigma_max > 1000 and own.sigma_min == pytest.approx(usual.sigma_min)
    file = tiny.checkpoint(tmp_path / "plain.safetensors")
    (tmp_path / "plain.yaml").write_text("parameterization: v\n")
    variant = identify(file).variant
    assert variant and variant.objective.source == "sidecar" and variant.objective.prediction.name == "v"
