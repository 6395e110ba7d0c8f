"""kill -9 of the real server and the real worker in mid-job: every picture ends up saved exactly once."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from PIL import Image

from tests.test_main import Server, free_port, started

JOB = {
    "prompts": {"prompt": "a boat"},
    "size": {"width": 64, "height": 64},
    "batch": {"count": 4},
    "sampling": {"steps": 25, "sampler": "Euler a"},
    "seeds": {"seed": 5},
}

pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="sends signals"),
    pytest.mark.slow,
]


def look(server: Server, job: str) -> dict[str, Any]:
    return httpx.get(f"{server.url}/api/v1/jobs/{job}", timeout=30).json()


def submit(server: Server) -> str:
    return httpx.post(f"{server.url}/api/v1/jobs", json=JOB, timeout=30).json()["id"]


def until(condition: Callable[[], Any], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)


def pictures(home: Path) -> list[bytes]:
    """Pixels of what lies in outputs/, in the order of the names."""
    return [Image.open(file).tobytes() for file in sorted((home / "outputs").rglob("*.png"))]


def test_a_server_killed_in_mid_job_goes_on_after_its_restart(home: Path) -> None:
    with started(home, "--port", str(free_port()), "--use-cpu") as server:
        job = submit(server)
        until(lambda: len(look(server, job)["images"]) >= 1)
        workers = psutil.Process(server.process.pid).children(recursive=True)
        server.process.kill()
        server.process.wait()
    gone, alive = psutil.wait_procs(workers, timeout=20)
    assert not alive and gone, "a worker lives on without its server"
    before = len(pictures(home))
    assert 1 <= before < 4

    with started(home, "--port", str(free_port()), "--use-cpu") as server:
        until(lambda: look(server, job)["state"] == "done")
        assert [image["index"] for image in look(server, job)["images"]] == [0, 1, 2, 3]
        interrupted = pictures(home)
        undisturbed = submit(server)
        until(lambda: look(server, undisturbed)["state"] == "done")
    assert len(interrupted) == 4
    assert pictures(home)[4:] == interrupted


def test_a_worker_killed_in_mid_job_is_replaced(home: Path) -> None:
    with started(home, "--port", str(free_port()), "--use-cpu") as server:
        job = submit(server)
        until(lambda: len(look(server, job)["images"]) >= 1)
        (worker,) = psutil.Process(server.process.pid).children()
        worker.send_signal(signal.SIGKILL)
        until(lambda: look(server, job)["state"] == "done")
        assert len(pictures(home)) == 4
        assert httpx.get(f"{server.url}/healthz").status_code == 200
