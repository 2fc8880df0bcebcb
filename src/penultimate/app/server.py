"""The server of the page: for this machine alone, one process beside it for the work, which ends with the request.

Each request brings all that is set, so two tabs never meet. A page of another site can neither ask for anything nor
read it, and nothing that the page loads comes from elsewhere.
"""

import json
import socket
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from importlib.resources import files
from typing import Any, cast

import anyio
import anyio.to_process
import anyio.to_thread
import uvicorn
from jinja2 import Environment, PackageLoader
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from penultimate.app import views
from penultimate.app.reproduction import COUNTS_FILE
from penultimate.app.settings import AUDITED, PROFILES, RATIO, TASKS, Settings
from penultimate.app.uploads import Sent
from penultimate.counts.bundled import BUNDLED
from penultimate.datasets import feature_names
from penultimate.errors import FileError, PenultimateError, ProblemError
from penultimate.model.networks import ANY, kinds
from penultimate.report.kit.html import javascript
from penultimate.version import __version__

HOST = "127.0.0.1"
# A table of a hundred thousand classes with long names, or the labels of ten million samples.
MOST_BYTES = 32 << 20
# Seconds that open connections have when the server ends.
_GRACE = 1

_HEADERS = {
    # Vega and the bar of the verdict size their parts by styles; no script runs but the page's own, and none is made.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def listen(port: int) -> socket.socket:
    """Listen on a port of this machine; 0 takes one that is free.

    Raises
    ------
    OSError
        When the port is in use or not to be had.
    """
    listening = socket.socket()
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((HOST, port))
        listening.listen()
    except OSError:
        listening.close()
        raise
    return listening


def serve(listening: socket.socket) -> None:
    """Serve the page until the process is told to end."""
    config = uvicorn.Config(
        application(), access_log=False, log_level="error", lifespan="on", timeout_graceful_shutdown=_GRACE
    )
    uvicorn.Server(config).run(sockets=[listening])


def application() -> Starlette:
    """The page and what it asks for."""
    routes = [
        Route("/", _page),
        Route("/view", _view, methods=["POST"]),
        Route("/draft", _draft, methods=["POST"]),
        Route("/save", _save, methods=["POST"]),
        Route("/upload", _upload, methods=["POST"]),
        *(_file(path, kind, text) for path, (kind, text) in _files().items()),
    ]
    hosts = Middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"])
    faults: Any = {
        PenultimateError: _refused,
        MemoryError: _too_much,
        anyio.BrokenWorkerProcess: _too_much,
        Exception: _failed,
    }
    return Starlette(
        routes=routes, middleware=[Middleware(_Guarded), hosts], exception_handlers=faults, lifespan=_warming
    )


@asynccontextmanager
async def _warming(app: Starlette) -> AsyncGenerator[dict[str, anyio.Event]]:
    """The process for the work is made ready while the browser opens; what is asked for meanwhile waits for it."""
    ready = anyio.Event()

    async def warm() -> None:
        # Whatever goes wrong here is said to the first view.
        with suppress(Exception):
            await anyio.to_process.run_sync(views.warm, cancellable=True)
        ready.set()

    async with anyio.create_task_group() as group:
        group.start_soon(warm)
        yield {"ready": ready}
        group.cancel_scope.cancel()


class _Guarded:
    """Refuses what another site asks for, and says of every answer what a browser may do with it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def headed(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] += [(name.encode(), value.encode()) for name, value in _HEADERS.items()]
            await send(message)

        asked_by = dict(scope.get("headers", ())).get(b"sec-fetch-site", b"none")
        # The start of the server is asked for by no site, and a link to a view may stand anywhere.
        if scope.get("method", "GET") == "GET" or asked_by in (b"none", b"same-origin"):
            await self._app(scope, receive, headed)
        else:
            await PlainTextResponse("asked for by another site", 403)(scope, receive, headed)


async def _page(request: Request) -> Response:
    environment = Environment(loader=PackageLoader("penultimate.app", "static"), autoescape=True, trim_blocks=True)
    text = environment.get_template("page.html.j2").render(
        default=Settings(),
        bundled=BUNDLED,
        profile_options=[(name, name) for name in PROFILES],
        kind_options=[
            (ANY, "networks of every kind"),
            *((kind, kind) for kind in kinds()),
            (RATIO, "by a ratio c"),
            (AUDITED, "my network, by its audit"),
        ],
        by_ratio=RATIO,
        audited=AUDITED,
        task_options=list(TASKS.items()),
        feature_options=[("", "a file of yours"), *((name, name) for name in feature_names())],
        counts_file=COUNTS_FILE,
        version=__version__,
    )
    return Response(text, media_type="text/html")


async def _view(request: Request) -> Response:
    asked = await _asked(request)
    charts = asked.get("charts")
    names = tuple(map(str, cast(list[Any], charts))) if isinstance(charts, list) else ()
    return _as_json(await _worked(request, views.view, _settings(asked), names, asked["files"]))


async def _draft(request: Request) -> Response:
    """What is known at once: said by a thread of this process, whatever the one beside it works on."""
    words = await anyio.to_thread.run_sync(views.first_words, _settings(await _asked(request)))
    return JSONResponse({"draft": words})


async def _save(request: Request) -> Response:
    asked = await _asked(request)
    text = await _worked(request, views.save, _settings(asked), str(asked.get("kind")), asked["files"])
    # A name may hold half a pair of characters, which no file can.
    return PlainTextResponse(text.encode(errors="replace"))


async def _upload(request: Request) -> Response:
    name, holds = request.query_params.get("name", "the file"), request.query_params.get("holds", "")
    return _as_json(await _worked(request, views.upload, name, await _body(request), holds))


async def _asked(request: Request) -> dict[str, Any]:
    """The JSON object in the first line of what was sent, with the files whose bytes follow."""
    line, _, rest = (await _body(request)).partition(b"\n")
    try:
        asked = json.loads(line)
    except (ValueError, RecursionError):
        asked = None
    if not isinstance(asked, dict):
        raise ProblemError("the page asked for something that is no JSON object: load it again")
    asked = cast(dict[str, Any], asked)
    return asked | {"files": _files_sent(asked.get("files", []), rest)}


def _files_sent(listed: object, data: bytes) -> tuple[Sent, ...]:
    """Cut what was sent into the files that were announced, by their slots, names and sizes."""
    files, start = dict[str, Sent](), 0
    for entry in cast(list[Any], listed) if isinstance(listed, list) else []:
        match entry:
            case {"slot": "first" | "second" | "audit" as slot, "name": str(name), "size": int(size)} if size >= 0:
                files[slot] = Sent(slot, name, data[start : start + size])
                start += size
            case _:
                raise ProblemError("the page announced a file that cannot be: load it again")
    if start != len(data):
        raise ProblemError("the files came damaged: choose them again")
    return tuple(files.values())


def _settings(asked: Mapping[str, Any]) -> Settings:
    found = asked.get("settings", {})
    if not isinstance(found, dict):
        raise ProblemError("the settings are no JSON object: load the page again")
    return Settings.given(cast(dict[str, Any], found))


async def _body(request: Request) -> bytes:
    parts, size = list[bytes](), 0
    async for part in request.stream():
        parts.append(part)
        size += len(part)
        if size > MOST_BYTES:
            raise FileError(
                f"this is more than the {MOST_BYTES >> 20} MB that the page takes: the commands read larger files"
            )
    return b"".join(parts)


async def _worked(request: Request, function: Callable[..., str], *arguments: object) -> str:
    """What a function says in the process beside this one, which is ended if the browser no longer waits for it."""
    outcome: str | Exception = ""

    async def end_when_gone() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        group.start_soon(end_when_gone)
        try:
            ready: anyio.Event | None = getattr(request.state, "ready", None)
            if ready is not None:
                await ready.wait()
            outcome = await anyio.to_process.run_sync(function, *arguments, cancellable=True)
        except Exception as error:
            outcome = error
        group.cancel_scope.cancel()
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def _as_json(text: str) -> Response:
    return Response(text, media_type="application/json")


async def _refused(request: Request, error: Exception) -> Response:
    """An error of the user's, in its one line."""
    return JSONResponse({"error": " ".join(str(error).split())}, 422)


async def _too_much(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": "there is not enough memory for this: give fewer classes"}, 422)


async def _failed(request: Request, error: Exception) -> Response:
    fault = f"internal error, please report it with the link to this view: {type(error).__name__}: {error}"
    return JSONResponse({"error": " ".join(fault.split())}, 500)


def _files() -> dict[str, tuple[str, str]]:
    """What the page loads, by name: its media type and text. The look is that of the reports."""
    own, report = files("penultimate.app") / "static", files("penultimate.report") / "templates"
    styles = report.joinpath("style.css").read_text("utf-8") + own.joinpath("app.css").read_text("utf-8")
    parts = (report / "drawing.js", report / "saving.js", own / "living.js", own / "app.js")
    script = "".join(part.read_text("utf-8") for part in parts)
    return {
        "/app.css": ("text/css", styles),
        "/app.js": ("text/javascript", script),
        "/vega.js": ("text/javascript", str(javascript())),
    }


def _file(path: str, kind: str, text: str) -> Route:
    def answer(request: Request) -> Response:
        return Response(text, media_type=kind)

    return Route(path, answer)
