"""The guard stands before every route of the API and of the page. Row numbers are those of what to withstand."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Mount, Route
from starlette.testclient import TestClient

from tests.api.conftest import SMALL, client_of, guarded, served
from tests.api.test_hostile import check_shape
from tests.conftest import make_home, running_app
from webui import api
from webui.api.auth import TRIES, WAIT_SECONDS, Doorkeeper
from webui.api.guard import HEADERS, Guard
from webui.api.no_files import NoFiles
from webui.api.subpath import Subpath
from webui.app import App
from webui.options import Options
from webui.ports import listen

USERS = (("ann", "pass:word"), ("bo", "秘密"))


def whole(app: App, options: Options) -> FastAPI:
    """What is served: the API with the page."""
    from webui.ui.page import mount  # gradio

    return mount(api.create(app, options), app, options)


@pytest.fixture(scope="module")
def site_app(tmp_path_factory: pytest.TempPathFactory, tiny_checkpoint: Path) -> Iterator[App]:
    with running_app(make_home(tmp_path_factory.mktemp("site"), tiny_checkpoint)) as app:
        yield app


@pytest.fixture(scope="module")
def given_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder from which gradio gives files to anybody who knows their names."""
    return tmp_path_factory.mktemp("gradio")


@pytest.fixture(scope="module")
def site(site_app: App, given_out: Path) -> Iterator[TestClient]:
    """One for all: making gradio's page takes seconds, and nothing here changes anything."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(given_out))
        yield client_of(Guard(whole(site_app, Options()), Options(allow_hosts=("my.site",))))


# --- hosts


@pytest.mark.parametrize(
    "host", ["evil.example:7860", "evil.example", "localhost.evil.example", "", "127.0.0.1.nip.io", "[::1"]
)
@pytest.mark.parametrize(
    "path", ["/", "/config", "/healthz", "/sdapi/v1/progress", "/page/live", "/gradio_api/queue/data"]
)
def test_foreign_names_get_nothing(site: TestClient, host: str, path: str) -> None:
    """T17: nor does what they would read of a stream."""
    for method in ("GET", "POST"):
        reply = site.request(method, path, headers={"Host": host})
        assert reply.status_code == 421
        assert len(reply.content) < 200
        check_shape(reply.content)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1:7860",
        "127.0.0.1",
        "localhost:7860",
        "LOCALHOST",
        "localhost.",
        "[::1]:7860",
        "192.168.1.5:80",
        "my.site",
    ],
)
def test_own_names_are_answered(site: TestClient, host: str) -> None:
    assert site.get("/healthz", headers={"Host": host}).status_code == 200


def test_one_host_is_enough(site: TestClient) -> None:
    two = [("Host", "127.0.0.1:7860"), ("Host", "evil.example")]
    assert site.get("/healthz", headers=two).status_code == 421


# --- other sites' pages

EVIL = "http://evil.example"
POSTS = ["/sdapi/v1/txt2img", "/sdapi/v1/interrupt", "/api/v1/jobs", "/page/jobs", "/gradio_api/queue/join"]


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": EVIL},
        {"Origin": "null"},  # T19
        {"Origin": "http://127.0.0.1:3000"},  # another program on this machine
        {"Origin": "http://127.0.0.1:7860.evil.example"},
        {"Origin": "http://localhost:7860"},  # not what we were called by
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "navigate"},
        {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
    ],
)
def test_other_sites_change_nothing(site_app: App, site: TestClient, path: str, headers: dict[str, str]) -> None:
    """T16."""
    reply = site.post(path, json=SMALL, headers=headers)
    assert reply.status_code == 403
    check_shape(reply.content)
    assert site_app.store.waiting() == []
    assert site_app.store.latest("") == []


def test_other_sites_upload_nothing(site: TestClient, given_out: Path) -> None:
    """T22; and nobody else does, while nothing on the page takes a file (T12, T25)."""
    file = {"files": ("x.html", b"<script>alert(1)</script>")}
    assert site.post("/gradio_api/upload", files=file, headers={"Origin": EVIL}).status_code == 403
    assert site.post("/gradio_api/upload", files=file).status_code == 404
    assert list(given_out.rglob("*.html")) == []


@pytest.mark.parametrize("path", ["/page/live", "/sdapi/v1/progress", "/gradio_api/info"])
def test_other_sites_embed_nothing(site: TestClient, path: str) -> None:
    """A stream that another page opens could not be read there, but would be kept open."""
    assert site.get(path, headers={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}).status_code == 403
    assert site.get(path, headers={"Origin": EVIL}).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {},  # curl, scripts
        {"Origin": "http://127.0.0.1:7860", "Sec-Fetch-Site": "same-origin"},
        {"Origin": "null", "Sec-Fetch-Site": "same-origin"},  # a form of our own page, which sends no referrer
        {"Origin": "https://my.site"},  # a proxy that hands on another host
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_own_page_and_programs_pass(site: TestClient, headers: dict[str, str]) -> None:
    assert site.post("/sdapi/v1/interrupt", headers=headers).status_code == 200


def test_links_from_elsewhere_open_the_page(site: TestClient) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert site.get("/", headers=headers).status_code == 200


def test_no_site_is_let_in_by_cors(site: TestClient) -> None:
    asked = {"Access-Control-Request-Method": "POST", "Origin": EVIL}
    preflight = site.options("/sdapi/v1/txt2img", headers=asked)
    own = site.get("/config", headers={"Origin": "http://127.0.0.1:7860"})
    assert preflight.status_code == 403
    assert own.status_code == 200
    assert [name for name in (*preflight.headers, *own.headers) if name.startswith("access-control")] == []


@pytest.mark.parametrize("path", ["/", "/healthz", "/config", "/nothing", "/sdapi/v1/nothing", "/openapi.json"])
def test_every_reply_has_the_headers(site: TestClient, path: str) -> None:
    """T35."""
    headers = site.get(path).headers
    assert {name: headers.get(name) for name in HEADERS} == dict(HEADERS)


# --- files


@pytest.mark.parametrize("route", ["/gradio_api/file=", "/file=", "/static/", "/assets/", "/"])
@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd",
        "../../../../etc/passwd",
        "%2e%2e%2f%2e%2e%2f%2e%2e%2fetc/passwd",
        "..%5c..%5cetc%5cpasswd",
        "{program}/launch.py",
        "{program}/webui/app.py",
        "{home}/data/jobs.sqlite3",
        "{home}/data/settings.json",
        "{home}/models/Stable-diffusion/tiny.safetensors",
        "config.json",
        "launch.py",
    ],
)
def test_no_file_is_given_away(site_app: App, site: TestClient, route: str, name: str) -> None:
    """T01 to T03."""
    path = name.format(program=Path(api.__file__).parents[2], home=site_app.paths.home)
    reply = site.get(route + path)
    assert reply.status_code in (403, 404)
    assert b"root:" not in reply.content and b"import" not in reply.content and b"SQLite" not in reply.content


def events_with_a_file(site: TestClient, file: str) -> list[str]:
    """What comes back when every event of the page is given a file where it wants a value."""
    value = {"path": file, "url": file, "meta": {"_type": "gradio.FileData"}}
    events = [e for e in site.get("/config").json()["dependencies"] if e["backend_fn"] and e["inputs"]]
    assert events
    jobs = [{"data": [value] * len(event["inputs"]), "fn_index": event["id"], "session_hash": "x"} for event in events]
    replies = [site.post("/gradio_api/run/predict", json=job) for job in jobs]
    assert {reply.status_code for reply in replies} <= {422, 500}
    return [reply.text for reply in replies]


@pytest.mark.parametrize("filtered", [True, False])
def test_gradios_events_take_no_file(site: TestClient, given_out: Path, tmp_path: Path, filtered: bool) -> None:
    """T04: refused by us, and by gradio itself where we would not."""
    if filtered:
        site = client_of(NoFiles(site.app))
    secret = tmp_path / "secret.txt"
    secret.write_text("root: s3cret", encoding="utf-8")
    assert "s3cret" not in "".join(events_with_a_file(site, str(secret)))
    assert list(given_out.rglob("secret.txt")) == []


def test_gradios_events_fetch_no_address(site: TestClient) -> None:
    """T05."""
    with contextlib.closing(listen("127.0.0.1", 0)) as canary:
        address = f"http://127.0.0.1:{canary.getsockname()[1]}/x"
        assert "no_files" in events_with_a_file(client_of(NoFiles(site.app)), address)[0]
        canary.setblocking(False)
        with pytest.raises(BlockingIOError):  # nobody has called
            canary.accept()


# --- behind a proxy


@pytest.mark.parametrize("path", ["/sd/healthz", "/healthz", "/sd/sdapi/v1/samplers", "/sdapi/v1/samplers"])
def test_a_subpath_may_be_there_or_not(app: App, path: str) -> None:
    site = client_of(Subpath(guarded(app), "/sd"))
    assert site.get(path).status_code == 200


def test_links_carry_the_subpath(app: App) -> None:
    site = client_of(Subpath(guarded(app), "/sd"))
    reply = site.post("/sd/api/v1/jobs", json={"size": {"width": 64, "height": 64}})
    assert reply.json()["url"].startswith("/sd/api/v1/jobs/")
    assert site.get(reply.json()["url"]).status_code == 200


# --- passwords


def routes_of(app: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    """(method, path) of every route, those of mounted apps included."""
    found: list[BaseRoute] = app.routes
    for route in found:
        if isinstance(route, Mount):
            yield "GET", f"{prefix}{route.path}/x"
            if hasattr(route.app, "routes"):
                yield from routes_of(route.app, prefix + route.path)
        elif isinstance(route, Route | APIRoute):
            for method in route.methods or {"GET"}:
                yield method, prefix + route.path
        elif router := getattr(route, "original_router", None):  # how FastAPI keeps an included one
            yield from routes_of(router, prefix)


def signed_in(name: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def test_every_route_asks_for_the_password(app: App) -> None:
    """T32: no exception list."""
    options = Options(users=USERS)
    inner = whole(app, options)
    site = client_of(Guard(inner, options))
    routes = set(routes_of(inner))
    assert {path for _, path in routes} >= {
        "/healthz",
        "/openapi.json",
        "/docs",
        "/page/live",
        "/gradio_api/queue/join",
    }
    assert len(routes) > 60
    for method, path in routes:
        reply = site.request(method, path)
        assert reply.status_code == 401, (method, path)
        assert reply.headers["WWW-Authenticate"].startswith("Basic ")


@pytest.mark.parametrize("user", USERS)
def test_each_user_comes_in_and_owns_the_job(app: App, user: tuple[str, str]) -> None:
    site = client_of(Guard(whole(app, Options(users=USERS)), Options(users=USERS)))
    reply = site.post("/sdapi/v1/txt2img", json=SMALL, headers=signed_in(*user))
    assert reply.status_code == 200
    assert [job.client for job in app.store.latest(user[0])] == [user[0]]
    assert site.get("/", headers=signed_in(*user)).status_code == 200


@pytest.mark.parametrize(
    "header",
    ["Basic", "Basic !!!", "Bearer YW5uOnBhc3M6d29yZA==", "Basic YW5uOg==", signed_in("ann", "秘密")["Authorization"]],
)
def test_other_passwords_do_not(app: App, header: str) -> None:
    site = client_of(Guard(api.create(app, Options()), Options(users=USERS)))
    assert site.get("/healthz", headers={"Authorization": header}).status_code == 401


def test_guessing_is_slowed_down(app: App) -> None:
    """T33."""
    now = [0.0]
    guard = Guard(api.create(app, Options()), Options())
    guard._doorkeeper = Doorkeeper(USERS, clock=lambda: now[0])
    site = client_of(guard)
    wrong = [site.get("/healthz", headers=signed_in("ann", f"{n}")).status_code for n in range(100)]
    assert wrong == [401] * TRIES + [429] * (100 - TRIES)
    right = site.get("/healthz", headers=signed_in(*USERS[0]))
    assert (right.status_code, right.headers["Retry-After"]) == (429, str(int(WAIT_SECONDS)))
    now[0] = WAIT_SECONDS + 1
    assert site.get("/healthz", headers=signed_in(*USERS[0])).status_code == 200


def test_asking_without_a_password_is_no_guess(app: App) -> None:
    """A page asks for a hundred files before the browser has shown its dialogue."""
    site = client_of(Guard(api.create(app, Options()), Options(users=USERS)))
    assert {site.get("/healthz").status_code for _ in range(50)} == {401}
    assert site.get("/healthz", headers=signed_in(*USERS[0])).status_code == 200


# --- web sockets


async def handshake(guard: Guard, headers: dict[str, str]) -> tuple[list[dict[str, Any]], bool]:
    """What is sent to the browser, and whether the route behind was reached."""
    sent: list[Any] = []
    scope = {
        "type": "websocket",
        "path": "/x",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
        "extensions": {},
    }

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    await guard(scope, receive, send)
    return sent, "reached" in scope


async def _socket_route(scope: Any, receive: Any, send: Any) -> None:
    scope["reached"] = True


@pytest.mark.parametrize(
    ("headers", "users", "reached"),
    [
        ({"Host": "127.0.0.1:7860", "Origin": "http://127.0.0.1:7860"}, (), True),
        ({"Host": "127.0.0.1:7860"}, (), True),
        ({"Host": "evil.example"}, (), False),
        ({"Host": "127.0.0.1:7860", "Origin": EVIL}, (), False),
        ({"Host": "127.0.0.1:7860", "Origin": "null"}, (), False),
        ({"Host": "127.0.0.1:7860"}, USERS, False),
    ],
)
def test_web_sockets_are_guarded(headers: dict[str, str], users: tuple[tuple[str, str], ...], reached: bool) -> None:
    guard = Guard(_socket_route, Options(users=users))
    sent, came_through = asyncio.run(handshake(guard, headers))
    assert came_through == reached
    assert [message["type"] for message in sent] == ([] if reached else ["websocket.close"])


def test_slow_senders_keep_nobody_waiting(app: App) -> None:
    """T27: 200 requests that never end."""
    with served(guarded(app)) as port:
        slow = [socket.create_connection(("127.0.0.1", port)) for _ in range(200)]
        for each in slow:
            each.sendall(b"POST /sdapi/v1/txt2img HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n")
        assert httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=10).status_code == 200
        for each in slow:
            each.close()
