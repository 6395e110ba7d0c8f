"""launch.py: what it hands over, what it refuses before installing anything, and how fast it gets out of the way."""

import ast
import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import launch
from webui import options
from webui.install.environment import Environment

LAUNCH = Path(launch.__file__)
posix = pytest.mark.skipif(os.name != "posix", reason="a shell script stands in for the environment's Python")


@pytest.fixture
def environ(tmp_path):
    """What launch.py is started with: a whole environment whose Python only says how it was called."""
    venv = tmp_path / "venv"
    (venv / "lib/python3.11/site-packages").mkdir(parents=True)
    (venv / "bin").mkdir()
    (venv / "pyvenv.cfg").write_text(f"home = {tmp_path}\n")
    python = venv / "bin/python"
    python.write_text('#!/bin/sh\necho "$@"\necho "PYTHONPATH=$PYTHONPATH"\nexit ${CODE:-0}\n')
    python.chmod(0o755)
    Environment(venv).write_stamp(["test"], None, whole=True)
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "SYSTEMROOT")}
    return {**kept, "VENV_DIR": str(venv), "LC_ALL": "C.UTF-8", "CI": "1"}


def run(*arguments: str, environ: dict[str, str], **more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(LAUNCH), *arguments]
    return subprocess.run(command, env={**environ, **more}, capture_output=True, text=True, timeout=60)


@posix
def test_a_whole_environment_is_handed_over_to_with_the_same_flags(environ):
    result = run("--port", "7999", "--no-browser", environ=environ, COMMANDLINE_ARGS="--theme dark --allow-host 'b c'")
    assert result.stdout.splitlines() == [
        "-P -m webui --port 7999 --no-browser --theme dark --allow-host b c",
        f"PYTHONPATH={LAUNCH.parent}",
    ]
    assert result.stderr == ""


@posix
def test_the_exit_code_is_the_servers(environ):
    assert run(environ=environ, CODE="3").returncode == 3


@posix
def test_explain_gets_its_arguments_alone_and_stdout_is_its_own(environ):
    result = run("explain", "model", "--x", "a b", environ=environ, COMMANDLINE_ARGS="--theme dark")
    assert result.stdout.splitlines()[0] == "-P -m webui explain model --x a b"


@posix
def test_test_passes_arguments_on_and_says_loudly_that_there_is_no_browser(environ, tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/sh").symlink_to("/bin/sh")
    lonely = {**environ, "PATH": str(tmp_path / "bin"), "HOME": str(tmp_path)}
    result = run("test", "-k", "queue", environ=lonely)
    first = result.stdout.splitlines()[0]
    assert first.startswith("-m pytest -n auto ")
    assert first.endswith(" -k queue")
    assert result.stderr.count("No chromium found: the browser tests are SKIPPED") == 2
    assert "SKIPPED" not in run("test", environ=lonely, CHROMIUM="/usr/bin/something").stderr


@posix
def test_a_second_start_adds_less_than_300_ms(environ):
    def seconds(*command: str) -> float:
        begun = time.perf_counter()
        subprocess.run(command, env=environ, capture_output=True, check=True)
        return time.perf_counter() - begun

    bare = min(seconds(sys.executable, "-c", "pass") for _ in range(7))
    assert min(seconds(sys.executable, str(LAUNCH)) for _ in range(7)) - bare < 0.3


@pytest.mark.parametrize("arguments", [["--medvram"], ["--prot", "1"], ["--listen"], ["serv"]])
def test_what_cannot_start_is_refused_before_anything_is_installed(arguments, tmp_path, environ):
    result = run(*arguments, environ=environ, VENV_DIR=str(tmp_path / "new"))
    assert result.returncode == 2
    assert result.stderr.startswith("webui: ")
    assert not (tmp_path / "new").exists()


def test_an_unknown_measurement_is_answered_with_those_there_are(environ):
    result = run("bench", "nothing", environ=environ)
    assert result.returncode == 1
    assert "txt2img" in result.stderr


def test_help_needs_no_environment(environ, tmp_path):
    result = run("--help", environ=environ, VENV_DIR=str(tmp_path / "new"))
    assert result.returncode == 0
    assert all(word in result.stdout for word in [*launch.COMMANDS.keys() - {"serve"}, "--torch-index", "--port"])


def test_doctor_needs_no_environment_and_names_the_cure(environ, tmp_path):
    result = run("doctor", environ=environ, VENV_DIR=str(tmp_path / "new"))
    assert result.returncode == 1
    assert "python launch.py setup" in result.stdout


def test_only_the_standard_library_is_needed(environ):
    command = [sys.executable, "-S", str(LAUNCH), "--help"]  # -S: no site-packages
    assert subprocess.run(command, env=environ, capture_output=True).returncode == 0


def test_an_old_python_can_read_it_far_enough_to_say_what_is_wrong():
    source = LAUNCH.read_text(encoding="utf-8")
    ast.parse(source, feature_version=(3, 7))
    pretend = "import sys; sys.version_info = (3, 8, 10, 'final', 0)"
    code = f"{pretend}\nexec(compile(open({str(LAUNCH)!r}, encoding='utf-8').read(), 'launch.py', 'exec'))"
    result = subprocess.run([sys.executable, "-X", "utf8", "-c", code], capture_output=True, encoding="utf-8")
    assert result.returncode == 1
    assert "needs Python 3.11 or newer; this is 3.8." in result.stderr
    assert "需要 Python 3.11" in result.stderr


def test_nothing_stands_above_the_version_check_but_the_import_it_needs():
    body = ast.parse(LAUNCH.read_text(encoding="utf-8")).body
    assert [type(node) for node in body[:3]] == [ast.Expr, ast.Import, ast.If]


def test_commandline_args_on_windows_keep_their_backslashes(monkeypatch):
    monkeypatch.setattr(launch, "WINDOWS", True)
    monkeypatch.setenv("COMMANDLINE_ARGS", r'--ckpt-dir D:\models --vae-dir "C:\My VAEs"')
    assert launch.commandline_args() == ["--ckpt-dir", r"D:\models", "--vae-dir", r"C:\My VAEs"]


@pytest.mark.parametrize(
    ("variables", "platform", "seen"),
    [
        ({"DISPLAY": ":0"}, "linux", True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", True),
        ({}, "linux", False),
        ({}, "darwin", True),
        ({"CI": "true"}, "darwin", False),
        ({"DISPLAY": ":0", "SSH_CONNECTION": "1"}, "linux", False),
    ],
)
def test_the_browser_opens_only_where_somebody_sees_it(variables, platform, seen, monkeypatch):
    for name in ("CI", "DISPLAY", "WAYLAND_DISPLAY", "SSH_CONNECTION"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", platform)
    assert launch.has_display() is seen


def test_the_browser_opens_when_the_page_answers_at_the_port_the_server_got(tmp_path, monkeypatch):
    class Locked(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_error(401)

        def log_message(self, format, *args):
            pass

    opened: list[str] = []
    monkeypatch.setattr(launch.webbrowser, "open", lambda url: opened.append(url) or True)
    given = options.Options(data_dir=tmp_path, port=1)
    lock = tmp_path / "data" / "server.lock"
    lock.parent.mkdir()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Locked) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        lock.write_text(json.dumps({"pid": 1, "port": server.server_port}))
        assert launch.open_browser(given, since=time.time() + 60, patience=0.7) == 1  # an earlier server's lock file
        assert opened == []
        assert launch.open_browser(given, since=time.time() - 60, patience=5) == 0
        assert opened == [f"http://127.0.0.1:{server.server_port}/"]
        server.shutdown()


@posix
@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("git"), reason="makes a clone with git")
@pytest.mark.skipif("FRESH_INSTALL" not in os.environ, reason="downloads 0.4 GB; set FRESH_INSTALL=1 to run it")
@pytest.mark.timeout(1500)
def test_a_fresh_clone_with_an_empty_home_sets_up_and_serves(tmp_path):
    clone, home = tmp_path / "clone", tmp_path / "home"
    home.mkdir()
    subprocess.run(["git", "clone", "-q", str(LAUNCH.parent), str(clone)], check=True)
    pips = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    environ = {**pips, "PATH": os.environ["PATH"], "HOME": str(home), "CI": "1", "LC_ALL": "C.UTF-8"}
    command = [sys.executable, "launch.py"]
    subprocess.run([*command, "setup"], cwd=clone, env=environ, check=True, timeout=1200)
    subprocess.run([*command, "doctor", "--port", "7997"], cwd=clone, env=environ, check=True)
    offline = {**environ, "PIP_NO_INDEX": "1", "https_proxy": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"}
    with subprocess.Popen([*command, "--port", "7997"], cwd=clone, env=offline) as server:
        try:
            direct = launch.urllib.request.build_opener(launch.urllib.request.ProxyHandler({}))
            for _ in range(120):
                time.sleep(0.5)
                with launch.contextlib.suppress(OSError), direct.open("http://127.0.0.1:7997/healthz") as answer:
                    assert answer.status == 200
                    break
            else:
                pytest.fail("the page did not answer within a minute")
        finally:
            server.terminate()
