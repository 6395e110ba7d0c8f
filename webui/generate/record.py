"""Makes the record that a picture carries (``webui.record``)."""

from __future__ import annotations

import functools
import platform
from dataclasses import astuple
from pathlib import Path

import numpy
import torch

import webui
from webui.devices import Precision
from webui.jobs.executor import Order
from webui.plan import Shot
from webui.record import CHUNK, FileRecord, Machine, Record, changed_settings, pixels_hash, text_hash, without_prompts

CPU_INFO = Path("/proc/cpuinfo")


def record(
    order: Order, shot: Shot, pixels: numpy.ndarray, infotext: str, partial: bool, machine: Machine
) -> dict[str, str]:
    """The chunk, by its name. ``pixels`` (H, W, 3) uint8 as they are saved."""
    made = Record(
        program=webui.__version__,
        request=without_prompts(order.request),
        shot=shot.model_copy(update={"index": 0}),
        settings=changed_settings(order.settings),
        files={role: FileRecord(name=file.name, sha256=file.sha256) for role, file in order.files.items()},
        machine=machine,
        partial=partial,
        text=text_hash(infotext),
        pixels=pixels_hash(pixels),
    )
    return {CHUNK: made.dump()}


def machine(device: torch.device, precision: Precision) -> Machine:
    return Machine(
        device=device.type,
        name=_name(device),
        torch=torch.__version__,
        precision=astuple(precision),
        threads=torch.get_num_threads() if device.type == "cpu" else 0,
    )


@functools.cache
def _name(device: torch.device) -> str:
    """The card; or the processor, with the instructions that torch uses of it."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{_processor()} ({torch.backends.cpu.get_cpu_capability()})"


def _processor() -> str:
    try:
        lines = CPU_INFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine()
