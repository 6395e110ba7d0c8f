"""A worker without models that paints pictures of one colour. The pipe, orders and events are the real ones.

As a program: ``python fake_worker.py SECONDS_A_STEP [COUNTER]``; COUNTER is a file that gets a line per picture begun.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy

import webui
from webui.events import Done, Failed, Progress, Saved
from webui.files.hashes import sha256_of
from webui.jobs.executor import Control, Emit, Order
from webui.messages import Message
from webui.outputs import encode, stage
from webui.plan import Shot
from webui.record import CHUNK, FileRecord, Record, pixels_hash, text_hash, without_prompts

PREVIEW = (  # a JPEG of one pixel
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB"
    "AQEBAQEBAQEBAQEBAQH/wAALCAABAAEBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAACf/EABQQAQAAAAAAAAAAAAAAAAAAAAD/2gAI"
    "AQEAAD8AVN//2Q=="
)


def paint(order: Order, emit: Emit, control: Control, seconds_a_step: float = 0.0, counter: Path | None = None) -> None:
    """A prompt "fail" fails, "die" ends the process, as a crash would."""
    prompt = order.request.prompts.prompt
    if prompt == "fail":
        return emit(Failed(message=Message(code="out_of_memory", params={"width": 1, "height": 1})))
    if prompt == "die":
        sys.exit(7)
    for shot in order.shots:
        if control.stop != "no":
            return emit(Done(cancelled=True))
        control.skip = False
        if counter:
            with counter.open("a") as file:
                file.write(f"{order.job} {shot.index}\n")
        steps = order.request.sampling.steps
        partial = False
        for step in range(1, steps + 1):
            if control.stop == "now" or control.skip:
                partial = True
                break
            time.sleep(seconds_a_step)
            emit(Progress(fraction=step / steps, step=step, steps=steps, index=shot.index, preview=PREVIEW))
        emit(_saved(order, shot, partial))
        if control.stop == "now":
            return emit(Done(cancelled=True))
    return emit(Done())


def _saved(order: Order, shot: Shot, partial: bool) -> Saved:
    size = order.request.size
    pixels = numpy.full((size.height, size.width, 3), shot.seed % 256, numpy.uint8)
    infotext = f"{shot.prompt}\nSteps: {order.request.sampling.steps}, Seed: {shot.seed}, Version: fake"
    record = Record(
        program=webui.__version__,
        request=without_prompts(order.request),
        shot=shot.model_copy(update={"index": 0}),
        files={role: FileRecord(name=file.name, sha256=file.sha256) for role, file in order.files.items()},
        text=text_hash(infotext),
        pixels=pixels_hash(pixels),
    )
    extra = {CHUNK: record.dump()}
    picture = encode(pixels, infotext, order.settings, extra, lossless=not order.request.keep.save)
    path = stage(Path(order.staging), shot.index, picture)
    return Saved(
        index=shot.index,
        path=str(path),
        sha256=sha256_of(path),
        seed=shot.seed,
        width=size.width,
        height=size.height,
        infotext=infotext,
        partial=partial,
    )


if __name__ == "__main__":
    from webui.worker import serve

    seconds = float(sys.argv[1])
    file = Path(sys.argv[2]) if len(sys.argv) > 2 else None
    serve(lambda: lambda order, emit, control: paint(order, emit, control, seconds, file))
