"""Makes the Python environment whole: the virtual environment, the torch that fits this machine, the pinned rest.

For launch.py, so standard library only: it runs before anything is installed. Everything said goes to stderr, since
stdout belongs to the commands (``explain`` prints JSON).
"""

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
import threading
import time
import tomllib
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

from webui import options

ROOT = Path(__file__).resolve().parent.parent
CONSTRAINTS = ROOT / "constraints.txt"
INDEX = "https://download.pytorch.org/whl/"
PATIENCE = 5.0  # seconds a package index may take to answer
WINDOWS = os.name == "nt"

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

TEXTS = {
    "first": (
        "Setting up: once, some minutes, mostly downloading.",
        "首次安装：仅此一次，需要几分钟，主要是下载。",
    ),
    "repair": ("Renewing the environment: {reason}.", "更新环境：{reason}。"),
    "no_python": ("its Python is gone", "其中的 Python 已不存在"),
    "no_stamp": ("the last set-up did not finish", "上次安装没有完成"),
    "changed": ("other versions are needed now", "所需的版本有变化"),
    "extras": ("{names} is not installed yet", "尚未安装 {names}"),
    "other_torch": ("another torch is asked for", "要求换一个 torch"),
    "gone": ("{name} is missing", "缺少 {name}"),
    "asked": ("as asked", "按要求"),
    "venv": ("[1/4] Python environment {venv}", "[1/4] Python 环境 {venv}"),
    "torch": (
        "[2/4] torch {version} for {machine}, from {source}",
        "[2/4] torch {version}（{machine}），来自 {source}",
    ),
    "rest": ("[3/4] everything else", "[3/4] 其余的包"),
    "look": ("[4/4] trying torch", "[4/4] 检查 torch"),
    "ready": ("      {torch}: ready after {seconds:.0f} s", "      {torch}：就绪，用时 {seconds:.0f} 秒"),
    "unpacking": ("      unpacking {now} of {count} packages", "      正在解包 {now}/{count}"),
    "loading": (
        "      {count} packages, {here:.0f} MB loaded{name}{left}",
        "      {count} 个包，已下载 {here:.0f} MB{name}{left}",
    ),
    "left": (", about {seconds:.0f} s left", "，约剩 {seconds:.0f} 秒"),
    "pips_own": ("where pip is configured to look", "pip 自己配置的来源"),
    "no_index": (
        "      {url} does not answer. Using pip's own configuration, which may\n"
        "      give a build for another device; --torch-index URL names a mirror.",
        "      {url} 没有响应。改用 pip 自己的配置，得到的可能不是\n"
        "      适合本机的版本；可用 --torch-index 网址 指定镜像。",
    ),
    "wrong_torch": (
        "      WARNING: there is {machine} hardware, but this torch computes on the CPU. To change it:\n"
        "      python launch.py --reinstall-torch [--torch-index URL]",
        "      注意：本机有 {machine} 硬件，但这个 torch 只用 CPU。更换方法：\n"
        "      python launch.py --reinstall-torch [--torch-index 网址]",
    ),
    "waiting": ("Another launch.py is installing here; waiting for it.", "另一个 launch.py 正在这里安装，等待中。"),
    "no_venv": (
        "{why}\nCannot make {venv}. On Debian and Ubuntu: sudo apt install python3-venv",
        "{why}\n无法创建 {venv}。Debian 和 Ubuntu 请运行：sudo apt install python3-venv",
    ),
    "pip": (
        "{why}\npip could not install this; all it said is in {log}. The next start goes on from here.\n"
        "No connection: connect, or name a mirror (PIP_INDEX_URL).\n"
        "No matching wheel: use Python 3.11 to 3.14; this is {python}.",
        "{why}\npip 安装失败，完整日志在 {log}。下次启动会从这里继续。\n"
        "没有网络：请联网，或指定镜像（PIP_INDEX_URL）。\n"
        "没有合适的 wheel：请用 Python 3.11 至 3.14；当前是 {python}。",
    ),
    "torch_broken": (
        "{why}\ntorch is installed but does not start. On Windows it needs the Visual C++ runtime:\n"
        "https://aka.ms/vs/17/release/vc_redist.x64.exe ; otherwise: python launch.py --reinstall",
        "{why}\ntorch 已安装但无法启动。Windows 需要 Visual C++ 运行库：\n"
        "https://aka.ms/vs/17/release/vc_redist.x64.exe ；否则请运行：python launch.py --reinstall",
    ),
}


class Failure(Exception):
    """Something a person has to act on; the text says what."""


def say(code: str, **params: object) -> str:
    return TEXTS[code][options.system_language() == "zh-CN"].format(**params)


def tell(text: str, end: str = "\n") -> None:
    sys.stderr.write(text + end)
    sys.stderr.flush()


# --- the environment --------------------------------------------------------------------------------------------------


class Environment:
    """The virtual environment. Its stamp is written last: without it, or with another one, there is work to do."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = folder / ("Scripts/python.exe" if WINDOWS else "bin/python")
        self.stamp_file = folder / "atelier.json"

    @property
    def site(self) -> Path:
        """Its site-packages."""
        return next(
            self.folder.glob("Lib/site-packages" if WINDOWS else "lib/python3*/site-packages"), self.folder / "-"
        )

    def stamp(self) -> dict[str, Any]:
        try:
            stamp = json.loads(self.stamp_file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return (
            stamp if isinstance(stamp, dict) and stamp.keys() >= {"wanted", "extras", "torch_index", "entries"} else {}
        )

    def fault(self, extras: Sequence[str] = (), torch_index: str | None = None) -> str:
        """Why it cannot be used as it is, or "". Takes milliseconds: this runs at every start."""
        stamp = self.stamp()
        if not self._has_python():
            return say("no_python")
        if not stamp:
            return say("no_stamp")
        if stamp["wanted"] != wanted():
            return say("changed")
        if missing := sorted(set(extras) - set(stamp["extras"])):
            return say("extras", names=", ".join(missing))
        if torch_index not in (None, stamp["torch_index"]):
            return say("other_torch")
        gone = sorted(set(stamp["entries"]) - set(os.listdir(self.site)))
        return say("gone", name=gone[0]) if gone else ""

    def write_stamp(self, extras: Sequence[str], torch_index: str | None) -> None:
        entries = sorted(name for name in os.listdir(self.site) if name != "__pycache__")
        stamp = {"wanted": wanted(), "extras": sorted(extras), "torch_index": torch_index, "entries": entries}
        unfinished = self.stamp_file.with_suffix(".new")
        unfinished.write_text(json.dumps(stamp), encoding="utf-8")
        unfinished.replace(self.stamp_file)

    def create(self, anew: bool) -> None:
        """Make it, unless it is there and its pip works."""
        if not anew and self._has_python() and self.run("-m", "pip", "--version", capture_output=True).returncode == 0:
            return
        made = subprocess.run([sys.executable, "-m", "venv", "--clear", self.folder], capture_output=True, text=True)
        if made.returncode:
            raise Failure(say("no_venv", why=made.stdout + made.stderr, venv=self.folder))

    def forget_broken(self) -> None:
        """Drop the records of packages whose files are not all there: pip would call them installed."""
        for leftover in self.site.glob("~*"):  # pip's name for what it was replacing when it was killed
            shutil.rmtree(leftover, ignore_errors=True)
        for info in self.site.glob("*.dist-info"):
            files = importlib.metadata.Distribution.at(info).files
            if files is None or not all((self.site / file).exists() for file in files if file.suffix != ".pyc"):
                shutil.rmtree(info)

    def run(
        self, *arguments: str, environ: Mapping[str, str] | None = None, **kwargs: Any
    ) -> subprocess.CompletedProcess[str]:
        env = {**child_environ(), **(environ or {})}
        return subprocess.run([self.python, *arguments], env=env, encoding="utf-8", check=False, **kwargs)

    def _has_python(self) -> bool:
        """Also whether the Python it was made from is still installed."""
        with contextlib.suppress(OSError):
            home = re.search(r"^home *= *(.+)$", (self.folder / "pyvenv.cfg").read_text(encoding="utf-8"), re.MULTILINE)
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


# --- which torch ------------------------------------------------------------------------------------------------------


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


# --- installing -------------------------------------------------------------------------------------------------------


class Pip:
    """pip, with its many words in a log file and one line here that says what it is at."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self.log = environment.folder / "install.log"
        self.downloads = environment.folder / "downloads"  # pip's temporary folder, so that the bytes can be counted

    def install(self, *arguments: str) -> None:
        """Wheels only: no compiler, no git, and no code of a source package is run."""
        self.downloads.mkdir(exist_ok=True)
        command = [str(self.environment.python), "-m", "pip", "install", "--only-binary=:all:", "--no-input"]
        command += ["--disable-pip-version-check", "--progress-bar=off", f"--constraint={CONSTRAINTS}", *arguments]
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
        here = sum(file.stat().st_size for file in self.downloads.glob("pip-*/*.whl")) / 1e6
        announced = [
            found
            for line in lines
            if (found := re.match(r" +Downloading ([^-\s]+-[^-\s]+)\S* \(([\d.]+) ([kM])B\)", line))
        ]
        total = sum(float(size) / (1000 if unit == "k" else 1) for _, size, unit in (one.groups() for one in announced))
        left = say("left", seconds=(total - here) * seconds / here) if total - here > 20 and here > 20 else ""
        name = f" ({announced[-1][1]})" if announced else ""
        return say(
            "loading", count=sum(line.startswith("Collecting") for line in lines), here=here, name=name, left=left
        )

    def _installed(self) -> int:
        return len(list(self.environment.site.glob("*.dist-info")))


def prepare(environment: Environment, given: options.Options, extras: Sequence[str] = ()) -> None:
    """Make the environment whole, whatever state it is in; at once if it is."""
    asked = given.torch_index
    again = given.reinstall or given.reinstall_torch
    reason = say("asked") if again else environment.fault(extras, asked)
    if not reason or (given.skip_install and environment.python.exists()):
        return
    environment.folder.parent.mkdir(parents=True, exist_ok=True)
    with only_one(environment.folder.with_suffix(".lock")):
        if not again and not environment.fault(extras, asked):
            return  # the other one has done it
        begun, stamp = time.monotonic(), environment.stamp()
        tell(say("repair", reason=reason) if environment.folder.exists() else say("first"))
        tell(say("venv", venv=environment.folder))
        environment.stamp_file.unlink(missing_ok=True)
        environment.create(anew=given.reinstall)
        environment.forget_broken()
        machine = this_machine()
        asked = stamp.get("torch_index") if asked is None else asked  # what was once asked for stays
        again = again or asked != stamp.get("torch_index", asked)
        install_torch(environment, machine, asked, again)
        tell(say("rest"))
        extras = sorted({*extras, *stamp.get("extras", [])})
        Pip(environment).install(*requirements(extras))
        tell(say("look"))
        works = look_at_torch(environment)
        environment.write_stamp(extras, asked)
        tell(say("ready", torch=works, seconds=time.monotonic() - begun))
        if works.endswith("cpu") and machine.name != "CPU" and not given.use_cpu:
            tell(say("wrong_torch", machine=machine.name))


def install_torch(environment: Environment, machine: Machine, asked: str | None, again: bool) -> None:
    pinned = re.search(r"^torch==(\S+)$", CONSTRAINTS.read_text(encoding="utf-8"), re.MULTILINE)
    if pinned is None:
        raise Failure("constraints.txt has no torch")
    present = next(environment.site.glob("torch-*.dist-info"), None)
    if present and not again:
        return
    index = machine.torch_index if asked is None else asked
    tell(say("torch", version=pinned[1], machine=machine.name, source=index or say("pips_own")))
    if index and not answers(index):
        tell(say("no_index", url=index))
        index = ""
    # An extra index, since torch's own holds not all it needs: pip prefers its 2.13.0+cu130 to a plain 2.13.0.
    source = [f"--extra-index-url={index}"] if index else []
    Pip(environment).install(f"torch=={pinned[1]}", *source, *(["--force-reinstall", "--no-deps"] if present else []))


def look_at_torch(environment: Environment) -> str:
    """``"torch 2.13.0+cu130 on cuda"``, from a process that has really imported it."""
    result = environment.run("-c", TORCH_PROBE, capture_output=True)
    if result.returncode:
        raise Failure(say("torch_broken", why=result.stderr.strip()[-800:]))
    found = json.loads(result.stdout)
    return f"torch {found['version']} on {found['device']}"


@contextlib.contextmanager
def only_one(path: Path) -> Iterator[None]:
    """Hold a lock file that the system lets go of however this process ends; a second launch.py waits here."""
    with path.open("a") as file:
        try:
            _lock(file, wait=False)
        except OSError:
            tell(say("waiting"))
            _lock(file, wait=True)
        yield


def _lock(file: IO[str], wait: bool) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(file.fileno(), msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
