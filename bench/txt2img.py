"""``python -m bench.txt2img [CHECKPOINT]``: a picture over HTTP against stock diffusers with the same checkpoint.

Both run on the CPU with torch's own number of threads, one after the other, alternating, so that the machine's moods
meet both. Prints the ratio of the medians at 512×512, 20 steps, CFG 7, Euler; and what a request costs beyond its
computing, as the difference at 64×64 and one step.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
STARTER = ROOT / "models/Stable-diffusion/atelier-starter.safetensors"
PROMPT, NEGATIVE = "a red boat on the sea at sunset", "text"


@contextlib.contextmanager
def server() -> Iterator[str]:
    """Our server on a free port with a data folder of its own; yields its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as home:
        command = [sys.executable, "-m", "webui", "--port", str(port), "--data-dir", home, "--use-cpu", "all"]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
        try:
            address = f"http://127.0.0.1:{port}"
            while process.poll() is None:
                with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/healthz", timeout=5):
                    yield address
                    return
                time.sleep(0.2)
            raise SystemExit("the server did not start")
        finally:
            process.terminate()
            process.wait(timeout=30)


def over_http(address: str, checkpoint: str, size: int, steps: int) -> None:
    body = {
        "prompt": PROMPT, "negative_prompt": NEGATIVE, "width": size, "height": size, "steps": steps, "cfg_scale": 7,
        "sampler_name": "Euler", "seed": 1, "override_settings": {"sd_model_checkpoint": checkpoint},
    }  # fmt: skip
    request = urllib.request.Request(
        f"{address}/sdapi/v1/txt2img", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=600) as reply:
        assert json.load(reply)["images"]


def stock_maker(file: Path) -> Callable[[int, int], Any]:
    import torch

    from bench.stock import pipeline

    pipe = pipeline(file)

    def make(size: int, steps: int) -> Any:
        generator = torch.Generator().manual_seed(1)
        return pipe(
            PROMPT, negative_prompt=NEGATIVE, width=size, height=size, num_inference_steps=steps, guidance_scale=7.0,
            generator=generator,
        ).images[0]  # fmt: skip

    return make


def seconds(work: Callable[[], Any]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.txt2img")
    parser.add_argument("checkpoint", type=Path, nargs="?", default=STARTER)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    stock, name = stock_maker(options.checkpoint), options.checkpoint.name
    with server() as address:
        for label, size, steps in (("512×512, 20 steps", 512, 20), ("64×64, 1 step", 64, 1)):
            over_http(address, name, size, steps)  # both once, to be warm
            stock(size, steps)
            ours, theirs = [], []
            for _ in range(options.rounds):
                ours.append(seconds(lambda: over_http(address, name, size, steps)))  # noqa: B023 (called at once)
                theirs.append(seconds(lambda: stock(size, steps)))  # noqa: B023
            here, there = statistics.median(ours), statistics.median(theirs)
            print(
                f"{label}: HTTP {here:.3f} s, stock diffusers {there:.3f} s, "
                f"ratio {here / there:.3f}, difference {1000 * (here - there):+.0f} ms"
            )


if __name__ == "__main__":
    main()
