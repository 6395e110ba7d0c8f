"""The repository's outer files keep their promises."""

import importlib.metadata
import re
import shutil
import subprocess
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import launch
from webui import options

ROOT = options.PROGRAM
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DECLARED = [
    Requirement(line) for line in [*PROJECT["dependencies"], *sum(PROJECT["optional-dependencies"].values(), [])]
]
PINNED = {
    canonicalize_name(name): version
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    for name, separator, version in [line.partition("==")]
    if separator
}


# --- what is installed ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("requirement", DECLARED, ids=lambda one: one.name)
def test_a_dependency_is_bounded_and_pinned_within_its_bounds(requirement):
    operators = {one.operator for one in requirement.specifier}
    assert operators == {">=", "<"}
    assert PINNED[canonicalize_name(requirement.name)] in requirement.specifier


def test_what_the_dependencies_need_is_pinned_too():
    """Whatever pip would choose by itself is another program next month."""
    to_do, seen = [one for one in DECLARED if one.name != "xformers"], set()
    while to_do:
        requirement = to_do.pop()
        name = canonicalize_name(requirement.name)
        for extra in (*requirement.extras, ""):
            if (name, extra) in seen:
                continue
            seen.add((name, extra))
            needs = map(Requirement, importlib.metadata.distribution(name).requires or [])
            to_do += [one for one in needs if one.marker is None or one.marker.evaluate({"extra": extra})]
    # A GPU's torch brings its own libraries, and pins them.
    theirs = ("nvidia-", "cuda-", "triton", "pytorch-triton")
    assert {name for name, _ in seen if not name.startswith(theirs)} - PINNED.keys() == set()


def test_pins_name_no_build():
    assert [version for version in PINNED.values() if "+" in version] == []


# --- git --------------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not shutil.which("git") or not (ROOT / ".git").exists(), reason="not a git checkout")
@pytest.mark.parametrize(
    ("path", "ignored"),
    [
        ("webui/models/manager.py", False),
        ("webui/models/families/sdxl.py", False),
        ("tests/models/test_x.py", False),
        ("webui/outputs.py", False),
        ("models/Stable-diffusion/atelier-starter.safetensors", False),
        ("models/Stable-diffusion/mine.safetensors", True),
        ("models/Lora/mine.safetensors", True),
        ("outputs/txt2img-images/2026-01-31/00001-1.png", True),
        ("data/jobs.sqlite3", True),
        (".venv/bin/python", True),
        (".venv.lock", True),
        ("webui/__pycache__/app.cpython-311.pyc", True),
    ],
)
def test_git_ignores_what_people_make_and_nothing_of_ours(path, ignored):
    result = subprocess.run(["git", "check-ignore", "--quiet", "--no-index", path], cwd=ROOT, check=False)
    assert (result.returncode == 0) is ignored


@pytest.mark.parametrize("name", ["webui.bat", "webui-user.bat"])
def test_batch_files_have_windows_line_ends(name):
    text = (ROOT / name).read_bytes()
    assert text.count(b"\n") == text.count(b"\r\n") > 0


@pytest.mark.parametrize("name", ["webui.sh", "webui-user.sh", "webui.command", ".ci/run", "launch.py"])
def test_scripts_have_unix_line_ends(name):
    assert b"\r" not in (ROOT / name).read_bytes()


@pytest.mark.skipif(launch.WINDOWS, reason="files have no such bit there")
@pytest.mark.parametrize("name", ["webui.sh", "webui.command", ".ci/run", "launch.py"])
def test_scripts_can_be_run(name):
    assert (ROOT / name).stat().st_mode & 0o111


# --- the double-click -------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    """A checkout, in a path with a space, whose launch.py says how it was called."""
    folder = tmp_path / "a folder"
    folder.mkdir()
    for name in ("webui.sh", "webui.command", "webui-user.sh"):
        shutil.copy(ROOT / name, folder)
    (folder / "launch.py").write_text(
        "import os, sys\n"
        "print(sys.argv[1:], os.environ.get('COMMANDLINE_ARGS'), os.environ.get('VENV_DIR') or None)\n"
        "sys.exit(3)\n"
    )
    return folder


@pytest.mark.skipif(launch.WINDOWS, reason="for a POSIX shell")
@pytest.mark.parametrize("script", ["webui.sh", "webui.command"])
@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("", "['--port', '1'] None None"),
        ('export COMMANDLINE_ARGS="--theme dark"\nVENV_DIR=/v', "['--port', '1'] --theme dark /v"),
        ('COMMANDLINE_ARGS="--api"\nvenv_dir="old"\npython_cmd="python3"', "['--port', '1'] --api old"),
    ],
)
def test_webui_sh_reads_what_people_wrote_in_webui_user_sh(script, settings, said, folder):
    with (folder / "webui-user.sh").open("a") as file:
        file.write(settings)
    result = subprocess.run(
        [folder / script, "--port", "1"], cwd="/", capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    assert result.stdout.strip() == said
    assert result.returncode == 3


# --- the documents ----------------------------------------------------------------------------------------------------

READMES = ("README.md", "README.zh-CN.md")
DOCUMENTS = sorted(path.relative_to(ROOT).as_posix() for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


@pytest.mark.parametrize("name", READMES)
def test_a_readme_begins_with_the_two_commands(name):
    code = re.search(r"```\n(.*?)```", (ROOT / name).read_text(encoding="utf-8"), re.DOTALL)
    assert code is not None
    assert code[1].splitlines() == ["python launch.py", "python launch.py test"]


@pytest.mark.parametrize("name", READMES)
def test_a_readme_has_every_flag_and_no_other(name):
    parser = options.build_parser()
    flags = {flag for action in parser._actions for flag in action.option_strings if flag.startswith("--")}
    said = set(re.findall(r"--[a-z][a-z-]+", (ROOT / name).read_text(encoding="utf-8")))
    assert said | {"--share"} == flags  # --share is known only so as to be refused


def test_contributings_commands_exist():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert set(re.findall(r"launch\.py ([a-z]+)", text)) <= launch.COMMANDS.keys()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_somewhere(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
    assert [link for link in links if link and not (ROOT / name).parent.joinpath(link).exists()] == []


def test_the_changelog_has_one_unreleased_section():
    assert (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").count("\n## [Unreleased]\n") == 1


def test_the_licence_is_the_one_declared():
    assert PROJECT["license"] == "Apache-2.0"
    assert "Apache License" in (ROOT / "LICENSE").read_text(encoding="utf-8")
