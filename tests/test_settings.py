from __future__ import annotations

from pathlib import Path

import pytest

from webui.messages import Fault
from webui.settings import Settings, SettingsFile


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "data" / "settings.json"


def test_changes_are_there_after_a_restart(file: Path) -> None:
    SettingsFile(file).change({"keep_unsaved_days": 9, "randn_source": "CPU"})
    assert SettingsFile(file).now.keep_unsaved_days == 9
    assert SettingsFile(file).now.randn_source == "CPU"


@pytest.mark.parametrize(("name", "value"), [("sd_checkpoints_limit", 0), ("randn_source", "dice"), ("no_such", 1)])
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
