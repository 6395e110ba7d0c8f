"""What this machine computes with, and where the torch for it is."""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path
from typing import NamedTuple

INDEX = "https://download.pytorch.org/whl/"
PATIENCE = 5.0  # seconds a package index may take to answer

# Prints what torch finds, as JSON. Run in a child process: no process of ours but the worker imports torch.
TORCH_PROBE = """
import json, torch
cuda = torch.cuda.is_available()
mps = torch.backends.mps.is_available()
print(json.dumps({
    "version": torch.__version__,
    "device": "cuda" if cuda else "mps" if mps else "cpu",
    "name": torch.cuda.get_device_name() if cuda else "",
}))
"""


class Machine(NamedTuple):
    name: str
    torch_index: str  # where its torch is; "": wherever pip is configured to look


def this_machine() -> Machine:
    if sys.platform == "darwin":
        return Machine("Apple", "")
    if cards := nvidia_cards():
        # CUDA 13 needs driver 580 and has dropped what came before Turing (compute capability 7.5).
        modern = all(driver >= 580 and capability >= 7.5 for driver, capability in cards)
        return Machine("NVIDIA", INDEX + ("cu130" if modern else "cu126"))
    if Path("/dev/kfd").exists():  # the kernel's side of ROCm
        return Machine("AMD", INDEX + "rocm7.2")
    return Machine("CPU", INDEX + "cpu")


def nvidia_cards() -> list[tuple[float, float]]:
    """(driver version, compute capability) of every card the NVIDIA driver sees."""
    program = shutil.which("nvidia-smi") or r"C:\Windows\System32\nvidia-smi.exe"
    command = [program, "--query-gpu=driver_version,compute_cap", "--format=csv,noheader"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return []
    return [(float(driver), float(capability)) for driver, capability in re.findall(r"(\d+)[\d.]*, *(\d+\.\d+)", said)]


def answers(index: str) -> bool:
    """Whether a package index has torch. Asked in a thread: looking up a name can hang longer than any timeout."""
    found = threading.Event()

    def ask() -> None:
        url = f"{index.rstrip('/')}/torch/"
        with contextlib.suppress(OSError, ValueError), urllib.request.urlopen(url, timeout=PATIENCE):
            found.set()

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(PATIENCE)
    return found.is_set()
