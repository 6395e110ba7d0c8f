"""From a job's Snapshot to what the stage shows: plain values and words, put on the page as text, never as HTML."""

from __future__ import annotations

from typing import Any

from webui.app import App
from webui.jobs.queue import Snapshot
from webui.jobs.store import Image, Job
from webui.messages import Message, render
from webui.request import final_size
from webui.settings import Settings
from webui.ui.reader import Reader

View = dict[str, Any]
EMPTY: View = {"job": None, "pictures": [], "now": None, "trouble": None, "notes": []}


def view(app: App, reader: Reader) -> View:
    """What this reader's page shows now. Only what has changed since is sent (``routes.live``)."""
    running, waiting = app.counts()
    job_id = app.current_job(reader.client)
    shown = stage(app.snapshot(job_id), reader.language, app) if job_id else EMPTY
    line = queue_line(running, waiting, reader.language)
    return {"queue": line, "busy": running > 0, "keys": keys(app.settings.now), **shown}


def keys(settings: Settings) -> View:
    """What the keys that edit a prompt go by (``assets/keys.js``)."""
    return {
        "attention": settings.keyedit_precision_attention,
        "extra": settings.keyedit_precision_extra,
        "delimiters": settings.keyedit_delimiters,
    }


def queue_line(running: int, waiting: int, language: str) -> str:
    code = "page.queue.busy" if waiting else "page.queue.running" if running else "page.queue.idle"
    return render(code, {"running": running, "waiting": waiting}, language)


def stage(snapshot: Snapshot, language: str, app: App) -> View:
    job = snapshot.job
    width, height = final_size(job.request)
    return {
        "job": {"id": job.id, "state": job.state, "total": len(job.shots), "width": width, "height": height},
        "pictures": [picture(image, app) for image in snapshot.images],
        "now": now(snapshot, language),
        "trouble": words(job.message, language) if job.message else None,
        "notes": [words(note, language) for note in job.notes] + ended(job, snapshot, language),
    }


def picture(image: Image, app: App) -> View:
    kept = image.path.is_relative_to(app.paths.home)
    return {
        "index": image.index,
        "url": f"api/v1/images/{image.job}/{image.index}",
        "name": image.path.name,
        "path": str(image.path.relative_to(app.paths.home)) if kept else image.path.name,
        "seed": str(image.seed),  # text: a browser's numbers end at 2**53
        "width": image.width,
        "height": image.height,
        "text": image.infotext,
        "partial": image.partial,
    }


def now(snapshot: Snapshot, language: str) -> View | None:
    """What is being done: None for a job that has ended."""
    job, progress = snapshot.job, snapshot.progress
    if job.state == "queued":
        return _now(-1, waiting_line(snapshot.ahead, language))
    if job.state != "running":
        return None
    if progress is None:
        return _now(-1, render("page.phase.starting", {}, language))
    if progress.phase == "loading":  # counts nothing towards the pictures; how long it takes, nobody knows at first
        return _now(-1, render("page.phase.loading", {}, language), fraction=progress.fraction or None)
    blanks = {"picture": progress.index + 1, "pictures": len(job.shots), "step": progress.step, "steps": progress.steps}
    second = progress.hires and progress.phase == "sampling"
    line = render("page.phase.second" if second else f"page.phase.{progress.phase}", blanks, language)
    if len(job.shots) > 1:
        line = render("page.phase.of", {**blanks, "doing": line}, language)
    left = time_left(snapshot.remaining, language)
    return _now(progress.index, line, fraction=snapshot.fraction, left=left, preview=progress.preview)


def _now(index: int, line: str, fraction: float | None = None, left: str = "", preview: str | None = None) -> View:
    """``fraction`` None: nobody knows; the bar says so by moving."""
    return {"index": index, "line": line, "fraction": fraction, "left": left, "preview": preview}


def waiting_line(ahead: int, language: str) -> str:
    code = "page.wait.next" if ahead == 0 else "page.wait.one" if ahead == 1 else "page.wait.many"
    return render(code, {"ahead": ahead}, language)


def time_left(seconds: float | None, language: str) -> str:
    """Nothing while nothing is known."""
    if seconds is None:
        return ""
    if seconds < 90:
        return render("page.left.seconds", {"seconds": max(1, round(seconds))}, language)
    return render("page.left.minutes", {"minutes": round(seconds / 60)}, language)


def words(message: Message, language: str) -> View:
    return {"text": message.text(language), "hint": message.hint(language)}


def ended(job: Job, snapshot: Snapshot, language: str) -> list[View]:
    """What a stopped job leaves behind, said where its pictures are."""
    if job.state != "cancelled":
        return []
    code = "page.stopped.some" if snapshot.images else "page.stopped.none"
    blanks = {"made": len(snapshot.images), "pictures": len(job.shots)}
    return [{"text": render(code, blanks, language), "hint": ""}]
