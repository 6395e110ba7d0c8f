"""One order from start to end: shot after shot, each picture handed over as soon as it is made."""

from __future__ import annotations

import errno
import logging
from pathlib import Path

import torch

from webui.events import Done, Failed, Progress, Saved
from webui.files.hashes import sha256_of
from webui.generate.diffuse import Work
from webui.generate.loaded import Loaded
from webui.generate.record import machine, record
from webui.generate.texts import Texts
from webui.generate.txt2img import Made, make
from webui.jobs.executor import Control, Emit, Order
from webui.messages import Fault, Message
from webui.models.manager import Manager
from webui.outputs import encode, stage
from webui.plan import Shot
from webui.record import Machine
from webui.request import final_size

log = logging.getLogger(__name__)


def run(manager: Manager, order: Order, emit: Emit, control: Control) -> None:
    """Always ends with Done or Failed; nothing is raised."""
    try:
        cancelled = _make_all(manager, order, emit, control)
    except Fault as fault:
        emit(Failed(message=fault.message))
    except Exception as error:
        log.exception("job %s failed", order.job)
        emit(Failed(message=explain_failure(error, order)))
    else:
        emit(Done(cancelled=cancelled))


def _make_all(manager: Manager, order: Order, emit: Emit, control: Control) -> bool:
    """True when stopped before the last picture was complete."""
    emit(Progress(phase="loading"))
    with Loaded(manager, order, emit) as models:
        work = Work(order, models, Texts(order, models, emit))
        for shot in order.shots:
            if control.stop != "no":
                return True
            control.skip = False
            made = make(work, shot, emit, control)
            if made is not None:
                emit(_staged(order, shot, made, machine(models.model.device, models.model.precision)))
            if control.stop == "now":
                return made is None or made.partial or shot is not order.shots[-1]
    return False


def _staged(order: Order, shot: Shot, made: Made, machine: Machine) -> Saved:
    """Write the picture, synced, into this attempt's folder."""
    # What the job store alone keeps may be compared with later, so no pixel of it may change.
    extra = record(order, shot, made.pixels, made.infotext, made.partial, machine)
    file = encode(made.pixels, made.infotext, order.settings, extra, lossless=not order.request.keep.save)
    path = stage(Path(order.staging), shot.index, file)
    height, width, _ = made.pixels.shape
    return Saved(
        index=shot.index, path=str(path), sha256=sha256_of(path), seed=shot.seed,
        width=width, height=height, infotext=made.infotext, partial=made.partial,
    )  # fmt: skip


def explain_failure(error: Exception, order: Order) -> Message:
    """What a failure is called, for people. "can't allocate memory" is how torch says it on a CPU."""
    text = str(error)
    out_of_memory = isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in text
    if out_of_memory:
        width, height = final_size(order.request)
        return Message(code="out_of_memory", params={"width": width, "height": height})
    if isinstance(error, OSError):
        if error.errno == errno.ENOSPC:
            return Message(code="disk_full")
        return Message(code="disk_error", params={"reason": error.strerror or type(error).__name__})
    return Message(code="unexpected", params={"reason": type(error).__name__})
