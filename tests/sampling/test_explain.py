"""``explain sigmas``."""

from __future__ import annotations

import json

import pytest

from webui import explain
from webui.sampling.kinds import schedulers


def explained(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict]:
    code = explain.main(["sigmas", *arguments])
    return code, json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("scheduler", schedulers().values(), ids=lambda scheduler: scheduler.name)
def test_every_schedule_by_name_and_label(capsys: pytest.CaptureFixture[str], scheduler) -> None:
    code, answer = explained(capsys, scheduler.label, "--steps", "5")
    assert code == 0
    assert explained(capsys, scheduler.name, "--steps", "5") == (0, answer)
    assert len(answer["sigmas"]) == 6


def test_align_your_steps_depends_on_the_model(capsys: pytest.CaptureFixture[str]) -> None:
    of_sd1, of_sdxl = ([14.615, 3.2269, 1.396, 0.51, 0.029, 0], [14.615, 2.8679, 0.862, 0.2982, 0.029, 0])
    _, answer = explained(capsys, "Align Your Steps", "--steps", "5")
    assert answer["sigmas"] == pytest.approx(of_sd1, abs=1e-4)
    assert explained(capsys, "Align Your Steps", "--steps", "5", "--model", "sd1") == (0, answer)
    _, answer = explained(capsys, "Align Your Steps", "--steps", "5", "--model", "sdxl")
    assert answer["sigmas"] == pytest.approx(of_sdxl, abs=1e-4)


def test_an_unknown_one_is_an_error_that_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    code, answer = explained(capsys, "Karas")
    assert code == 1
    assert list(answer) == ["error"]
    assert "Karras" in answer["error"]


@pytest.mark.parametrize("steps", ["0", "-1", "1001", "many"])
def test_a_number_of_steps_that_cannot_be_is_refused(steps: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        explain.main(["sigmas", "karras", "--steps", steps])
    assert caught.value.code == 2
    assert "--steps" in capsys.readouterr().err
