"""The process that owns the device: orders come in on stdin, events go out on stdout, a JSON line each.

Started by ``jobs.executor.Subprocess``. It lives as long as its stdin: when the server is gone, so is it, at once.
"""

from __future__ import annotations

import argparse
import functools
import json
import logging
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from typing import IO

from webui.events import Event, Failed
from webui.jobs.executor import BEAT, Control, Order, Run
from webui.messages import Message

BEAT_SECONDS = 2.0
log = logging.getLogger(__name__)


class Pipe:
    """The way back to the server, shared by the threads of this process."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._lock = threading.Lock()

    def write(self, line: bytes) -> None:
        with self._lock:
            try:
                self._file.write(line)
                self._file.flush()
            except OSError:
                os._exit(0)  # nobody listens any more

    def emit(self, event: Event) -> None:
        self.write(event.model_dump_json().encode() + b"\n")


class Worker:
    def __init__(self, orders: IO[bytes], pipe: Pipe) -> None:
        self._in, self._pipe = orders, pipe
        self._orders: queue.SimpleQueue[Order] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._controls: dict[str, Control] = {}  # of the jobs taken in and not yet ended
        self._busy = threading.Event()

    def serve(self, load: Callable[[], Run]) -> None:
        """Never returns. Orders are taken in while ``load`` still gets ready, which may take seconds."""
        threading.Thread(target=self._listen, name="orders", daemon=True).start()
        threading.Thread(target=self._beat, name="beat", daemon=True).start()
        run = load()
        while True:
            order = self._orders.get()
            try:
                run(order, self._pipe.emit, self._controls[order.job])
            finally:
                with self._lock:
                    del self._controls[order.job]
                    if not self._controls:
                        self._busy.clear()

    def _listen(self) -> None:
        for line in self._in:
            message = json.loads(line)
            with self._lock:
                if "order" in message:
                    self._take(message["order"])
                elif control := self._controls.get(message["job"]):
                    control.apply(message["tell"])
        os._exit(0)

    def _take(self, text: dict[str, object]) -> None:
        try:
            order = Order.model_validate(text)
        except ValueError:  # a job stored by another version
            log.exception("an order cannot be read")
            self._pipe.emit(Failed(message=Message(code="unexpected", params={"reason": "unreadable order"})))
            return
        self._controls[order.job] = Control()
        self._busy.set()
        self._orders.put(order)

    def _beat(self) -> None:
        while True:
            self._busy.wait()
            self._pipe.write(BEAT)
            threading.Event().wait(BEAT_SECONDS)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="webui.worker")
    parser.add_argument("--use-cpu", action="store_true")
    parser.add_argument("--device-id", type=int)
    options = parser.parse_args(argv)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Windows has no sessions that keep Ctrl+C away (see Subprocess)
    logging.basicConfig(level=logging.INFO, format="worker: %(message)s", stream=sys.stderr)
    os.environ.setdefault("HF_HUB_OFFLINE", "1")  # no library may fetch anything by itself
    serve(lambda: _load(options.use_cpu, options.device_id))


def serve(load: Callable[[], Run]) -> None:
    # Events own the real stdout; whatever a library prints goes to the console instead.
    pipe = Pipe(os.fdopen(os.dup(sys.stdout.fileno()), "wb"))
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    Worker(sys.stdin.buffer, pipe).serve(load)


def _load(use_cpu: bool, device_id: int | None) -> Run:
    from webui import devices
    from webui.generate import run
    from webui.models.manager import Manager

    devices.same_numbers_every_time()
    device = devices.pick(use_cpu, device_id)
    return functools.partial(run, Manager(device, devices.precision_for(device)))


if __name__ == "__main__":
    main()
