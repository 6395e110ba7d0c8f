"""The models of one order, by what they are for. One is used at a time, since memory may hold no more."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Literal, Self

from webui.events import Progress
from webui.jobs.executor import Emit, Order
from webui.messages import Fault
from webui.models.family import Family
from webui.models.manager import Files, Manager, Model
from webui.models.tiling import circular

Role = Literal["checkpoint", "hires_checkpoint", "refiner"]
FIELDS = {"checkpoint": "models.checkpoint", "hires_checkpoint": "hires.checkpoint", "refiner": "refiner.checkpoint"}


class Loaded:
    """``model`` is the one in use; whoever keeps it beyond a call keeps it from being dropped for another.

    While it is in use it makes pictures that tile, if that is asked for; a context manager, so that this ends.
    """

    def __init__(self, manager: Manager, order: Order, emit: Emit) -> None:
        self._manager, self._order, self._emit = manager, order, emit
        self._used: tuple[Role, Model] | None = None
        self._first: tuple[str, Family] | None = None  # name, family
        self._tiled = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._leave()

    @property
    def model(self) -> Model:
        assert self._used
        return self._used[1]

    @property
    def role(self) -> Role:
        assert self._used
        return self._used[0]

    def use(self, role: Role) -> None:
        """Raises Fault for a file that is damaged, or of another family than the first."""
        if self._used and self._used[0] == role:
            return
        self._leave()
        files = Files(self._order.files[role], self._order.files.get("vae"))
        self._used = role, self._manager.get(files, self._order.settings.sd_checkpoints_limit, self._loading)
        self._first = self._first or (self.model.name, self.model.family)
        name, family = self._first
        if self.model.family is not family:
            raise Fault("other_family", field=FIELDS[role], name=self.model.name, first=name)
        if self._order.request.size.tiling:
            self._tiled.enter_context(circular(self.model.parts.denoiser, self.model.parts.vae))

    def _leave(self) -> None:
        self._used = None
        self._tiled.close()

    def _loading(self, fraction: float) -> None:
        self._emit(Progress(phase="loading", fraction=fraction))
