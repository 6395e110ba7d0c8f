"""The seam between the queue and whatever computes: an order in, events out.

An executor runs one job at a time and blocks until it has ended; the queue gives each executor a thread of its own.
Orders are plain JSON, so an executor may sit in this process (tests), in another one (the default), or elsewhere.
"""

from __future__ import annotations

import contextlib
import json
import queue
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal, Protocol

from pydantic import BaseModel, ConfigDict

from webui import events
from webui.events import Done, Event, Failed, Lost
from webui.plan import Shot
from webui.request import Request
from webui.settings import Settings

SILENCE_SECONDS = 60.0  # a worker says at least a beat every 2 s; one silent for this long hangs
BEAT = b"beat\n"


class FileRef(BaseModel):
    """A model file as the catalog knew it when the job started."""

    model_config = ConfigDict(frozen=True)

    name: str
    path: str
    size: int
    mtime_ns: int
    sha256: str


class Order(BaseModel):
    """Everything a worker needs to make the pictures of a job that are still missing."""

    model_config = ConfigDict(frozen=True)

    job: str
    fence: int
    request: Request
    shots: tuple[Shot, ...]
    settings: Settings
    files: dict[str, FileRef]  # by what they are for: checkpoint, vae
    staging: str  # a folder of this attempt alone


class Control:
    """How a running job is told to stop or to go on to the next picture. Set by one thread, read by another."""

    def __init__(self) -> None:
        self.stop: Literal["no", "after_image", "now"] = "no"
        self.skip = False

    def apply(self, command: str) -> None:
        if command == "skip":
            self.skip = True
        elif command in ("now", "after_image"):
            self.stop = command  # type: ignore[assignment]


Emit = Callable[[Event], None]
Run = Callable[[Order, Emit, Control], None]


class Executor(Protocol):
    def start(self) -> None:
        """Get ready early; not needed for correctness."""
        ...

    def run(self, order: Order, emit: Emit) -> None:
        """Blocks; the last event emitted is Done, Failed or Lost."""
        ...

    def tell(self, job: str, command: Literal["now", "after_image", "skip"]) -> None:
        """Does nothing when the job is not running here."""
        ...

    def close(self) -> None: ...


class InProcess:
    """Runs orders in the caller's thread: for tests, and for seeing a traceback."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._job = ""
        self._control = Control()

    def start(self) -> None:
        pass

    def run(self, order: Order, emit: Emit) -> None:
        self._control, self._job = Control(), order.job
        try:
            self._run(order, emit, self._control)
        finally:
            self._job = ""

    def tell(self, job: str, command: Literal["now", "after_image", "skip"]) -> None:
        if job == self._job:
            self._control.apply(command)

    def close(self) -> None:
        pass


def worker_command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "webui.worker", *arguments]


@dataclass
class _Worker:
    process: subprocess.Popen[bytes]
    lines: queue.SimpleQueue[bytes]  # b"" when the pipe has closed


class Subprocess:
    """Runs orders in a worker process, which is started again when it has died or hangs."""

    def __init__(self, command: list[str], cwd: Path, silence: float = SILENCE_SECONDS) -> None:
        """``command`` starts the worker; ``worker_command`` makes the usual one."""
        self._command, self._cwd, self._silence = command, cwd, silence
        self._lock = threading.Lock()
        self._worker: _Worker | None = None
        self._job = ""

    @property
    def pid(self) -> int | None:
        worker = self._worker
        return worker.process.pid if worker else None

    def start(self) -> None:
        with self._lock:
            if self._worker and self._worker.process.poll() is not None:
                self._end(self._worker)
                self._worker = None
            self._worker = self._worker or self._spawn()

    def _spawn(self) -> _Worker:
        process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=self._cwd,
            start_new_session=True,  # Ctrl+C in the terminal is for the server, which then closes the pipe
        )
        lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        assert process.stdout
        threading.Thread(target=_pump, args=(process.stdout, lines), name="worker-events", daemon=True).start()
        return _Worker(process, lines)

    def run(self, order: Order, emit: Emit) -> None:
        self.start()
        worker = self._worker
        assert worker
        self._job = order.job
        try:
            if not self._send({"order": order.model_dump(mode="json")}):
                emit(Lost(reason="the worker was gone before it took the job"))
            else:
                self._relay(worker, emit)
        except BaseException:
            self._end(worker)  # it still works on an order that nobody listens to
            raise
        finally:
            self._job = ""

    def _relay(self, worker: _Worker, emit: Emit) -> None:
        while True:
            try:
                line = worker.lines.get(timeout=self._silence)
            except queue.Empty:
                self._end(worker)
                return emit(Lost(reason=f"the worker said nothing for {self._silence:.0f} seconds"))
            if not line:
                self._end(worker)
                return emit(Lost(reason=_cause_of_death(worker.process.returncode)))
            if line == BEAT:
                continue
            event = events.load(line)
            emit(event)
            if isinstance(event, Done | Failed):
                return None

    def _end(self, worker: _Worker) -> None:
        worker.process.kill()
        worker.process.wait()
        for pipe in (worker.process.stdin, worker.process.stdout):
            with contextlib.suppress(OSError):
                if pipe:
                    pipe.close()

    def tell(self, job: str, command: Literal["now", "after_image", "skip"]) -> None:
        if job == self._job:
            self._send({"job": job, "tell": command})

    def _send(self, message: dict[str, object]) -> bool:
        worker = self._worker
        assert worker and worker.process.stdin
        with self._lock:
            try:
                worker.process.stdin.write(json.dumps(message).encode() + b"\n")
                worker.process.stdin.flush()
            except (OSError, ValueError):  # it died, which the reader sees too; or we closed its pipe ourselves
                return False
        return True

    def close(self) -> None:
        """Closing its pipe ends the worker; one that computes is not waited for long."""
        worker = self._worker
        if worker is None:
            return
        with contextlib.suppress(OSError):
            assert worker.process.stdin
            worker.process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            worker.process.wait(timeout=5)
        self._end(worker)


def _pump(pipe: IO[bytes], lines: queue.SimpleQueue[bytes]) -> None:
    for line in pipe:
        lines.put(line)
    lines.put(b"")


def _cause_of_death(code: int | None) -> str:
    if code == -9:
        return "the worker was killed (signal 9), often because memory ran out"
    return (
        f"the worker was ended by signal {-code}"
        if code is not None and code < 0
        else f"the worker exited with code {code}"
    )
