#!/usr/bin/env python3
"""Start Atelier WebUI: make the environment whole (webui/install.py), then hand over to ``python -m webui``.

Standard library only, like the three modules it imports. Nothing above the version check may need a newer Python than
3.6, so that an old one can say what is wrong.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 (it is for the Pythons that are too old)
    sys.exit(
        "Atelier WebUI needs Python 3.11 or newer; this is {0}.{1}. Get it from https://www.python.org/downloads/\n"
        "Atelier WebUI 需要 Python 3.11 或更新版本；当前是 {0}.{1}。下载：https://www.python.org/downloads/".format(
            *sys.version_info
        )
    )

import contextlib
import dataclasses
import io
import json
import os
import shlex
import shutil
import subprocess
import time
import urllib.error
import urllib.request
import webbrowser
from collections.abc import Callable, Sequence
from pathlib import Path

from webui import doctor, options
from webui.install import prepare
from webui.install.environment import ROOT, WINDOWS, Environment, child_environ
from webui.install.words import Failure, tell

TEXTS = {
    "stopped": ("Stopped; the next start goes on from here.", "已停止；下次启动会从这里继续。"),
    "no_chromium": ("!! No chromium found: the browser tests are SKIPPED. Get one: apt install chromium, or\n"
                    "!! {python} -m playwright install chromium",
                    "!! 没有找到 chromium：浏览器测试将被跳过。安装：apt install chromium，或\n"
                    "!! {python} -m playwright install chromium"),
    "close": ("Press Enter to close this window.", "按回车键关闭窗口。"),
}  # fmt: skip


def say(code: str, **params: object) -> str:
    return TEXTS[code][options.system_language() == "zh-CN"].format(**params)


def main(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code. On POSIX, serving does not return."""
    named = bool(arguments) and not arguments[0].startswith("-")
    command, rest = (arguments[0], [*arguments[1:]]) if named else ("serve", [*arguments])
    if command == "open-browser":  # our own child, see start_browser_opener
        return open_browser(options.parse(rest[1:]), since=float(rest[0]))
    if command not in COMMANDS:
        options.build_parser().fail_unknown(command)
    environment = Environment(Path(os.environ.get("VENV_DIR") or ROOT / ".venv").absolute())
    if command in ("test", "check", "bench", "explain"):  # what follows is another program's
        return COMMANDS[command](environment, options.parse([]), rest)
    flags = [*rest, *commandline_args()]
    return COMMANDS[command](environment, options.parse(flags), flags)


def commandline_args() -> list[str]:
    """COMMANDLINE_ARGS, where sd-webui's users keep their flags; on Windows a backslash there is a backslash."""
    text = os.environ.get("COMMANDLINE_ARGS", "")
    return [word.strip("\"'") for word in shlex.split(text, posix=False)] if WINDOWS else shlex.split(text)


def serve(environment: Environment, given: options.Options, flags: Sequence[str]) -> int:
    prepare(environment, given)
    if given.open_browser and has_display():
        start_browser_opener(flags)
    return hand_over(environment, flags)


def setup(environment: Environment, given: options.Options, flags: Sequence[str]) -> int:
    """Install or repair, looking closer than a start does."""
    prepare(environment, given, thorough=True)
    return 0


def explain(environment: Environment, given: options.Options, arguments: Sequence[str]) -> int:
    prepare(environment, given)
    return hand_over(environment, ["explain", *arguments])


def diagnose(environment: Environment, given: options.Options, flags: Sequence[str]) -> int:
    return doctor.run(given, environment)


def test(environment: Environment, given: options.Options, arguments: Sequence[str]) -> int:
    """pytest with the ``test`` extra, several files at a time. The tests find the browser in the variable CHROMIUM.

    One thread to a process: torch's threads would wait for each other's processors.
    """
    prepare(environment, given, extras=["test"])
    browser = find_chromium()
    notice = "" if browser else say("no_chromium", python=environment.python) + "\n"
    tell(notice, end="")
    together = ("-n", "auto", "--maxprocesses", "4", "--dist", "loadfile")  # "-n 0" among the arguments undoes it
    environ = {"CHROMIUM": browser, "OMP_NUM_THREADS": "1"}
    code = environment.run("-m", "pytest", *together, *arguments, cwd=ROOT, environ=environ).returncode
    tell(notice, end="")  # again, since what comes in between is long
    return code


def check(environment: Environment, given: options.Options, arguments: Sequence[str]) -> int:
    """Format, lint, types and the rules of importing: all of them, also after one has failed."""
    prepare(environment, given, extras=["test"])
    checks = (
        ["-m", "ruff", "format", "--check"],
        ["-m", "ruff", "check"],
        ["-m", "pyright", "--pythonpath", str(environment.python)],
        ["-c", "from importlinter.cli import lint_imports_command; lint_imports_command()", "--no-logo"],
    )
    return max([environment.run(*words, cwd=ROOT).returncode for words in checks])


def bench(environment: Environment, given: options.Options, arguments: Sequence[str]) -> int:
    """``bench NAME``: one of the measurements in bench/, whose names an unknown one is answered with."""
    names = sorted(file.stem for file in (ROOT / "bench").glob("*.py") if "\ndef main(" in file.read_text("utf-8"))
    if not arguments or arguments[0] not in names:
        raise Failure(f"python launch.py bench {'|'.join(names)} ...")
    prepare(environment, given, extras=["test"])
    return environment.run("-m", f"bench.{arguments[0]}", *arguments[1:], cwd=ROOT).returncode


def hand_over(environment: Environment, arguments: Sequence[str]) -> int:
    """Become ``python -m webui``, or where a process cannot become another (Windows) wait for it."""
    # -P: a folder named webui in the current one is not ours.
    command = [str(environment.python), "-P", "-m", "webui", *arguments]
    if not WINDOWS:
        os.execve(command[0], command, child_environ())
    with subprocess.Popen(command, env=child_environ()) as server:
        while True:
            with contextlib.suppress(KeyboardInterrupt):  # the server gets Ctrl+C too, and ends in its own way
                return server.wait()


def find_chromium() -> str:
    """A browser the tests can drive, or ""."""
    named = ("chromium", "chromium-browser", "google-chrome", "chrome")
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, named)), "")
    if found:
        return found
    cache = {"win32": "AppData/Local", "darwin": "Library/Caches"}.get(sys.platform, ".cache")
    playwrights = (Path.home() / cache / "ms-playwright").glob("chromium-*/chrome-*/*")
    return next((str(file) for file in playwrights if file.stem in ("chrome", "Chromium")), "")


def has_display() -> bool:
    """Whether a browser window would be seen by somebody."""
    if os.environ.get("CI") or os.environ.get("SSH_CONNECTION"):
        return False
    windowed = sys.platform in ("win32", "darwin")
    return windowed or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def start_browser_opener(flags: Sequence[str]) -> None:
    """A child that outlives this process, which is about to become the server; by way of sh it is nobody's zombie."""
    command = [sys.executable, str(ROOT / "launch.py"), "open-browser", str(time.time()), *flags]
    if WINDOWS:
        subprocess.Popen(command)
    else:
        subprocess.run(["/bin/sh", "-c", '"$@" &', "sh", *command], check=False)


def open_browser(given: options.Options, since: float, patience: float = 120.0) -> int:
    """Open the page as soon as it answers; the server writes the port it got into its lock file (webui/lock.py)."""
    lock = given.data_dir / "data" / "server.lock"
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    give_up = time.monotonic() + patience
    while time.monotonic() < give_up:
        time.sleep(0.3)
        with contextlib.suppress(OSError, ValueError, KeyError):
            if lock.stat().st_mtime < since:
                continue  # an earlier server's
            url = dataclasses.replace(given, port=json.loads(lock.read_text(encoding="utf-8"))["port"]).url
            with contextlib.suppress(urllib.error.HTTPError):  # asking for the password is an answer too
                direct.open(url, timeout=5).close()
            return 0 if webbrowser.open(url) else 1
    return 1


def wait_for_key() -> None:
    """On a double-click under Windows the window, and what stands in it, would vanish with this process."""
    if sys.platform == "win32" and "WEBUI_USER_READ" not in os.environ:  # webui.bat waits by itself
        import ctypes

        processes = ctypes.windll.kernel32.GetConsoleProcessList((ctypes.c_uint * 8)(), 8)
        if processes <= 2:  # Python and its launcher: no shell
            with contextlib.suppress(EOFError):
                input(say("close"))


Command = Callable[[Environment, options.Options, Sequence[str]], int]
COMMANDS: dict[str, Command] = {
    "serve": serve,
    "setup": setup,
    "test": test,
    "check": check,
    "bench": bench,
    "doctor": diagnose,
    "explain": explain,
}


def run() -> int:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a console that lacks a letter is no reason to stop
    try:
        return main(sys.argv[1:])
    except Failure as failure:
        tell(str(failure))
        return 1
    except KeyboardInterrupt:
        tell(say("stopped"))
        return 130


if __name__ == "__main__":
    code = run()
    if code:
        wait_for_key()
    sys.exit(code)
