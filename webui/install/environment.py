"""The virtual environment: whether it is whole, and what belongs in it."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from webui.install.words import Failure, say

ROOT = Path(__file__).resolve().parent.parent.parent
CONSTRAINTS = ROOT / "constraints.txt"
WINDOWS = os.name == "nt"
NOT_BEGUN: dict[str, Any] = {"wanted": "", "extras": [], "torch_index": None, "entries": []}


class Environment:
    """The virtual environment. Its stamp is written last: without it, or with another one, there is work to do."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = folder / ("Scripts/python.exe" if WINDOWS else "bin/python")
        self.stamp_file = folder / "atelier.json"

    @property
    def site(self) -> Path:
        """Its site-packages."""
        pattern = "Lib/site-packages" if WINDOWS else "lib/python3*/site-packages"
        return next(self.folder.glob(pattern), self.folder / "site-packages")

    def stamp(self) -> dict[str, Any]:
        """What was last asked for. ``wanted`` is "" as long as that is not all there."""
        with contextlib.suppress(OSError, ValueError):
            stamp = json.loads(self.stamp_file.read_text(encoding="utf-8"))
            if isinstance(stamp, dict):
                return NOT_BEGUN | stamp
        return NOT_BEGUN

    def fault(self, extras: Sequence[str] = (), torch_index: str | None = None) -> str:
        """Why it cannot be used as it is, or "". Takes milliseconds: this runs at every start."""
        stamp = self.stamp()
        if not self._has_python():
            return say("no_python")
        if not stamp["wanted"]:
            return say("no_stamp")
        if stamp["wanted"] != wanted():
            return say("changed")
        if missing := sorted(set(extras) - set(stamp["extras"])):
            return say("extras", names=", ".join(missing))
        if torch_index not in (None, stamp["torch_index"]):
            return say("other_torch")
        present = os.listdir(self.site) if self.site.is_dir() else []
        gone = sorted(set(stamp["entries"]) - set(present))
        return say("gone", name=gone[0]) if gone else ""

    def write_stamp(self, extras: Sequence[str], torch_index: str | None, *, whole: bool) -> None:
        """Before and after the work. An unfinished stamp keeps what was asked for, for the start that finishes it."""
        entries = sorted(name for name in os.listdir(self.site) if name != "__pycache__")
        stamp = {"wanted": wanted() if whole else "", "extras": sorted(extras), "torch_index": torch_index}
        unfinished = self.stamp_file.with_suffix(".new")
        unfinished.write_text(json.dumps({**stamp, "entries": entries}), encoding="utf-8")
        unfinished.replace(self.stamp_file)

    def create(self, anew: bool) -> None:
        """Make it, unless it is there and its pip works."""
        if not anew and self._has_python() and self.run("-m", "pip", "--version", capture_output=True).returncode == 0:
            return
        if self.folder.exists() and self.folder.name != ".venv" and not self.stamp_file.exists():
            raise Failure(say("not_ours", venv=self.folder))  # it would be emptied
        made = subprocess.run([sys.executable, "-m", "venv", "--clear", self.folder], capture_output=True, text=True)
        if made.returncode:
            raise Failure(say("no_venv", why=made.stdout + made.stderr, venv=self.folder))

    def broken(self) -> Iterator[Path]:
        """The records (.dist-info) of packages whose files are not all there. Looks at every file: a second or so."""
        for info in self.site.glob("*.dist-info"):
            files = importlib.metadata.Distribution.at(info).files
            if files is None or not all((self.site / file).exists() for file in files if file.suffix != ".pyc"):
                yield info

    def forget_broken(self) -> None:
        """Drop those records, or pip would call the packages installed."""
        for leftover in self.site.glob("~*"):  # pip's name for what it was replacing when it was killed
            shutil.rmtree(leftover, ignore_errors=True)
        for info in list(self.broken()):
            shutil.rmtree(info)

    def run(
        self, *arguments: str, environ: Mapping[str, str] | None = None, **kwargs: Any
    ) -> subprocess.CompletedProcess[str]:
        env = {**child_environ(), **(environ or {})}
        return subprocess.run([self.python, *arguments], env=env, encoding="utf-8", check=False, **kwargs)

    def _has_python(self) -> bool:
        """Also whether the Python it was made from is still installed."""
        with contextlib.suppress(OSError):
            config = (self.folder / "pyvenv.cfg").read_text(encoding="utf-8")
            home = re.search(r"^home *= *(.+)$", config, re.MULTILINE)
            return self.python.exists() and home is not None and Path(home[1].strip()).is_dir()
        return False


def child_environ() -> dict[str, str]:
    """For every child: our modules, and nobody else's, beside what is installed."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "PIP_USER": "0"}


def requirements(extras: Sequence[str]) -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [*project["dependencies"], *(line for name in extras for line in project["optional-dependencies"][name])]


def wanted() -> str:
    """A digest of what is to be installed."""
    text = "\n".join([*requirements(["test", "xformers"]), CONSTRAINTS.read_text(encoding="utf-8")])
    return hashlib.sha256(text.encode()).hexdigest()


def pin(name: str) -> str:
    """The version of a package that constraints.txt names."""
    found = re.search(rf"^{name}==(\S+)$", CONSTRAINTS.read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        raise Failure(f"constraints.txt names no version of {name}")
    return found[1]
