from __future__ import annotations

from pathlib import Path

import pytest

from webui.messages import LANGUAGES, Fault, texts
from webui.settings import Settings, SettingsFile, changed


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "data" / "settings.json"


def test_changes_are_there_after_a_restart(file: Path) -> None:
    SettingsFile(file).change({"keep_unsaved_days": 9, "randn_source": "CPU"})
    assert SettingsFile(file).now.keep_unsaved_days == 9
    assert SettingsFile(file).now.randn_source == "CPU"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sd_checkpoints_limit", 0),
        ("sd_checkpoints_limit", True),
        ("randn_source", "dice"),
        ("eta_ancestral", float("nan")),
        ("s_tmax", float("inf")),
        ("tiling", None),
        ("quicksettings_list", ["no_such"]),
        ("infotext_skip_pasting", ["x" * 101]),
        ("infotext_skip_pasting", ["x"] * 101),
        ("no_such", 1),
    ],
)
def test_one_wrong_value_changes_nothing_and_is_named(file: Path, name: str, value: object) -> None:
    settings = SettingsFile(file)
    with pytest.raises(Fault) as fault:
        settings.change({"keep_unsaved_days": 9, name: value})
    assert fault.value.message.field == name
    assert settings.now == Settings()


def test_settings_of_a_newer_version_are_kept(file: Path) -> None:
    file.parent.mkdir()
    file.write_text('{"from_the_future": [1], "keep_unsaved_days": 5}')
    SettingsFile(file).change({"sd_vae": "None"})
    assert '"from_the_future"' in file.read_text()
    assert SettingsFile(file).now.keep_unsaved_days == 5


def test_a_damaged_file_is_put_aside_and_the_one_before_is_used(file: Path) -> None:
    settings = SettingsFile(file)
    settings.change({"keep_unsaved_days": 5})
    settings.change({"keep_unsaved_days": 6})
    file.write_text('{"keep_unsav')
    assert SettingsFile(file).now.keep_unsaved_days == 5
    assert file.with_name("settings.json.damaged").read_text() == '{"keep_unsav'


@pytest.mark.parametrize(("name", "nearest"), [("quicksetting_list", "quicksettings_list"), ("eta", "eta_ddim")])
def test_an_unknown_name_is_told_the_nearest(name: str, nearest: str) -> None:
    with pytest.raises(Fault) as fault:
        changed(Settings(), {name: 1})
    assert nearest in fault.value.message.params["nearest"]
    assert nearest in fault.value.message.hint("zh-CN")


def test_every_setting_has_its_words_in_every_language() -> None:
    for language in LANGUAGES:
        for name in Settings.model_fields:
            label, help_ = texts(language)[f"setting.{name}"], texts(language)[f"setting.{name}.help"]
            assert 2 <= len(label) <= 45, (language, name)
            assert help_[-1] in ".。", (language, name)


def test_labels_tell_settings_apart() -> None:
    for language in LANGUAGES:
        labels = [texts(language)[f"setting.{name}"] for name in Settings.model_fields]
        assert len(set(labels)) == len(labels)


def test_settings_survive_json() -> None:
    settings = changed(Settings(), {"quicksettings_list": ["tiling", "rho"], "rho": 3, "keyedit_delimiters": "、。 "})
    assert Settings.model_validate_json(settings.model_dump_json()) == settings
