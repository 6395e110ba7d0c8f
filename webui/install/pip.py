"""pip, with its many words in a log file, and one line that says what it is at."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from webui.install import environment as environments
from webui.install.environment import Environment, child_environ
from webui.install.words import Failure, say, tell

MEGA = 1e6
DOWNLOADING = re.compile(r" +Downloading ([^-\s]+-[^-\s]+)\S* \(([\d.]+) ([kM])B\)")


class Pip:
    """One environment's pip."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self.log = environment.folder / "install.log"
        self.downloads = environment.folder / "downloads"  # pip's temporary folder, so that the bytes can be counted

    def install(self, *arguments: str) -> None:
        """Wheels only: no compiler, no git, and no code of a source package is run."""
        self.downloads.mkdir(exist_ok=True)
        command = [str(self.environment.python), "-m", "pip", "install", "--only-binary=:all:", "--no-input"]
        command += [
            "--disable-pip-version-check",
            "--progress-bar=off",
            f"--constraint={environments.CONSTRAINTS}",
            *arguments,
        ]
        scratch = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(self.downloads))
        env = {**child_environ(), **scratch, "PYTHONIOENCODING": "utf-8"}
        lines: list[str] = []
        with (
            self.log.open("a", encoding="utf-8") as log,
            subprocess.Popen(command, env=env, stdout=-1, stderr=-2, encoding="utf-8", errors="replace") as process,
        ):
            assert process.stdout is not None
            reader = threading.Thread(target=self._read, args=(process.stdout, log, lines))
            reader.start()
            try:
                self._watch(process, lines)
            finally:
                process.kill()
                reader.join()
                shutil.rmtree(self.downloads, ignore_errors=True)
        if process.returncode:
            raise Failure(say("pip", why="".join(lines[-10:]), log=self.log, python=sys.version.split()[0]))

    @staticmethod
    def _read(stream: IO[str], log: IO[str], lines: list[str]) -> None:
        for line in stream:
            lines.append(line)
            log.write(line)

    def _watch(self, process: subprocess.Popen[str], lines: Sequence[str]) -> None:
        live = sys.stderr.isatty()
        if live and environments.WINDOWS:
            os.system("")  # makes the console understand "erase the line"
        begun = said = time.monotonic()
        before = self._installed()
        while process.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.5)
            now = time.monotonic()
            if live:
                tell("\r\x1b[K" + self._status(lines, before, now - begun), end="")
            elif now - said > 20:
                said = now
                tell(self._status(lines, before, now - begun))
        tell("\r\x1b[K" if live else "", end="")

    def _status(self, lines: Sequence[str], before: int, seconds: float) -> str:
        unpack = next((line for line in lines if line.startswith("Installing collected")), "")
        if unpack:
            return say("unpacking", now=self._installed() - before, count=unpack.count(",") + 1)
        announced = [found.groups() for line in lines if (found := DOWNLOADING.match(line))]
        here = sum(map(_size, self.downloads.glob("pip-*/*.whl"))) / MEGA
        missing = sum(float(size) / (1000 if unit == "k" else 1) for _, size, unit in announced) - here
        # An estimate only where there is something to estimate from, and to wait for.
        left = say("left", seconds=missing * seconds / here) if missing > 20 and here > 20 else ""
        name = f" ({announced[-1][0]})" if announced else ""
        count = sum(line.startswith("Collecting") for line in lines)
        return say("loading", count=count, here=here, name=name, left=left)

    def _installed(self) -> int:
        return len(list(self.environment.site.glob("*.dist-info")))


def _size(file: Path) -> int:
    with contextlib.suppress(OSError):  # pip has just moved it
        return file.stat().st_size
    return 0
