"""The command line: sd-webui's names, exact refusals, two languages."""

import string
from pathlib import Path

import pytest

from webui import options
from webui.options import Options, parse


@pytest.fixture(autouse=True)
def english(monkeypatch):
    monkeypatch.setenv("LC_ALL", "C.UTF-8")


def refusal(capsys, *argv: str) -> str:
    """What is said, on one line, before the program ends with code 2."""
    with pytest.raises(SystemExit) as end:
        parse(argv)
    assert end.value.code == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    return said


def test_without_flags_it_serves_this_machine_only():
    assert parse([]) == Options()
    assert (Options().port, Options().host, Options().users) == (7860, "127.0.0.1", ())


@pytest.mark.parametrize(
    ("argv", "field", "value"),
    [
        ("--port 7861", "port", 7861),
        ("--port=7861", "port", 7861),
        ("--listen --gradio-auth a:b", "host", "0.0.0.0"),
        ("--listen --server-name 10.0.0.5 --gradio-auth a:b", "host", "10.0.0.5"),
        ("--server-name localhost", "host", "localhost"),
        ("--server-name ::1", "host", "::1"),
        ("--gradio-auth a:b", "users", (("a", "b"),)),
        ("--gradio-auth a:b:c,d:e", "users", (("a", "b:c"), ("d", "e"))),
        ("--allow-host Box.local --allow-host b", "allow_hosts", ("box.local", "b")),
        ("--subpath sd/one/", "subpath", "/sd/one"),
        ("--subpath /", "subpath", ""),
        ("--use-cpu", "use_cpu", True),
        ("--use-cpu all", "use_cpu", True),
        ("--device-id 1", "device_id", 1),
        ("--theme dark", "theme", "dark"),
        ("--language zh", "language", "zh-CN"),
        ("--no-browser --autolaunch", "open_browser", False),
        ("--torch-index https://example.org/whl", "torch_index", "https://example.org/whl"),
    ],
)
def test_a_flag_becomes_a_value(argv, field, value):
    assert getattr(parse(argv.split()), field) == value


def test_folders_may_be_several_and_are_named_as_under_models(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    given = parse(["--lora-dir", str(one), "--lora-dir", str(two), "--ckpt-dir", str(one)])
    assert given.model_folders["Lora"] == (one, two)
    assert given.model_folders["Stable-diffusion"] == (one,)
    assert given.model_folders["VAE"] == ()


def test_relative_folders_are_seen_from_where_the_program_was_called(tmp_path, monkeypatch):
    (tmp_path / "home").mkdir()
    monkeypatch.chdir(tmp_path)
    assert parse(["--data-dir", "home"]).data_dir == tmp_path / "home"


@pytest.mark.parametrize("flag", sorted(options.ALREADY_SO))
def test_a_flag_for_what_is_so_anyway_is_accepted(flag):
    assert parse([flag]) == Options()


@pytest.mark.parametrize("argv", ["--listen", "--server-name 0.0.0.0", "--server-name 192.168.1.4", "--share"])
def test_other_machines_need_a_password(capsys, argv):
    assert f"{argv} lets other machines in, so it needs a password: add --gradio-auth" in refusal(capsys, *argv.split())


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        ("--medvram", "--medvram is a known sd-webui flag that this program does not have yet"),
        ("--ngrok=token", "--ngrok is a known sd-webui flag"),
        ("--share --gradio-auth a:b", "--share is a known sd-webui flag"),
        ("--api-auth a:b", "use --gradio-auth instead"),
        ("--prot 1", "did you mean --port"),
        ("--zzzzzz", "unknown option --zzzzzz; see --help"),
        ("word", "unknown option word"),
        ("--port 0", "--port: 0 is not between 1 and 65535"),
        ("--port x", "--port: x is not"),
        ("--device-id -1", "--device-id"),
        ("--use-cpu gfpgan", "only 'all' exists yet, not gfpgan"),
        ("--theme blue", "--theme"),
        ("--gradio-auth nocolon", "--gradio-auth: expected NAME:PASSWORD"),
        ("--gradio-auth ,", "--gradio-auth: expected NAME:PASSWORD"),
        ("--gradio-auth-path /no/such/file", "--gradio-auth-path: cannot read /no/such/file"),
        ("--ckpt /no/such/file", "--ckpt: no such file: /no/such/file"),
        ("--vae-dir /no/such/folder", "--vae-dir: no such folder: /no/such/folder"),
        ("--subpath a/../<b>", "--subpath"),
    ],
)
def test_a_refusal_names_the_flag_and_the_cure(capsys, argv, words):
    assert words in refusal(capsys, *argv.split())


def test_an_abbreviated_flag_is_not_guessed(capsys):
    refusal(capsys, "--por", "7861")


def test_passwords_come_from_a_file_and_are_never_printed(tmp_path, capsys):
    file = tmp_path / "users"
    file.write_text("ann:one\nbob:two\n", encoding="utf-8")
    given = parse(["--gradio-auth-path", str(file), "--gradio-auth", "eve:three"])
    assert given.users == (("eve", "three"), ("ann", "one"), ("bob", "two"))
    assert "three" not in repr(given)
    assert "secret" not in refusal(capsys, "--gradio-auth", "secret")


def test_an_empty_password_file_does_not_open_the_door(tmp_path, capsys):
    file = tmp_path / "users"
    file.write_text("\n", encoding="utf-8")
    assert "--gradio-auth-path" in refusal(capsys, "--listen", "--gradio-auth-path", str(file))


@pytest.mark.parametrize(
    ("argv", "url"),
    [
        ("", "http://127.0.0.1:7860/"),
        ("--listen --gradio-auth a:b --port 80", "http://127.0.0.1:80/"),
        ("--server-name ::1 --subpath sd", "http://[::1]:7860/sd/"),
    ],
)
def test_the_page_is_where_a_browser_here_finds_it(argv, url):
    assert parse(argv.split()).url == url


def test_no_name_is_in_two_tables():
    ours = {name for action in options.build_parser()._actions for name in action.option_strings} - {"--share", "--api"}
    tables = [ours, options.ALREADY_SO, set(options.INSTEAD), set(options.NOT_YET.split())]
    assert sum(map(len, tables)) == len(set().union(*tables))


@pytest.mark.parametrize("code", sorted(options.TEXTS))
def test_both_languages_say_the_same_things(code):
    english, chinese = (
        {field for _, field, _, _ in string.Formatter().parse(text) if field} for text in options.TEXTS[code]
    )
    assert english == chinese


@pytest.mark.parametrize(
    ("environ", "language"),
    [
        ({"LANG": "zh_CN.UTF-8"}, "zh-CN"),
        ({"LANG": "zh_TW.UTF-8"}, "zh-CN"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
    ],
)
def test_the_terminals_language(environ, language):
    assert options.system_language(environ) == language


def test_chinese_refusals(monkeypatch, capsys):
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    assert "本程序目前还没有" in refusal(capsys, "--medvram")


def test_the_program_is_the_checkout():
    assert (options.PROGRAM / "launch.py").is_file()
    assert Path(options.__file__).is_relative_to(options.PROGRAM)
