"""What the doctor finds, and that every fault comes with its cure."""

import http.server
import re
import socket
import string
import threading
from pathlib import Path

import pytest

from webui import doctor, options
from webui.install import environment as environments
from webui.install.environment import Environment


@pytest.fixture
def given(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    return options.Options(data_dir=tmp_path, port=port)


@pytest.fixture(autouse=True)
def english(monkeypatch):
    monkeypatch.setenv("LC_ALL", "C.UTF-8")


class Page(http.server.BaseHTTPRequestHandler):
    """Our server as far as the doctor looks, or another one's."""

    status, kind = 200, "application/json"

    def do_GET(self):
        self.send_response(self.status)
        self.send_header("Content-Type", self.kind)
        self.end_headers()

    def log_message(self, format, *args):
        pass


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (200, "application/json", "page"),
        (401, "text/plain", "page"),
        (200, "text/html", "port_taken"),
        (404, "", "port_taken"),
    ],
)
def test_who_is_at_the_port(status, kind, code):
    handler = type("Handler", (Page,), {"status": status, "kind": kind})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        assert doctor.port_and_page(options.Options(port=server.server_port)).code == code
        server.shutdown()


def test_a_free_port_is_fine(given):
    assert doctor.port_and_page(given) == ("ok", "port", {"port": given.port})


def test_models_are_counted_in_all_folders(given, tmp_path, monkeypatch):
    monkeypatch.setattr(options, "PROGRAM", tmp_path)
    assert doctor.models(given).code == "no_models"
    folder = tmp_path / "models" / "Stable-Diffusion" / "deeper"
    folder.mkdir(parents=True)
    (folder / "a.safetensors").touch()
    (folder / "readme.txt").touch()
    assert doctor.models(given).params["count"] == 1


def make_installed(environment: Environment, name: str, version: str) -> None:
    info = environment.folder / "lib/python3.11/site-packages" / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")


@pytest.mark.skipif(environments.WINDOWS, reason="another layout")
@pytest.mark.parametrize(
    ("version", "code"), [("2.13.0", "versions"), ("2.13.0+cu130", "versions"), ("2.12.1", "versions_bad")]
)
def test_versions_are_compared_without_the_local_part(version, code, tmp_path, monkeypatch):
    environment = Environment(tmp_path)
    (tmp_path / "constraints.txt").write_text("# tested\ntorch==2.13.0\npydantic_core==1.0\n")
    monkeypatch.setattr(environments, "CONSTRAINTS", tmp_path / "constraints.txt")
    make_installed(environment, "torch", version)
    make_installed(environment, "Pydantic.Core", "1.0")
    make_installed(environment, "unrelated", "5")
    found = doctor.versions(environment)
    assert found.code == code
    assert found.params == ({"count": 2} if code == "versions" else {"names": "torch 2.12.1 (2.13.0)"})


def test_low_disk_is_pointed_out(given):
    assert [one.code for one in doctor.disk(given.data_dir, wanted_gb=1e9)] == ["disk_low"]
    assert [one.code for one in doctor.disk(given.data_dir / "not" / "there" / "yet", wanted_gb=0)] == ["disk"]


def test_the_report_ends_with_a_code_and_every_fault_with_a_cure(given, tmp_path, capsys):
    assert doctor.run(given, Environment(tmp_path / "none")) == 1
    lines = capsys.readouterr().out.splitlines()
    faults = [n for n, line in enumerate(lines) if line.startswith(("FAIL", "WARN"))]
    assert faults
    assert all(lines[n + 1].startswith("     -> ") for n in faults)
    assert lines[-1] == f"{len(faults)} to cure."


def test_every_fault_has_a_cure():
    source = Path(doctor.__file__).read_text(encoding="utf-8")
    faults = {*re.findall(r'Finding\(\s*"(?:warn|fail)",\s*"(\w+)"', source), "disk_low", "no_models"}
    assert len(faults) >= 8
    assert {f"{code}.cure" for code in faults} == {code for code in doctor.TEXTS if code.endswith(".cure")}


@pytest.mark.parametrize("code", sorted(doctor.TEXTS))
def test_both_languages_say_the_same_things(code):
    english, chinese = (
        {field for _, field, _, _ in string.Formatter().parse(text) if field} for text in doctor.TEXTS[code]
    )
    assert english == chinese
