"""Makes the Python environment whole: the virtual environment, the torch that fits this machine, the pinned rest.

For launch.py, so standard library only: it runs before anything is installed.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from webui import options
from webui.install import machine
from webui.install.environment import Environment, pin, requirements
from webui.install.pip import Pip
from webui.install.words import Failure, say, tell


def prepare(
    environment: Environment, given: options.Options, extras: Sequence[str] = (), thorough: bool = False
) -> None:
    """Make the environment whole, whatever state it is in; at once if it is. ``thorough`` looks at every file."""

    def reason() -> str:
        if given.reinstall or given.reinstall_torch:
            return say("asked")
        damaged = (say("gone", name=info.stem) for info in environment.broken()) if thorough else iter(())
        return environment.fault(extras, given.torch_index) or next(damaged, "")

    if given.skip_install and environment.python.exists():
        return
    if reason():
        environment.folder.parent.mkdir(parents=True, exist_ok=True)
        with only_one(environment.folder.with_name(environment.folder.name + ".lock")):
            if why := reason():  # unless another launch.py has just done it
                install(environment, given, extras, why)


def install(environment: Environment, given: options.Options, extras: Sequence[str], reason: str) -> None:
    begun, before = time.monotonic(), environment.stamp()
    tell(say("repair", reason=reason) if environment.folder.exists() else say("first"))
    tell(say("venv", venv=environment.folder))
    environment.create(anew=given.reinstall)
    environment.forget_broken()
    extras = sorted({*extras, *before["extras"]})
    asked = before["torch_index"] if given.torch_index is None else given.torch_index  # what was once asked for stays
    if given.reinstall_torch or asked != before["torch_index"]:
        environment.run("-m", "pip", "uninstall", "--yes", "--quiet", "torch")
    environment.write_stamp(extras, asked, whole=False)
    here = machine.this_machine()
    if not any(environment.site.glob("torch-*.dist-info")):
        install_torch(environment, here, asked)
    tell(say("rest"))
    Pip(environment).install(*requirements(extras))
    tell(say("look"))
    version, device = look_at_torch(environment)
    environment.write_stamp(extras, asked, whole=True)
    tell(say("ready", torch=f"torch {version} on {device}", seconds=time.monotonic() - begun))
    if device == "cpu" and here.name in ("NVIDIA", "AMD") and not given.use_cpu:
        tell(say("wrong_torch", machine=here.name))


def install_torch(environment: Environment, here: machine.Machine, asked: str | None) -> None:
    index = here.torch_index if asked is None else asked
    tell(say("torch", version=pin("torch"), machine=here.name, source=index or say("pips_own")))
    if index and not machine.answers(index):
        tell(say("no_index", url=index))
        index = ""
    # An extra index, since torch's own lacks some of what it needs: pip prefers its 2.13.0+cu130 to a plain 2.13.0.
    Pip(environment).install(f"torch=={pin('torch')}", *([f"--extra-index-url={index}"] if index else []))


def look_at_torch(environment: Environment) -> tuple[str, str]:
    """Its version and the kind of device it finds, from a process that has really imported it."""
    result = environment.run("-c", machine.TORCH_PROBE, capture_output=True)
    if result.returncode:
        raise Failure(say("torch_broken", why=result.stderr.strip()[-800:]))
    found = json.loads(result.stdout)
    return found["version"], found["device"]


@contextlib.contextmanager
def only_one(path: Path) -> Iterator[None]:
    """Hold a lock file that the system lets go of however this process ends; a second launch.py waits here."""
    with path.open("a") as file:
        if not _locked(file):
            tell(say("waiting"))
            while not _locked(file):
                time.sleep(0.5)
        yield


def _locked(file: IO[str]) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
