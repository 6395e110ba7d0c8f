"""Jobs and their pictures in SQLite: the one record of what was asked and what came of it.

All writing happens on one thread that commits waiting writes together, so many submissions share one ``fsync`` and no
two writers meet. Reading opens a connection of its own (WAL: readers never wait).
"""

from __future__ import annotations

import contextlib
import json
import queue
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from webui import request as requests
from webui.events import Saved
from webui.messages import Message
from webui.plan import Shot
from webui.request import Request
from webui.settings import Settings

State = Literal["queued", "running", "done", "failed", "cancelled"]
ENDED: frozenset[str] = frozenset({"done", "failed", "cancelled"})

Choose = Callable[[Callable[[Path], bool]], Path]  # (whether a path belongs to another picture) → a path

SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, client TEXT NOT NULL,
    request TEXT NOT NULL, shots TEXT NOT NULL, settings TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'queued', fence INTEGER NOT NULL DEFAULT 0, crashes INTEGER NOT NULL DEFAULT 0,
    message TEXT, notes TEXT NOT NULL DEFAULT '[]', created REAL NOT NULL, started REAL, ended REAL);
CREATE INDEX IF NOT EXISTS jobs_by_state ON jobs (state, seq);
CREATE INDEX IF NOT EXISTS jobs_by_client ON jobs (client, seq);
CREATE TABLE IF NOT EXISTS images (
    job TEXT NOT NULL REFERENCES jobs (id), idx INTEGER NOT NULL, path TEXT NOT NULL UNIQUE, staged TEXT,
    sha256 TEXT NOT NULL, seed INTEGER NOT NULL, width INTEGER NOT NULL, height INTEGER NOT NULL,
    infotext TEXT NOT NULL, partial INTEGER NOT NULL, created REAL NOT NULL, PRIMARY KEY (job, idx));
CREATE INDEX IF NOT EXISTS images_staged ON images (staged) WHERE staged IS NOT NULL;
"""


@dataclass(frozen=True)
class Image:
    """``staged`` is where the file still waits to be moved to ``path``; None once it lies there."""

    job: str
    index: int
    path: Path
    staged: Path | None
    sha256: str
    seed: int
    width: int
    height: int
    infotext: str
    partial: bool


@dataclass(frozen=True)
class Job:
    seq: int
    id: str
    client: str
    request: Request
    shots: tuple[Shot, ...]
    settings: Settings
    state: State
    fence: int
    crashes: int
    message: Message | None
    notes: tuple[Message, ...]
    created: float
    started: float | None
    ended: float | None


class Store:
    """Raises sqlite3.Error when the disk fails; nothing half-done is left then."""

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._file = file
        self.set_aside = _quarantine_if_damaged(file)
        self._tasks: queue.SimpleQueue[tuple[Callable[[sqlite3.Connection], Any], Future[Any]] | None]
        self._tasks = queue.SimpleQueue()
        with contextlib.closing(self._connect()) as connection:
            connection.executescript(SCHEMA)
        self._thread = threading.Thread(target=self._write_all, name="store", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._tasks.put(None)
        self._thread.join()

    # --- connections

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._file, timeout=30, isolation_level=None)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        return connection

    def _write_all(self) -> None:
        with contextlib.closing(self._connect()) as connection:
            while task := self._tasks.get():
                batch = [task]
                while not self._tasks.empty() and (more := self._tasks.get()) is not None:
                    batch.append(more)
                _commit_together(connection, batch)

    def _write(self, change: Callable[[sqlite3.Connection], Any]) -> Any:
        future: Future[Any] = Future()
        self._tasks.put((change, future))
        return future.result()

    def _read(self, query: str, *values: Any) -> list[sqlite3.Row]:
        with contextlib.closing(self._connect()) as connection:
            return connection.execute(query, values).fetchall()

    # --- jobs

    def submit(
        self,
        request: Request,
        shots: tuple[Shot, ...],
        settings: Settings,
        client: str,
        id: str = "",
        notes: tuple[Message, ...] = (),
    ) -> Job:
        """Store a new job. It is on disk when this returns. An ``id`` that is taken raises sqlite3.IntegrityError."""
        job_id = id or secrets.token_hex(8)
        shots_json, notes_json = (json.dumps([each.model_dump() for each in many]) for many in (shots, notes))
        values = (
            job_id, client, request.model_dump_json(), shots_json, settings.model_dump_json(), notes_json, time.time(),
        )  # fmt: skip

        def insert(connection: sqlite3.Connection) -> Job:
            connection.execute(
                "INSERT INTO jobs (id, client, request, shots, settings, notes, created) VALUES (?, ?, ?, ?, ?, ?, ?)",
                values,
            )
            return _job(connection.execute("SELECT * FROM jobs WHERE id = ?", (job_id,)).fetchone())

        return self._write(insert)

    def claim(self) -> Job | None:
        """The oldest queued job, now running under a new fence; None when nothing waits."""

        def take(connection: sqlite3.Connection) -> Job | None:
            row = connection.execute(
                "UPDATE jobs SET state = 'running', fence = fence + 1, started = coalesce(started, ?) WHERE seq = "
                "(SELECT seq FROM jobs WHERE state = 'queued' ORDER BY seq LIMIT 1) RETURNING *",
                (time.time(),),
            ).fetchone()
            return _job(row) if row else None

        return self._write(take)

    def end(self, job_id: str, fence: int, state: State, message: Message | None = None) -> bool:
        """False when the job is no longer running under this fence: a late worker changes nothing."""
        text = message.model_dump_json() if message else None
        return self._change(
            "UPDATE jobs SET state = ?, message = ?, ended = ? WHERE id = ? AND fence = ? AND state = 'running'",
            (state, text, time.time(), job_id, fence),
        )

    def requeue(self, job_id: str, fence: int) -> bool:
        """Put a job whose worker died back in its place, and count the death."""
        return self._change(
            "UPDATE jobs SET state = 'queued', crashes = crashes + 1 WHERE id = ? AND fence = ? AND state = 'running'",
            (job_id, fence),
        )

    def cancel_queued(self, job_id: str) -> bool:
        """False when the job was not waiting any more."""
        return self._change(
            "UPDATE jobs SET state = 'cancelled', ended = ? WHERE id = ? AND state = 'queued'", (time.time(), job_id)
        )

    def note(self, job_id: str, fence: int, message: Message) -> bool:
        return self._change(
            "UPDATE jobs SET notes = json_insert(notes, '$[#]', json(?)) WHERE id = ? AND fence = ?",
            (message.model_dump_json(), job_id, fence),
        )

    def requeue_all_running(self) -> None:
        """At start: whatever runs in the record belonged to a server that is gone."""
        self._change("UPDATE jobs SET state = 'queued' WHERE state = 'running'", ())

    def job(self, job_id: str) -> Job | None:
        rows = self._read("SELECT * FROM jobs WHERE id = ?", job_id)
        return _job(rows[0]) if rows else None

    def waiting(self) -> list[str]:
        """The ids of the running job and of those queued behind it, in order."""
        rows = self._read("SELECT id FROM jobs WHERE state IN ('running', 'queued') ORDER BY state = 'queued', seq")
        return [row["id"] for row in rows]

    def latest(self, client: str, limit: int = 1) -> list[Job]:
        return [
            _job(row)
            for row in self._read("SELECT * FROM jobs WHERE client = ? ORDER BY seq DESC LIMIT ?", client, limit)
        ]

    def current(self, client: str) -> str | None:
        """The client's job that runs, else its first that waits, else its latest."""
        rows = self._read(
            "SELECT id FROM jobs WHERE client = ? ORDER BY state = 'running' DESC, state = 'queued' DESC, "
            "CASE state WHEN 'queued' THEN seq ELSE -seq END LIMIT 1",
            client,
        )
        return rows[0]["id"] if rows else None

    # --- pictures

    def stage(
        self, job_id: str, fence: int, saved: Saved, choose: Callable[[Callable[[Path], bool]], Path]
    ) -> Image | None:
        """Promise a picture its place. None when the job is not running under this fence or has the picture already."""

        def insert(connection: sqlite3.Connection) -> Image | None:
            def taken(path: Path) -> bool:
                return connection.execute("SELECT 1 FROM images WHERE path = ?", (str(path),)).fetchone() is not None

            running = connection.execute(
                "SELECT 1 FROM jobs WHERE id = ? AND fence = ? AND state = 'running'", (job_id, fence)
            ).fetchone()
            known = connection.execute(
                "SELECT 1 FROM images WHERE job = ? AND idx = ?", (job_id, saved.index)
            ).fetchone()
            if not running or known:
                return None
            image = Image(
                job_id, saved.index, choose(taken), Path(saved.path), saved.sha256, saved.seed,
                saved.width, saved.height, saved.infotext, saved.partial,
            )  # fmt: skip
            connection.execute(
                "INSERT INTO images VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    job_id, image.index, str(image.path), str(image.staged), image.sha256, image.seed,
                    image.width, image.height, image.infotext, image.partial, time.time(),
                ),
            )  # fmt: skip
            return image

        return self._write(insert)

    def placed(self, image: Image) -> None:
        """The file lies at its path."""
        self._change("UPDATE images SET staged = NULL WHERE job = ? AND idx = ?", (image.job, image.index))

    def forget(self, image: Image) -> None:
        """The file was lost before it reached its path, so the picture is to be made again."""
        self._change("DELETE FROM images WHERE job = ? AND idx = ?", (image.job, image.index))

    def images(self, job_id: str) -> list[Image]:
        return [_image(row) for row in self._read("SELECT * FROM images WHERE job = ? ORDER BY idx", job_id)]

    def staged(self) -> list[Image]:
        return [_image(row) for row in self._read("SELECT * FROM images WHERE staged IS NOT NULL")]

    def _change(self, statement: str, values: tuple[Any, ...]) -> bool:
        return self._write(lambda connection: connection.execute(statement, values).rowcount > 0)


def _commit_together(connection: sqlite3.Connection, batch: list[Any]) -> None:
    """One transaction for all; a change that fails is undone alone and told to its caller alone."""
    results: list[tuple[Future[Any], Any, BaseException | None]] = []
    try:
        connection.execute("BEGIN IMMEDIATE")
        for change, future in batch:
            connection.execute("SAVEPOINT one")
            try:
                results.append((future, change(connection), None))
            except Exception as error:  # noqa: BLE001 (handed to the caller that waits for it)
                connection.execute("ROLLBACK TO one")
                results.append((future, None, error))
            connection.execute("RELEASE one")
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        results = [(future, None, error) for _, future in batch]
    for future, value, error in results:
        if error is None:
            future.set_result(value)
        else:
            future.set_exception(error)


def _quarantine_if_damaged(file: Path) -> Path | None:
    """A damaged database is put aside and named, so that the program starts; the pictures carry their own text."""
    if not file.exists():
        return None
    try:
        with contextlib.closing(sqlite3.connect(file)) as connection:
            healthy = connection.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok"
    except sqlite3.DatabaseError:
        healthy = False
    if healthy:
        return None
    aside = file.with_name(f"{file.name}.damaged-{int(time.time())}")
    for part in _parts(file):
        part.replace(aside.with_name(aside.name + part.name.removeprefix(file.name)))
    return aside


def _parts(file: Path) -> Iterator[Path]:
    return (part for suffix in ("", "-wal", "-shm") if (part := file.with_name(file.name + suffix)).exists())


def _job(row: sqlite3.Row) -> Job:
    return Job(
        seq=row["seq"],
        id=row["id"],
        client=row["client"],
        request=requests.load(row["request"]),
        shots=tuple(Shot.model_validate(shot) for shot in json.loads(row["shots"])),
        settings=Settings.model_validate_json(row["settings"]),
        state=row["state"],
        fence=row["fence"],
        crashes=row["crashes"],
        message=Message.model_validate_json(row["message"]) if row["message"] else None,
        notes=tuple(Message.model_validate(note) for note in json.loads(row["notes"])),
        created=row["created"],
        started=row["started"],
        ended=row["ended"],
    )


def _image(row: sqlite3.Row) -> Image:
    staged = Path(row["staged"]) if row["staged"] else None
    return Image(
        row["job"], row["idx"], Path(row["path"]), staged, row["sha256"], row["seed"],
        row["width"], row["height"], row["infotext"], bool(row["partial"]),
    )  # fmt: skip
