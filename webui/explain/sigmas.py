"""Where a schedule puts its sigmas."""

from __future__ import annotations

import argparse
from typing import Any

from webui.messages import Message
from webui.registry import UnknownName
from webui.sampling.kinds import find_scheduler
from webui.sampling.schedule import ScheduleOptions, scaled_linear

NAME = "sigmas"
HELP = "where a schedule puts its steps"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("scheduler", help="its name or label: karras, “SGM Uniform”, …")
    parser.add_argument("--steps", type=_steps, default=20)
    parser.add_argument("--model", choices=("sd1", "sdxl"), default="sd1", help="counts for Align Your Steps")


def _steps(text: str) -> int:
    if not 1 <= int(text) <= 1000:
        raise argparse.ArgumentTypeError("from 1 to 1000")
    return int(text)


def explain(options: argparse.Namespace) -> tuple[dict[str, Any], bool]:
    """Good when there is such a schedule."""
    try:
        return {"sigmas": explain_sigmas(options.scheduler, options.steps, sdxl=options.model == "sdxl")}, True
    except UnknownName as unknown:
        message = Message(code="unknown_scheduler", params={"name": unknown.name, "nearest": unknown.nearest})
        return {"error": f"{message.text()} {message.hint()}"}, False


def explain_sigmas(scheduler: str, steps: int, sdxl: bool = False) -> list[float]:
    """On Stable Diffusion's noise schedule; "Automatic" is what most samplers make of it. Raises UnknownName."""
    place = find_scheduler(scheduler).sigmas or find_scheduler("uniform").sigmas
    assert place
    return place(steps, scaled_linear(), ScheduleOptions(sdxl=sdxl))
