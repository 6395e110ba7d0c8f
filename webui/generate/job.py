"""One order from start to end: the model, then shot after shot, each picture handed over as soon as it is made."""

from __future__ import annotations

import errno
import logging
from pathlib import Path

import torch

from webui.events import Done, Failed, Progress, Saved
from webui.files.hashes import sha256_of
from webui.generate.txt2img import Txt2ImgJob
from webui.jobs.executor import Control, Emit, Order
from webui.messages import Fault, Message
from webui.models.manager import Files, Manager
from webui.outputs import encode, stage
from webui.plan import Shot

log = logging.getLogger(__name__)


def run(manager: Manager, order: Order, emit: Emit, control: Control) -> None:
    """Always ends with Done or Failed; nothing is raised."""
    try:
        cancelled = _make_all(manager, order, emit, control)
    except Fault as fault:
        emit(Failed(message=fault.message))
    except Exception as error:
        log.exception("job %s failed", order.job)
        emit(Failed(message=_explain(error, order)))
    else:
        emit(Done(cancelled=cancelled))


def _make_all(manager: Manager, order: Order, emit: Emit, control: Control) -> bool:
    """True when stopped before the last picture was complete."""
    emit(Progress(phase="loading"))
    model = manager.get(
        Files(order.files["checkpoint"], order.files.get("vae")),
        order.settings.sd_checkpoints_limit,
        lambda fraction: emit(Progress(phase="loading", fraction=fraction)),
    )
    job = Txt2ImgJob(order, model, emit, control)
    for shot in order.shots:
        if control.stop != "no":
            return True
        control.skip = False
        made = job.make(shot)
        if made is not None:
            emit(_staged(order, shot, made.pixels, made.infotext, made.partial))
        if control.stop == "now":
            return made is None or made.partial or shot is not order.shots[-1]
    return False


def _staged(order: Order, shot: Shot, pixels: torch.Tensor, infotext: str, partial: bool) -> Saved:
    """Write the picture, synced, into this attempt's folder. ``pixels`` (H, W, 3) uint8."""
    picture = encode(pixels.numpy(), infotext, order.settings, lossless=not order.request.keep.save)
    path = stage(Path(order.staging), shot.index, picture)
    height, width, _ = pixels.shape
    return Saved(
        index=shot.index, path=str(path), sha256=sha256_of(path), seed=shot.seed,
        width=width, height=height, infotext=infotext, partial=partial,
    )  # fmt: skip


def _explain(error: Exception, order: Order) -> Message:
    size = order.request.size
    text = str(error)
    out_of_memory = isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in text
    if out_of_memory:
        return Message(code="out_of_memory", params={"width": size.width, "height": size.height})
    if isinstance(error, OSError):
        if error.errno == errno.ENOSPC:
            return Message(code="disk_full")
        return Message(code="disk_error", params={"reason": error.strerror or type(error).__name__})
    return Message(code="unexpected", params={"reason": type(error).__name__})
