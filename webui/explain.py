"""``launch.py explain …``: what the program makes of something, as JSON. Needs no torch."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from webui.messages import Fault
from webui.models.detect import identify


def explain_model(file: Path) -> dict[str, Any]:
    """``{"family", "variant", "refused": {family: reason}, "missing": [key, …]}``.

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
    return answer | ({"looks_like": found.looks_like} if found.looks_like else {})


def main(argv: Sequence[str]) -> int:
    """Exit code 0 when the answer names a family that misses nothing."""
    parser = argparse.ArgumentParser(prog="launch.py explain")
    kinds = parser.add_subparsers(dest="kind", required=True)
    model = kinds.add_parser("model", help="what a model file is")
    model.add_argument("file", type=Path)
    options = parser.parse_args(argv)
    answer = explain_model(options.file)
    print(json.dumps(answer, indent=2, ensure_ascii=False))  # noqa: T201 (a program for a terminal)
    return 0 if answer["family"] and not answer["missing"] else 1
