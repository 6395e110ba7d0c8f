"""What a model file is."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from webui.messages import Fault
from webui.models.detect import identify
from webui.models.prediction import Objective

NAME = "model"
HELP = "what a model file is"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path)


def explain(options: argparse.Namespace) -> tuple[dict[str, Any], bool]:
    """Good when a family fits and misses nothing."""
    answer = explain_model(options.file)
    return answer, bool(answer["family"] and not answer["missing"])


def explain_model(file: Path) -> dict[str, Any]:
    """``{"family", "variant", "refused": {family: reason}, "missing": [key, …], "prediction": {…}}``.

    ``prediction`` (of a known variant only) is what the network answers, and which words of whom say so.
    A file that cannot be read at all has no family, and ``refused`` says why under "file".
    """
    try:
        found = identify(file)
    except Fault as fault:
        return {"family": None, "variant": None, "refused": {"file": str(fault)}, "missing": []}
    variant = found.variant
    answer = {
        "family": found.family.name if found.family else None,
        "variant": variant.name if variant else None,
        "refused": {name: message.text() for name, message in found.refused.items()},
        "missing": list(variant.missing) if variant else [],
    }
    if variant:
        answer["prediction"] = _prediction(variant.objective)
    return answer | ({"looks_like": found.looks_like} if found.looks_like else {})


def _prediction(objective: Objective) -> dict[str, Any]:
    return {
        "kind": objective.kind,
        "zero_terminal_snr": objective.zero_snr,
        "source": objective.source,
        "words": objective.words,
    }
