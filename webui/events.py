"""What a running job says. Events cross the worker's pipe as one JSON line each."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from webui.messages import Message


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True)


class Progress(_Event):
    """``fraction`` (0..1): of the model while it is loading; else how much of the picture's sampling is done, all
    passes together, by the work it is and not by the number of steps. ``step`` of ``steps`` is within the pass.
    """

    kind: Literal["progress"] = "progress"
    phase: Literal["loading", "encoding", "sampling", "enlarging", "decoding"] = "sampling"
    fraction: float = 0.0
    step: int = 0
    steps: int = 0
    hires: bool = False  # in the second pass
    index: int = 0  # of the shot within the whole job
    preview: str | None = None  # base64 JPEG


class Saved(_Event):
    """A picture lies in the staging folder, complete and synced to disk."""

    kind: Literal["saved"] = "saved"
    index: int
    path: str
    sha256: str
    seed: int
    width: int
    height: int
    infotext: str
    partial: bool = False  # stopped before its last step


class Note(_Event):
    """Something people should know about a job that goes on."""

    kind: Literal["note"] = "note"
    message: Message


class Done(_Event):
    """The job ended as asked; ``cancelled`` when it was stopped early."""

    kind: Literal["done"] = "done"
    cancelled: bool = False


class Failed(_Event):
    kind: Literal["failed"] = "failed"
    message: Message


class Lost(_Event):
    """Said by an executor: the process that worked on the job is gone, and the job with it."""

    kind: Literal["lost"] = "lost"
    reason: str


Event = Annotated[Progress | Saved | Note | Done | Failed | Lost, Field(discriminator="kind")]
_adapter: TypeAdapter[Event] = TypeAdapter(Event)


def load(line: str | bytes) -> Event:
    return _adapter.validate_json(line)
