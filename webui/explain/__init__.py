"""``launch.py explain …``: what the program makes of something, as JSON on standard output. Needs no torch.

Each module here explains one kind of thing: NAME and HELP, ``arguments(parser)``, and ``explain(options)``, which
returns what is printed and whether all is well.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence

from webui.explain import image, model, prompt, sigmas

KINDS = {module.NAME: module for module in (model, prompt, sigmas, image)}


def main(argv: Sequence[str]) -> int:
    """Exit code 0 when all is well with what was asked about."""
    parser = argparse.ArgumentParser(prog="launch.py explain")
    kinds = parser.add_subparsers(dest="kind", required=True)
    for name, module in KINDS.items():
        module.arguments(kinds.add_parser(name, help=module.HELP))
    options = parser.parse_args(argv)
    answer, good = KINDS[options.kind].explain(options)
    print(json.dumps(answer, indent=2, ensure_ascii=False))  # noqa: T201 (a program for a terminal)
    return 0 if good else 1
