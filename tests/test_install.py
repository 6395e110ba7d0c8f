"""The environment, made with the real venv and the real pip from a few tiny wheels."""

import base64
import contextlib
import hashlib
import http.server
import io
import os
import shutil
import socket
import string
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import pytest

from webui import options
from webui.install import environment as environments
from webui.install import machine, prepare
from webui.install.environment import Environment
from webui.install.pip import Pip
from webui.install.words import TEXTS, Failure, say

# As much torch as the first look at it needs.
TORCH = """
__version__ = "9.9"
class cuda:
    is_available = staticmethod(lambda: False)
class backends:
    class mps:
        is_available = staticmethod(lambda: False)
"""


def make_wheel(folder: Path, name: str, version: str, code: str = "") -> None:
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}/__init__.py": code,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    rows = []
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        for path, text in files.items():
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
            rows.append(f"{path},sha256={digest},{len(text.encode())}")
            wheel.writestr(path, text)
        wheel.writestr(f"{info}/RECORD", "\n".join([*rows, f"{info}/RECORD,,"]) + "\n")


def make_checkout(folder: Path) -> None:
    """A project that needs alpha, and beta for its tests, beside a folder of wheels: no network can matter."""
    wheels = folder / "wheels"
    wheels.mkdir(parents=True)
    make_wheel(wheels, "torch", "9.9", TORCH)
    make_wheel(wheels, "alpha", "1.0")
    make_wheel(wheels, "alpha", "2.0")
    make_wheel(wheels, "beta", "1.0")
    extras = 'optional-dependencies = {test = ["beta"], xformers = []}'
    (folder / "pyproject.toml").write_text(f'[project]\ndependencies = ["alpha", "torch"]\n{extras}\n')
    (folder / "constraints.txt").write_text("torch==9.9\nalpha==1.0\nbeta==1.0\n")


def use_checkout(folder: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(environments, "ROOT", folder)
    patch.setattr(environments, "CONSTRAINTS", folder / "constraints.txt")
    patch.setattr(machine, "this_machine", lambda: machine.Machine("CPU", ""))
    patch.setenv("LC_ALL", "C.UTF-8")
    patch.setenv("PIP_NO_INDEX", "1")
    patch.setenv("PIP_NO_COMPILE", "1")
    patch.setenv("PIP_CONFIG_FILE", os.devnull)
    patch.setenv("PIP_FIND_LINKS", str(folder / "wheels"))
    patch.delenv("PIP_EXTRA_INDEX_URL", raising=False)


@pytest.fixture(scope="module")
def made_once(tmp_path_factory):
    """A checkout whose environment the real venv and pip have made, and what was said meanwhile."""
    folder = tmp_path_factory.mktemp("made") / "checkout"
    make_checkout(folder)
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stderr(said):
        use_checkout(folder, patch)
        prepare(Environment(folder / ".venv"), options.Options())
    return folder, said.getvalue()


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    folder = tmp_path / "checkout"
    make_checkout(folder)
    use_checkout(folder, monkeypatch)
    return folder


@pytest.fixture
def environment(checkout, made_once):
    """A whole one, to be damaged: a copy, since making one takes seconds."""
    shutil.copytree(made_once[0] / ".venv", checkout / ".venv", symlinks=True)
    return Environment(checkout / ".venv")


@pytest.fixture
def empty(environment):
    """One with nothing but pip in it, as after a set-up that was stopped early."""
    environment.stamp_file.unlink()
    for name in ("alpha", "torch"):
        shutil.rmtree(environment.site / name)
        shutil.rmtree(next(environment.site.glob(f"{name}-*.dist-info")))
    return environment


def installed(environment: Environment) -> set[str]:
    return {info.name.removesuffix(".dist-info") for info in environment.site.glob("*.dist-info")} - pips_own(
        environment
    )


def pips_own(environment: Environment) -> set[str]:
    return {info.stem for name in ("pip", "setuptools") for info in environment.site.glob(f"{name}-*.dist-info")}


def test_from_nothing_to_whole_and_then_nothing_more_to_do(environment, made_once, capsys, monkeypatch):
    assert installed(environment) == {"alpha-1.0", "torch-9.9"}  # 2.0 is newer, 1.0 is pinned
    assert "torch 9.9 on cpu: ready" in made_once[1]
    assert environment.fault() == ""
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("a whole environment was worked on"))
    prepare(environment, options.Options())
    assert capsys.readouterr() == ("", "")


def test_an_extra_is_added_and_kept(environment):
    assert "test" in environment.fault(["test"])
    prepare(environment, options.Options(), extras=["test"])
    assert "beta-1.0" in installed(environment)
    environment.stamp_file.write_text(environment.stamp_file.read_text().replace('"wanted": "', '"wanted": "x'))
    prepare(environment, options.Options())
    assert environment.fault(["test"]) == ""


def test_what_was_damaged_is_repaired(environment):
    shutil.rmtree(environment.site / "alpha")
    (environment.site / "~lpha").mkdir()
    assert "alpha" in environment.fault()
    prepare(environment, options.Options())
    assert (environment.site / "alpha" / "__init__.py").is_file()
    assert not (environment.site / "~lpha").exists()
    assert environment.fault() == ""


def test_a_set_up_killed_half_way_is_finished_by_the_next(environment):
    environment.stamp_file.unlink()
    (environment.site / "alpha-1.0.dist-info" / "RECORD").unlink()  # pip writes it last
    shutil.rmtree(environment.site / "pip")
    prepare(environment, options.Options())
    assert environment.fault() == ""
    assert installed(environment) == {"alpha-1.0", "torch-9.9"}


def test_a_python_that_was_removed_is_replaced(environment):
    config = environment.folder / "pyvenv.cfg"
    config.write_text(config.read_text().replace("home = ", "home = /gone"))
    assert environment.fault() == say("no_python")
    prepare(environment, options.Options())
    assert environment.fault() == ""


def test_new_versions_are_installed(environment, checkout):
    constraints = checkout / "constraints.txt"
    constraints.write_text(constraints.read_text().replace("alpha==1.0", "alpha==2.0"))
    assert environment.fault() == say("changed")
    prepare(environment, options.Options())
    assert installed(environment) == {"alpha-2.0", "torch-9.9"}


def test_a_failure_says_what_pip_said_and_leaves_no_stamp(empty, checkout):
    (checkout / "wheels" / "alpha-1.0-py3-none-any.whl").unlink()
    with pytest.raises(Failure, match=r"(?s)alpha==1\.0.*install\.log"):
        prepare(empty, options.Options())
    assert empty.fault() == say("no_stamp")


def test_source_packages_are_refused(empty, checkout):
    (checkout / "wheels" / "alpha-1.0-py3-none-any.whl").rename(checkout / "wheels" / "alpha-1.0.tar.gz")
    with pytest.raises(Failure):
        prepare(empty, options.Options())


def test_another_torch_replaces_the_one_that_is_there(environment, monkeypatch):
    asked = options.Options(torch_index="http://mirror.invalid/whl")
    monkeypatch.setattr(machine, "answers", lambda index: True)
    really, commands = Pip.install, []

    def install(self: Pip, *arguments: str) -> None:
        commands.append(arguments)
        really(self, *(word for word in arguments if "mirror" not in word))

    monkeypatch.setattr(Pip, "install", install)
    prepare(environment, asked)
    assert commands[0] == ("torch==9.9", "--extra-index-url=http://mirror.invalid/whl")
    commands.clear()
    prepare(environment, asked)
    prepare(environment, options.Options())  # a flag given once stays
    assert commands == []


def test_what_was_asked_for_is_remembered_by_the_start_that_finishes(empty, checkout, monkeypatch):
    asked = options.Options(torch_index="http://mirror.invalid/whl")
    monkeypatch.setattr(machine, "answers", lambda index: False)
    (checkout / "wheels" / "alpha-1.0-py3-none-any.whl").rename(checkout / "alpha")
    with pytest.raises(Failure):
        prepare(empty, asked, extras=["test"])
    make_wheel(checkout / "wheels", "alpha", "1.0")
    prepare(empty, options.Options())
    assert empty.fault(["test"], asked.torch_index) == ""


def test_a_damaged_file_deep_inside_is_found_by_setup(environment):
    (environment.site / "alpha" / "__init__.py").unlink()
    assert environment.fault() == ""  # a start looks at no more than the top
    prepare(environment, options.Options(), thorough=True)
    assert (environment.site / "alpha" / "__init__.py").is_file()


def test_a_folder_that_is_not_ours_is_not_emptied(tmp_path):
    folder = tmp_path / "precious"
    folder.mkdir()
    (folder / "thesis.txt").touch()
    with pytest.raises(Failure, match="VENV_DIR"):
        prepare(Environment(folder), options.Options())
    assert (folder / "thesis.txt").exists()


def test_an_index_that_does_not_answer_is_left_aside_and_that_is_said(empty, capsys, monkeypatch):
    monkeypatch.setattr(machine, "answers", lambda index: False)
    prepare(empty, options.Options(torch_index="http://mirror.invalid/whl"))
    assert "http://mirror.invalid/whl does not answer" in capsys.readouterr().err
    assert empty.fault() == ""


def test_a_torch_that_does_not_start_is_no_success(empty, checkout):
    make_wheel(checkout / "wheels", "torch", "9.9", "raise ImportError('DLL load failed')")
    with pytest.raises(Failure, match="DLL load failed"):
        prepare(empty, options.Options())
    assert empty.fault() == say("no_stamp")


def test_a_cpu_build_on_a_machine_with_a_card_is_pointed_out(empty, capsys, monkeypatch):
    monkeypatch.setattr(machine, "this_machine", lambda: machine.Machine("NVIDIA", ""))
    prepare(empty, options.Options())
    assert "--reinstall-torch" in capsys.readouterr().err


def test_two_at_once_install_once(empty, capsys):
    both = [threading.Thread(target=prepare, args=(empty, options.Options())) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert empty.fault() == ""
    assert capsys.readouterr().err.count("ready after") == 1


@pytest.mark.parametrize("stamp", ["", "{", "[1]", "null"])
def test_a_damaged_stamp_is_no_stamp(environment, stamp):
    environment.stamp_file.write_text(stamp)
    assert environment.fault() == say("no_stamp")


# --- which torch ------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform != "linux", reason="puts a shell script in nvidia-smi's place")
@pytest.mark.parametrize(
    ("says", "index"),
    [
        ("580.95.05, 9.0", "cu130"),
        ("591.10, 12.0\n591.10, 8.6", "cu130"),
        ("580.95.05, 9.0\n580.95.05, 6.1", "cu126"),  # a card that CUDA 13 has dropped
        ("550.54.14, 8.9", "cu126"),  # a driver that is too old for it
        ("NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.", "cpu"),
        ("", "cpu"),
    ],
)
def test_the_cuda_build_fits_driver_and_card(says, index, tmp_path, monkeypatch):
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\ncat <<'E'\n{says}\nE\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(Path, "exists", lambda self: False)  # no /dev/kfd
    assert machine.this_machine().torch_index == machine.INDEX + index


def test_an_index_answers_or_not(monkeypatch):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path == "/whl/cpu/torch/" else 404)
            self.end_headers()

        def log_message(self, format, *args):
            pass

    monkeypatch.setattr(machine, "PATIENCE", 0.5)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}"
    assert machine.answers(f"{base}/whl/cpu")
    assert machine.answers(f"{base}/whl/cpu/")
    assert not machine.answers(f"{base}/whl/cu999")
    server.shutdown()
    server.server_close()
    assert not machine.answers(f"{base}/whl/cpu")
    with socket.create_server(("127.0.0.1", 0)) as mute:  # takes the connection and says nothing
        assert not machine.answers(f"http://127.0.0.1:{mute.getsockname()[1]}")
    assert not machine.answers("no address")


# --- what is said -----------------------------------------------------------------------------------------------------


def test_the_live_line_counts_bytes_and_packages(empty):
    pip = Pip(empty)
    lines = ["Collecting torch==9.9\n", "  Downloading torch-9.9-py3-none-any.whl (800.0 MB)\n"]
    (pip.downloads / "pip-unpack-1").mkdir(parents=True)
    with (pip.downloads / "pip-unpack-1" / "torch.whl").open("wb") as file:
        file.truncate(200_000_000)
    assert pip._status(lines, 0, 10.0) == "      1 packages, 200 MB loaded (torch-9.9), about 30 s left"
    lines.append("Installing collected packages: a, b, torch\n")
    assert pip._status(lines, pip._installed() - 2, 10.0) == "      unpacking 2 of 3 packages"


@pytest.mark.parametrize("code", sorted(TEXTS))
def test_both_languages_say_the_same_things(code):
    english, chinese = ({field for _, field, _, _ in string.Formatter().parse(text) if field} for text in TEXTS[code])
    assert english == chinese
