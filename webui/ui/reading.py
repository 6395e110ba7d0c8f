"""From a text or a picture to the form: what the page asks when something is pasted, dropped or to be made again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.routing import APIRoute
from pydantic import BaseModel

from webui.app import App
from webui.files.embedded import content
from webui.foreign import OURS, understand
from webui.infotext import read_image
from webui.jobs.store import ENDED
from webui.messages import Message, render, texts
from webui.reproduce import OfJob, Outcome, Reading, read_picture, read_text
from webui.settings import Settings
from webui.ui.form import FROM_SETTINGS
from webui.ui.reader import Reader

LARGEST = 2**53  # a browser's numbers are exact below it
JOBS = 50  # of a browser's latest, looked through for a picture

View = dict[str, Any]


class PictureOrFile(BaseModel):
    """``job`` and ``index`` of a picture, or ``image``: a data URL."""

    job: str = ""
    index: int = 0
    image: str = ""


def router(app: App, route_class: type[APIRoute] = APIRoute) -> APIRouter:
    """``route_class`` reads the bodies, as in ``routes.router``."""
    routes = APIRouter(prefix="/page", include_in_schema=False, route_class=route_class)

    @routes.post("/read")
    def read(asked: dict[str, str], request: Request) -> View:
        """An empty text means the one of this browser's last picture."""
        reader = Reader.of(request)
        text = asked.get("text", "").strip() or last_text(app, reader.client)
        if not text:
            return view(Reading(notes=(Message(code="reading.nothing_yet"),)), app.settings.now, reader.language)
        return view(read_text(text, app.at_hand()), app.settings.now, reader.language)

    @routes.post("/read-image")
    def read_dropped(asked: dict[str, str], request: Request) -> View:
        """``ours``: it was made by this program, so it may be made again."""
        image = read_image(content(asked.get("image", ""), "image"))
        answer = view(read_picture(image, app.at_hand()), app.settings.now, Reader.of(request).language)
        return {**answer, "text": image.text, "ours": understand(image).source == OURS}

    @routes.post("/remake", status_code=202)
    def make_again(asked: PictureOrFile, request: Request) -> dict[str, str]:
        """A picture of the job store, or a file that somebody brought."""
        source = OfJob(asked.job, asked.index) if asked.job else content(asked.image, "image")
        return {"id": app.remake(source, Reader.of(request).client).id}

    @routes.get("/remake/{job_id}")
    def how_it_came_out(job_id: str, request: Request) -> View:
        return outcome_view(app.again.outcome(job_id), Reader.of(request).language)

    return routes


def outcome_view(outcome: Outcome, language: str) -> View:
    """``equal`` is null while nothing can be said."""
    job, found = outcome
    lines = found.lines if found else ()
    if not found and job.state in ENDED:
        lines = (job.message or Message(code="remake.not_done"),)
    return {
        "state": job.state,
        "equal": found.equal if found else None,
        "lines": [words(line, language) for line in lines],
    }


def last_text(app: App, client: str) -> str:
    """Of the latest picture that a client's jobs have made; empty when there is none."""
    for job in app.store.latest(client, JOBS):
        if images := app.store.images(job.id):
            return images[-1].infotext
    return ""


def view(reading: Reading, settings: Settings, language: str) -> View:
    return {
        "values": {path: _plain(value) for path, value in reading.values.items()},
        "settings": {name: chip(name, value, language) for name, value in wanted(reading, settings).items()},
        "notes": [words(note, language) for note in reading.notes],
    }


def wanted(reading: Reading, settings: Settings) -> Mapping[str, Any]:
    """The settings that the text wants otherwise, among them those that fill fields which the page does not show."""
    found = dict(reading.settings)
    for path, name in FROM_SETTINGS.items():
        if path in reading.values:
            value = reading.values[path]
            value = Settings.model_fields[name].default if value is None else value
            if value != getattr(settings, name):
                found[name] = value
    return found


def chip(name: str, value: Any, language: str) -> View:
    """``path``: the request's field that the setting fills, where there is one; a field on the page goes first."""
    label = render(f"setting.{name}", {}, language)
    path = next((path for path, setting in FROM_SETTINGS.items() if setting == name), None)
    return {"value": _plain(value), "label": label, "text": f"{label}: {_said(name, value, language)}", "path": path}


def _said(name: str, value: Any, language: str) -> str:
    if isinstance(value, bool):
        return render("reading.on" if value else "reading.off", {}, language)
    return texts(language).get(f"setting.{name}.{value}", f"{value:g}" if isinstance(value, float) else str(value))


def _plain(value: Any) -> Any:
    """For JSON; whole numbers that a browser would round go as text."""
    if isinstance(value, tuple):
        return list(value)
    return str(value) if isinstance(value, int) and abs(value) >= LARGEST else value


def words(message: Message, language: str) -> View:
    return {"text": message.text(language), "hint": message.hint(language)}
