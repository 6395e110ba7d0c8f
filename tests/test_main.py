"""The real program, started as people start it: what it says, what it keeps out of its process, how it ends."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from tests.conftest import make_home
from tests.fake_worker import paint
from webui import __main__ as program
from webui.app import App
from webui.jobs.executor import InProcess
from webui.lock import Held, Lock
from webui.options import Options
from webui.paths import Paths
from webui.ports import PortTaken, listen

ROOT = Path(__file__).parents[1]
SMALL = {"prompt": "a boat", "steps": 2, "width": 64, "height": 64, "seed": 5}


@dataclass
class Server:
    process: subprocess.Popen[str]
    url: str
    told: list[str]  # lines printed before it could be reached

    def stop(self, how: signal.Signals) -> int:
        """As a service manager does it, or as Ctrl+C does, which the worker hears too."""
        if how == signal.SIGINT:
            os.killpg(self.process.pid, how)
        else:
            self.process.send_signal(how)
        return self.process.wait(timeout=30)


def command(home: Path, *flags: str) -> list[str]:
    return [sys.executable, "-m", "webui", "--data-dir", str(home), *flags]


@contextlib.contextmanager
def started(home: Path, *flags: str) -> Iterator[Server]:
    process = subprocess.Popen(
        command(home, *flags),
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        assert process.stdout
        told: list[str] = []
        for line in process.stdout:
            told.append(line)
            if address := re.match(r"Running on local URL: (\S+)", line):
                yield Server(process, address[1], told)
                return
        raise AssertionError("".join(told))
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


def free_port() -> int:
    with contextlib.closing(listen("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, tiny_checkpoint: Path) -> Iterator[Server]:
    home = make_home(tmp_path_factory.mktemp("server"), tiny_checkpoint)
    with started(home, "--port", str(free_port()), "--use-cpu") as running:
        yield running


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_the_server_never_loads_torch(server: Server) -> None:
    """Not even after a picture: what a process has mapped tells, however it was imported."""
    reply = httpx.post(f"{server.url}/sdapi/v1/txt2img", json=SMALL, timeout=120)
    assert reply.status_code == 200, reply.text
    (worker,) = psutil.Process(server.process.pid).children()
    assert torch_in(worker.pid)  # so the sign is the right one
    assert torch_in(server.process.pid) == []


def torch_in(pid: int) -> list[str]:
    maps = Path(f"/proc/{pid}/maps").read_text(encoding="utf-8")
    return [line for line in maps.splitlines() if "torch" in line]


def test_the_same_request_gives_the_same_pictures(server: Server) -> None:
    images = [httpx.post(f"{server.url}/sdapi/v1/txt2img", json=SMALL, timeout=120).json()["images"] for _ in range(2)]
    assert images[0] == images[1]


def test_the_page_is_there_and_guarded(server: Server) -> None:
    assert "gradio" in httpx.get(server.url).text
    assert httpx.get(server.url, headers={"Host": "evil.example"}).status_code == 421


def test_a_second_server_says_who_holds_the_folder(server: Server) -> None:
    home = httpx.get(f"{server.url}/sdapi/v1/cmd-flags").json()["data_dir"]
    second = subprocess.run(command(Path(home)), cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert second.returncode == program.HELD
    assert str(server.process.pid) in second.stderr
    assert server.url.rpartition(":")[2] in second.stderr


def test_a_port_that_was_named_has_to_be_free(server: Server, tmp_path: Path) -> None:
    port = server.url.rpartition(":")[2]
    second = subprocess.run(command(tmp_path, "--port", port), cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert second.returncode == program.HELD
    assert port in second.stderr


@pytest.mark.skipif(os.name != "posix", reason="sends signals")
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_well_while_a_page_is_open_and_a_job_runs(home: Path, how: signal.Signals) -> None:
    """The job waits for the next start."""
    with (
        started(home, "--port", str(free_port()), "--use-cpu") as server,
        httpx.stream("GET", f"{server.url}/page/live", timeout=30) as live,
    ):
        next(live.iter_bytes())
        job = httpx.post(f"{server.url}/api/v1/jobs", json={"sampling": {"steps": 150}}).json()["id"]
        assert server.stop(how) == 0
        assert server.process.stdout
        assert server.process.stdout.read() == ""
    with contextlib.closing(sqlite3.connect(home / "data" / "jobs.sqlite3")) as database:
        assert database.execute("SELECT state FROM jobs WHERE id = ?", (job,)).fetchone()[0] in ("queued", "running")


def test_folders_and_ports_are_free_again_afterwards(home: Path) -> None:
    lock = Lock(home / "data" / "server.lock")
    lock.say(pid=1, port=2)
    with pytest.raises(Held) as held:
        Lock(home / "data" / "server.lock")
    assert (held.value.pid, held.value.port) == (1, 2)
    lock.release()
    Lock(home / "data" / "server.lock").release()


def test_the_next_free_port_is_taken() -> None:
    with contextlib.closing(listen("127.0.0.1", 0)) as first:
        port = first.getsockname()[1]
        with contextlib.closing(listen("127.0.0.1", port, 11)) as second:
            assert port < second.getsockname()[1] <= port + 10
        with pytest.raises(PortTaken):
            listen("127.0.0.1", port)


def test_an_address_that_is_not_ours_is_no_taken_port() -> None:
    with pytest.raises(OSError):
        listen("203.0.113.1", 0)


def test_explain_says_what_a_file_is(tiny_checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main(["explain", "model", str(tiny_checkpoint)]) == 0
    assert json.loads(capsys.readouterr().out)["missing"] == []


def test_listening_everywhere_needs_a_password(tmp_path: Path) -> None:
    """T28."""
    second = subprocess.run(command(tmp_path, "--listen"), cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert second.returncode == 2
    assert "--gradio-auth" in second.stderr


def test_worker_is_told_the_device() -> None:
    assert program.worker_arguments(Options()) == []
    assert program.worker_arguments(Options(use_cpu=True, device_id=1)) == ["--device-id", "1", "--use-cpu"]


def test_the_checkpoint_named_on_the_command_line_is_the_first_choice(tmp_path: Path, tiny_checkpoint: Path) -> None:
    given = Options(ckpt=tiny_checkpoint)
    app = App(Paths(tmp_path, given.model_folders), InProcess(paint), tiny_checkpoint.name)
    try:
        assert app.checkpoint().path == tiny_checkpoint.resolve()
    finally:
        app.store.close()
