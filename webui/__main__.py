"""``python -m webui [flags]``: read the options, make the App, serve its page and its API until told to stop.

Things happen in the order in which people wait for them: what the page needs first, and once it can be reached
``App.start``, which wakes the worker. torch is never imported here.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

import uvicorn
from starlette.types import ASGIApp

from webui import api, doctor, explain, install, messages, options
from webui.api.farewell import Farewell
from webui.api.guard import Guard
from webui.api.no_files import NoFiles
from webui.api.subpath import Subpath
from webui.app import App
from webui.jobs.executor import Subprocess, worker_command
from webui.lock import Held, Lock
from webui.options import Options
from webui.paths import PROGRAM, Paths
from webui.ports import PortTaken, listen

HELD = 3  # exit code when another program holds the folder or the port
TRIES = 11  # ports tried from the usual one up, where none was named
GRACE_SECONDS = 2  # for replies under way when the server is told to stop


def main(argv: Sequence[str]) -> int:
    command = argv[0] if argv else ""
    if command == "explain":
        return explain.main(argv[1:])
    if command == "doctor":
        return doctor.run(options.parse(argv[1:]), install.Environment(Path(sys.prefix)))
    port_named = any(arg.partition("=")[0] == "--port" for arg in argv)
    return start(options.parse(argv), 1 if port_named else TRIES)


def start(given: Options, tries: int) -> int:
    """Take the folder and a port, then serve until stopped. Returns the exit code."""
    try:
        lock = Lock(given.data_dir / "data" / "server.lock")
    except Held as held:
        return fail("folder_held", folder=given.data_dir, pid=held.pid or "?", port=held.port or "?")
    try:
        listener = listen(given.host, given.port, tries)
    except PortTaken as taken:
        return fail("port_held", port=taken.port, holder=doctor.port_holder(taken.port) or "?", other=taken.port + 1)
    port = listener.getsockname()[1]
    if port != given.port:
        tell("port_moved", port=given.port, other=port)
    lock.say(pid=os.getpid(), port=port)
    with contextlib.suppress(KeyboardInterrupt):  # Ctrl+C is how people stop it
        serve(dataclasses.replace(given, port=port), listener)
    return 0


def serve(given: Options, listener: socket.socket) -> None:
    """Blocks until the server is told to stop. Raises SystemExit or KeyboardInterrupt then."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    for chatty in ("httpx", "uvicorn"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    logging.getLogger("uvicorn.error").addFilter(lambda record: "graceful shutdown" not in str(record.msg))
    signal.signal(signal.SIGTERM, on_terminate)
    worker = Subprocess(worker_command(*worker_arguments(given)), PROGRAM)
    paths = Paths(given.data_dir, given.model_folders, given.styles_file)
    app = App(paths, worker, given.ckpt.name if given.ckpt else "")
    try:
        config = uvicorn.Config(
            assemble(app, given),
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="on",
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
        Server(config, lambda: on_serving(app, given)).run([listener])
    finally:
        app.close()


def assemble(app: App, given: Options) -> ASGIApp:
    """The API, the page on top of it, and the guard around both. Importing the page (gradio) takes seconds."""
    os.environ.update(
        GRADIO_ANALYTICS_ENABLED="False",  # nothing here calls home
        GRADIO_TEMP_DIR=str(given.data_dir / "data" / "cache" / "gradio"),
        HF_HUB_OFFLINE="1",
    )
    from webui.ui.page import mount

    site = mount(api.create(app, given), app, given)
    return Farewell(Guard(NoFiles(Subpath(site, given.subpath)), given))


class Server(uvicorn.Server):
    """Says when it can be reached."""

    def __init__(self, config: uvicorn.Config, on_serving: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_serving = on_serving

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_serving()


def on_serving(app: App, given: Options) -> None:
    print(f"Running on local URL: {given.url.removesuffix('/')}", flush=True)
    threading.Thread(target=app.start, name="start", daemon=True).start()


def on_terminate(signum: int, frame: object) -> NoReturn:
    """While uvicorn runs it catches the signal, drains, and hands it on to us afterwards."""
    raise SystemExit(0)


def worker_arguments(given: Options) -> list[str]:
    device = [] if given.device_id is None else ["--device-id", str(given.device_id)]
    return [*device, *(["--use-cpu"] if given.use_cpu else [])]


def tell(code: str, **params: object) -> None:
    """One line with its cure, in the terminal's language."""
    message = messages.Message(code=code, params=params)
    language = options.system_language()
    print(message.text(language), message.hint(language), file=sys.stderr, flush=True)


def fail(code: str, **params: object) -> int:
    tell(code, **params)
    return HELD


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
