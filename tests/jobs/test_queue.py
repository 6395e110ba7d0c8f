"""Jobs end once, in one state, with each picture saved once, whatever is killed in between."""

from __future__ import annotations

import datetime
import errno
import functools
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import fake_worker
from webui.events import Saved
from webui.files.write import write_synced
from webui.jobs import queue
from webui.jobs.executor import Control, Executor, InProcess, Order, Subprocess
from webui.jobs.queue import MAX_CRASHES, Queue
from webui.jobs.store import ENDED, Job, Store
from webui.outputs import folder_for, free_path
from webui.plan import plan
from webui.request import Batch, Prompts, Sampling, Seeds, Size, Txt2Img
from webui.settings import Settings

ROOT = Path(__file__).parents[2]


class Bench:
    """A store and a queue over an executor, without models or pages."""

    def __init__(self, home: Path, executor: Executor) -> None:
        self.home, self.executor = home, executor
        self.store = Store(home / "data" / "jobs.sqlite3")
        self.queue = Queue(self.store, executor, home / "outputs/.staging", self.prepare, self.place)

    def prepare(self, job: Job, missing: tuple[int, ...]) -> Order:
        return Order(
            job=job.id,
            fence=job.fence,
            request=job.request,
            shots=tuple(shot for shot in job.shots if shot.index in missing),
            settings=job.settings,
            files={},
            staging=str(self.home / "outputs/.staging" / f"{job.id}-{job.fence}"),
        )

    def place(self, job: Job, saved: Saved, taken: Callable[[Path], bool]) -> Path:
        folder = folder_for(self.home / "outputs", "txt2img", datetime.date(2026, 1, 1), job.settings)
        return free_path(folder, saved.seed, taken, job.settings)

    def submit(self, prompt: str = "", count: int = 1, steps: int = 2, seed: int = 1) -> Job:
        request = Txt2Img(
            prompts=Prompts(prompt=prompt),
            size=Size(width=64, height=64),
            batch=Batch(count=count),
            sampling=Sampling(steps=steps),
            seeds=Seeds(seed=seed),
        )
        job = self.store.submit(request, plan(request).shots, Settings(), "tester")
        self.queue.wake()
        return job

    def wait(self, job: Job, timeout: float = 60) -> Job:
        until(lambda: self.now(job).state in ENDED, timeout)
        return self.now(job)

    def now(self, job: Job) -> Job:
        found = self.store.job(job.id)
        assert found
        return found

    def pictures(self) -> list[Path]:
        return sorted((self.home / "outputs/txt2img-images").rglob("*.png"))

    def close(self) -> None:
        self.queue.close()
        self.store.close()


def until(condition: Callable[[], bool], timeout: float = 60) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.005)


def fake_command(seconds: float, counter: Path | None = None) -> list[str]:
    return [sys.executable, "-m", "tests.fake_worker", str(seconds), *([str(counter)] if counter else [])]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path, InProcess(functools.partial(fake_worker.paint, seconds_a_step=0.005)))
    made.queue.start()
    yield made
    made.close()


@pytest.fixture
def subprocess_bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path, Subprocess(fake_command(0.02), ROOT))
    made.queue.start()
    yield made
    made.close()


def test_pictures_come_home_in_order(bench: Bench) -> None:
    first, second = bench.submit(count=2, seed=10), bench.submit(count=1, seed=20)
    assert bench.wait(second).state == "done"
    assert bench.now(first).state == "done"
    assert [path.name for path in bench.pictures()] == ["00000-10.png", "00001-11.png", "00002-20.png"]
    assert [image.seed for image in bench.store.images(first.id)] == [10, 11]
    until(lambda: list((bench.home / "outputs/.staging").iterdir()) == [])  # swept once the job has ended


def test_a_failure_says_why_and_the_next_job_goes_on(bench: Bench) -> None:
    failed, good = bench.submit("fail"), bench.submit()
    assert bench.wait(good).state == "done"
    job = bench.now(failed)
    assert job.state == "failed" and job.message and job.message.code == "out_of_memory"


def test_cancelling_a_waiting_job_leaves_no_picture(bench: Bench) -> None:
    running, waiting = bench.submit(steps=50), bench.submit()
    bench.queue.interrupt(waiting.id)
    assert bench.now(waiting).state == "cancelled"
    bench.wait(running)
    assert bench.store.images(waiting.id) == []


def _after_first_step(bench: Bench, job: Job) -> None:
    def begun() -> bool:
        snapshot = bench.queue.snapshot(job.id)
        stepped = snapshot and snapshot.progress and snapshot.progress.step >= 1
        return bool(stepped or (snapshot and snapshot.job.state in ENDED))

    until(begun)


@pytest.mark.parametrize(("after_image", "expected"), [(False, [(0, True)]), (True, [(0, False)])])
def test_interrupt_keeps_what_was_made(bench: Bench, after_image: bool, expected: list[tuple[int, bool]]) -> None:
    job = bench.submit(count=3, steps=40)
    _after_first_step(bench, job)
    bench.queue.interrupt(job.id, after_image=after_image)
    assert bench.wait(job).state == "cancelled"
    assert [(image.index, image.partial) for image in bench.store.images(job.id)] == expected
    assert len(bench.pictures()) == 1


def test_an_interrupt_while_the_files_are_looked_at_is_not_lost(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    looking, go_on = threading.Event(), threading.Event()

    def prepare(job: Job, missing: tuple[int, ...]) -> Order:
        looking.set()
        go_on.wait(timeout=30)
        return Bench.prepare(bench, job, missing)

    monkeypatch.setattr(bench.queue, "_prepare", prepare)
    job = bench.submit(count=3, steps=40)
    looking.wait(timeout=30)
    bench.queue.interrupt(job.id)
    go_on.set()
    assert bench.wait(job).state == "cancelled"
    assert all(image.partial for image in bench.store.images(job.id))


def test_interrupt_concerns_only_its_job(bench: Bench) -> None:
    mine, other = bench.submit(steps=20), bench.submit(steps=20)
    bench.queue.interrupt("no such job")
    _after_first_step(bench, mine)
    bench.queue.interrupt(mine.id)
    assert bench.wait(other).state == "done"
    assert bench.now(mine).state == "cancelled"


def test_skip_goes_on_with_the_next_picture(bench: Bench) -> None:
    job = bench.submit(count=2, steps=40)
    _after_first_step(bench, job)
    bench.queue.skip(job.id)
    assert bench.wait(job).state == "done"
    assert [image.partial for image in bench.store.images(job.id)] == [True, False]


def test_progress_rises_and_estimates_are_sane(bench: Bench) -> None:
    job = bench.submit(count=2, steps=20)
    seen: list[tuple[float, float | None]] = []
    while (snapshot := bench.queue.snapshot(job.id)) and snapshot.job.state not in ENDED:
        seen.append((snapshot.fraction, snapshot.remaining))
        time.sleep(0.005)
    fractions = [fraction for fraction, _ in seen]
    assert fractions == sorted(fractions) and len(set(fractions)) > 10
    estimates = [left for _, left in seen if left is not None]
    assert estimates and all(0 <= left < 5 for left in estimates)
    assert estimates[-1] < estimates[0]


def test_a_job_that_kills_its_worker_is_set_aside(subprocess_bench: Bench) -> None:
    bench = subprocess_bench
    bad, good = bench.submit("die"), bench.submit()
    job = bench.wait(bad)
    assert job.state == "failed" and job.message and job.message.code == "crashed_worker"
    assert job.fence == MAX_CRASHES
    assert bench.wait(good).state == "done"


def _until_taken_up_again(bench: Bench, job: Job) -> None:
    until(lambda: bench.now(job).fence > job.fence or bench.now(job).state in ENDED)


def test_killed_workers_lose_nothing_and_repeat_nothing(subprocess_bench: Bench) -> None:
    bench = subprocess_bench
    assert isinstance(bench.executor, Subprocess)
    jobs = [bench.submit(count=4, steps=3, seed=100 * n) for n in range(6)]
    kills, dice = 0, random.Random(0)
    while any(bench.now(job).state not in ENDED for job in jobs):
        running = bench.store.job(bench.queue.running() or "")
        if running and bench.executor.pid and running.crashes < MAX_CRASHES - 1 and kills < 8:
            _after_first_step(bench, running)
            time.sleep(dice.uniform(0, 0.1))  # anywhere between a step and the next picture
            os.kill(bench.executor.pid, signal.SIGKILL)
            kills += 1
            _until_taken_up_again(bench, running)
        time.sleep(0.01)
    assert kills >= 6
    assert [bench.now(job).state for job in jobs] == ["done"] * 6
    seeds = [[image.seed for image in bench.store.images(job.id)] for job in jobs]
    assert seeds == [[100 * n + k for k in range(4)] for n in range(6)]
    assert len(bench.pictures()) == 24
    recorded = {image.path for job in jobs for image in bench.store.images(job.id)}
    assert recorded == set(bench.pictures())


@pytest.mark.parametrize("kind", ["in process", "subprocess"])
@pytest.mark.parametrize("where", ["promising", "moving"])
def test_a_disk_in_the_way_delays_a_picture_and_loses_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, where: str
) -> None:
    monkeypatch.setattr(queue, "STUMBLE_SECONDS", 0.01)
    executor = InProcess(fake_worker.paint) if kind == "in process" else Subprocess(fake_command(0.0), ROOT)
    bench = Bench(tmp_path, executor)
    trouble = iter([None, OSError(errno.ENOSPC, "No space left on device")])  # at the second picture

    def place(job: Job, saved: Saved, taken: Callable[[Path], bool]) -> Path:
        if error := next(trouble, None):
            raise error
        return Bench.place(bench, job, saved, taken)

    def replace(source: Path, target: Path, move: Callable[[Path, Path], None] = os.replace) -> None:
        if error := next(trouble, None):
            raise error
        move(source, target)

    if where == "promising":
        monkeypatch.setattr(bench.queue, "_place", place)
    else:
        monkeypatch.setattr(queue.os, "replace", replace)
    bench.queue.start()
    try:
        job = bench.submit(count=3, steps=1)
        assert bench.wait(job).state == "done"
        assert bench.now(job).crashes == 1
        assert [image.index for image in bench.store.images(job.id)] == [0, 1, 2]
        assert len(bench.pictures()) == 3
        assert bench.wait(bench.submit()).state == "done"
    finally:
        bench.close()


def test_a_hanging_worker_is_replaced(tmp_path: Path) -> None:
    bench = Bench(tmp_path, Subprocess(fake_command(0.05), ROOT, silence=4))
    bench.queue.start()
    try:
        job = bench.submit(count=1, steps=30)
        _after_first_step(bench, job)
        assert isinstance(bench.executor, Subprocess) and (hung := bench.executor.pid)
        os.kill(hung, signal.SIGSTOP)
        assert bench.wait(job).state == "done"
        assert bench.executor.pid != hung
        assert bench.now(job).crashes == 1
        assert len(bench.pictures()) == 1
    finally:
        bench.close()


def test_a_late_worker_changes_nothing(tmp_path: Path) -> None:
    """A picture said to be saved under an old fence is not taken."""
    bench = Bench(tmp_path, InProcess(fake_worker.paint))
    try:
        bench.submit()
        old = bench.store.claim()
        assert old and bench.store.requeue(old.id, old.fence)
        new = bench.store.claim()
        assert new and new.id == old.id and new.fence == old.fence + 1
        staged = tmp_path / "late.png"
        write_synced(staged, b"late")
        saved = Saved(index=0, path=str(staged), sha256="0", seed=1, width=1, height=1, infotext="")
        assert bench.store.stage(old.id, old.fence, saved, lambda taken: tmp_path / "home.png") is None
        assert not bench.store.end(old.id, old.fence, "done")
        assert bench.now(new).state == "running"
    finally:
        bench.store.close()


@pytest.mark.parametrize("where", ["promised", "moved", "lost"])
def test_recovery_between_any_two_steps(tmp_path: Path, where: str) -> None:
    """The server died after promising a place, after moving the file, or with the staged file gone."""
    home = Bench(tmp_path, InProcess(fake_worker.paint))
    job = home.submit(count=2)
    claimed = home.store.claim()
    assert claimed
    staging = tmp_path / "outputs/.staging" / "x"
    staging.mkdir(parents=True)
    order = home.prepare(claimed, (0,)).model_copy(update={"staging": str(staging)})
    said: list[Saved] = []
    fake_worker.paint(order, lambda event: said.append(event) if isinstance(event, Saved) else None, Control())
    image = home.store.stage(job.id, claimed.fence, said[0], lambda taken: home.place(claimed, said[0], taken))
    assert image and image.staged
    image.path.parent.mkdir(parents=True, exist_ok=True)
    if where == "moved":
        os.replace(image.staged, image.path)
    elif where == "lost":
        image.staged.unlink()
    home.store.close()

    again = Bench(tmp_path, InProcess(fake_worker.paint))
    again.queue.start()
    try:
        assert again.wait(job).state == "done"
        assert [image.index for image in again.store.images(job.id)] == [0, 1]
        assert all(image.path.is_file() for image in again.store.images(job.id))
        assert len(again.pictures()) == 2
    finally:
        again.close()


def test_submissions_from_many_threads_are_all_kept(bench: Bench) -> None:
    ids: list[str] = []
    threads = [threading.Thread(target=lambda: ids.append(bench.submit(steps=1).id)) for _ in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(ids)) == 32
    until(lambda: not bench.store.waiting())
    assert {bench.store.job(job_id).state for job_id in ids} == {"done"}  # type: ignore[union-attr]
    assert len(bench.pictures()) == 32


def test_a_damaged_database_is_put_aside(tmp_path: Path) -> None:
    file = tmp_path / "data" / "jobs.sqlite3"
    file.parent.mkdir()
    file.write_bytes(b"SQLite format 3\0" + b"garbage" * 1000)
    store = Store(file)
    try:
        assert store.set_aside and store.set_aside.is_file()
        assert store.waiting() == []
    finally:
        store.close()
