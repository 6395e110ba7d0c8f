"""What the stage is told of a job, in words, in both languages."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest

from webui.app import App
from webui.events import Progress
from webui.jobs.executor import InProcess
from webui.jobs.queue import Snapshot
from webui.messages import LANGUAGES, Message
from webui.paths import Paths
from webui.request import Batch, Hires, Prompts, Sampling, Size, Txt2Img
from webui.settings import Settings
from webui.ui import live
from webui.ui.reader import Reader

ANN = Reader("/ann", "en")
HOSTILE = "<img src=x onerror=alert(1)>\u2028</script>"


def small(prompt: str = "a boat", count: int = 1, steps: int = 2) -> Txt2Img:
    return Txt2Img(
        prompts=Prompts(prompt=prompt),
        size=Size(width=64, height=64),
        batch=Batch(count=count),
        sampling=Sampling(steps=steps),
    )


def running(app: App, **values: Any) -> Snapshot:
    """A job of two pictures as the queue would show it in the middle."""
    job = replace(app.submit(small(count=2), "/ann"), state="running")
    progress = Progress(step=13, steps=20, index=1, fraction=0.65, preview="abcd")
    return replace(Snapshot(job, (), fraction=0.8, remaining=3.2, progress=progress), **values)


def test_a_browser_that_asked_for_nothing_sees_an_empty_stage(app: App) -> None:
    keys = {"attention": 0.1, "extra": 0.05, "delimiters": Settings().keyedit_delimiters}
    assert live.view(app, ANN) == {"queue": "Ready", "busy": False, "keys": keys, **live.EMPTY}


def test_a_job_that_is_done_shows_its_pictures(app: App) -> None:
    job = app.submit(small("a red boat", count=2), ANN.client)
    app.wait(job.id)
    view = live.view(app, ANN)
    assert view["job"] == {"id": job.id, "state": "done", "total": 2, "width": 64, "height": 64}
    assert [picture["index"] for picture in view["pictures"]] == [0, 1]
    assert view["pictures"][1]["url"] == f"api/v1/images/{job.id}/1"
    assert view["pictures"][0]["text"].startswith("a red boat\n")
    assert view["pictures"][0]["path"].replace("\\", "/").startswith("outputs/txt2img-images/")
    assert (view["now"], view["trouble"], view["notes"]) == (None, None, [])


def test_the_job_that_runs_is_shown_before_those_that_wait_and_the_last_that_ended(home: Path) -> None:
    store = App(Paths(home), InProcess(lambda order, emit, control: None)).store  # not started: nothing runs by itself
    first, second, third = (store.submit(small(), (), Settings(), "ann").id for _ in range(3))
    assert store.current("ann") == first
    claimed = store.claim()
    assert claimed
    assert (claimed.id, store.current("ann"), store.current("ben")) == (first, first, None)
    store.end(first, claimed.fence, "done")
    assert store.current("ann") == second
    store.cancel_queued(second)
    store.cancel_queued(third)
    assert store.current("ann") == third
    store.close()


def test_each_browser_sees_its_own_jobs(app: App) -> None:
    app.wait(app.submit(small(), ANN.client).id)
    assert live.view(app, Reader("/ben", "en"))["job"] is None


def test_large_seeds_stay_exact(app: App) -> None:
    """As JSON numbers, browsers would round them."""
    request = small().model_copy(update={"seeds": small().seeds.model_copy(update={"seed": 2**63 - 1})})
    app.wait(app.submit(request, ANN.client).id)
    assert live.view(app, ANN)["pictures"][0]["seed"] == "9223372036854775807"


@pytest.mark.parametrize(
    ("language", "line", "left"),
    [
        ("en", "Picture 2 of 2 · Step 13 of 20", "3 s left"),
        ("zh-CN", "第 2 张，共 2 张 · 第 13 步，共 20 步", "剩余 3 秒"),
    ],
)
def test_a_running_job_says_where_it_is(app: App, language: str, line: str, left: str) -> None:
    now = live.now(running(app), language)
    assert now == {"index": 1, "line": line, "left": left, "fraction": 0.8, "preview": "abcd"}


def test_the_second_pass_says_that_it_is_one(app: App) -> None:
    second = Progress(step=2, steps=8, index=1, fraction=0.9, hires=True)
    now = live.now(running(app, progress=second), "en")
    assert now and now["line"] == "Picture 2 of 2 · Second pass, step 2 of 8"


def test_every_phase_has_words(app: App) -> None:
    for phase in get_args(Progress.model_fields["phase"].annotation):
        for language in LANGUAGES:
            now = live.now(running(app, progress=Progress(phase=phase, step=1, steps=2)), language)
            assert now and now["line"]


def test_the_stage_has_the_size_of_the_finished_picture(app: App) -> None:
    job = app.submit(small().model_copy(update={"hires": Hires(scale=1.5)}))
    view = live.stage(app.wait(job.id), "en", app)
    assert (view["job"]["width"], view["job"]["height"]) == (96, 96)


def test_nothing_is_promised_while_nothing_is_known(app: App) -> None:
    now = live.now(running(app, remaining=None), "en")
    assert now and now["left"] == ""


def test_loading_a_model_is_a_phase_of_its_own(app: App) -> None:
    now = live.now(running(app, progress=Progress(phase="loading", fraction=0.25)), "en")
    assert now and (now["line"], now["fraction"], now["left"]) == ("Loading the model", 0.25, "")
    now = live.now(running(app, progress=Progress(phase="loading")), "en")
    assert now and now["fraction"] is None


@pytest.mark.parametrize(("ahead", "line"), [(0, "Next in the queue"), (1, "1 job ahead"), (2, "2 jobs ahead")])
def test_a_waiting_job_says_how_many_are_ahead(app: App, ahead: int, line: str) -> None:
    snapshot = running(app)
    now = live.now(replace(snapshot, job=replace(snapshot.job, state="queued"), ahead=ahead), "en")
    assert now and (now["line"], now["fraction"], now["preview"]) == (line, None, None)


@pytest.mark.parametrize(("seconds", "words"), [(0.2, "1 s left"), (89, "89 s left"), (100, "2 min left")])
def test_time_left(seconds: float, words: str) -> None:
    assert live.time_left(seconds, "en") == words


def test_a_failed_job_says_why_and_the_cure(app: App) -> None:
    app.wait(app.submit(small("fail"), ANN.client).id)
    view = live.view(app, Reader(ANN.client, "zh-CN"))
    assert view["trouble"] == {"text": "内存不足以生成 1×1。", "hint": "请减小尺寸，或关闭其他程序。"}


def test_a_stopped_job_says_what_is_kept(app: App) -> None:
    snapshot = running(app)
    stopped = replace(snapshot, job=replace(snapshot.job, state="cancelled"))
    assert live.stage(stopped, "en", app)["notes"] == [{"text": "Interrupted before there was a picture.", "hint": ""}]


def test_hostile_text_is_passed_on_as_it_is_and_survives_json(app: App) -> None:
    """The page sets it as text (see test_assets); escaping it here too would show it wrong."""
    app.wait(app.submit(small(HOSTILE), ANN.client).id)
    view = live.view(app, ANN)
    assert HOSTILE in view["pictures"][0]["text"]
    assert json.loads(json.dumps(view)) == view


def test_notes_are_shown_in_the_reader_s_language(app: App) -> None:
    snapshot = running(app)
    noted = replace(snapshot.job, notes=(Message(code="prompt_too_deep", params={"limit": 7}),))
    (note,) = live.stage(replace(snapshot, job=noted), "zh-CN", app)["notes"]
    assert "7" in note["text"]
    assert not note["text"].isascii()
