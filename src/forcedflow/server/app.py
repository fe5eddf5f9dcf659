"""The application: every endpoint over one desk, guarded, measured, failing in one shape.

In:  a desk, who may ask, how much.   Out: an ASGI application.
Free of sockets and of settings: the command binds it, tests call it.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from forcedflow import __version__
from forcedflow.errors import ForcedflowError
from forcedflow.log import get_logger
from forcedflow.server.answer_cache import AnswerCache, BusyError
from forcedflow.server.desk import Desk
from forcedflow.server.event_stream import TooManyListenersError
from forcedflow.server.failure import CODES, Failure, failure_of
from forcedflow.server.guard import Access, Guard, Limits
from forcedflow.server.lake_routes import lake_routes
from forcedflow.server.live_routes import event_routes, metric_routes
from forcedflow.server.map_routes import map_routes
from forcedflow.server.metrics import Metered, Metrics
from forcedflow.server.reading_routes import MissingExtraError, reading_routes
from forcedflow.server.reply import Replies

PREFIX = "/api/v1"

_NO_PAGE = (
    "forcedflow is serving, but its dashboard was not built into this installation.\n"
    "The API is at /api/v1, its description at /openapi.json.\n"
    "hint: make dashboard\n"
)


def create_app(
    desk: Desk,
    access: Access | None = None,
    limits: Limits | None = None,
    *,
    answers: AnswerCache | None = None,
    static: Path | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Guard:
    """Return the application.

    Parameters
    ----------
    desk : Desk
    access : Access, optional
        Who may ask; loopback without a token by default.
    limits : Limits, optional
    answers : AnswerCache, optional
        Threads that answer, and what they keep.
    static : Path, optional
        Folder of the dashboard; the one in the package by default.
    clock : callable
        Seconds that only grow; for the limits. [s]

    Returns
    -------
    Guard
        An ASGI application.
    """
    kept = AnswerCache() if answers is None else answers
    metrics = Metrics(desk.events, kept)
    inner = describe(desk, kept, metrics)
    paths = {"/", *inner.openapi()["paths"]}
    _add_page(inner, _packaged() if static is None else static)
    metered = Metered(inner, metrics, paths)
    return Guard(metered, access or Access(), limits or Limits(), clock, metrics.refuse)


def describe(desk: Desk, answers: AnswerCache, metrics: Metrics) -> FastAPI:
    """Return the endpoints alone, which also describe themselves; unguarded."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        desk.events.close()
        answers.close()

    app = FastAPI(
        title="forcedflow",
        version=__version__,
        summary="Where leveraged crypto positions are force-closed: estimates, not advice.",
        # The usual pages load scripts of other sites, which nothing here may.
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    replies = Replies(desk, answers)
    api = APIRouter(prefix=PREFIX)
    for routes in (
        map_routes(replies),
        reading_routes(replies),
        lake_routes(replies),
        event_routes(desk, answers),
    ):
        api.include_router(routes)
    app.include_router(api)
    app.include_router(metric_routes(metrics))
    _add_failures(app)
    return app


def _add_failures(app: FastAPI) -> None:
    async def explain(request: Request, error: Exception) -> Response:
        failure = _failure(error)
        if failure.code == "internal":
            # The query may hold a token, so that the path alone is told.
            problem = type(error).__name__
            get_logger("server").error(
                "failed", path=request.url.path, problem=problem, exc_info=error
            )
        return _response(failure)

    for kind in (
        ForcedflowError,
        RequestValidationError,
        HTTPException,
        BusyError,
        TooManyListenersError,
        MissingExtraError,
        Exception,
    ):
        app.add_exception_handler(kind, explain)


def _failure(error: Exception) -> Failure:
    match error:
        case ForcedflowError():
            return failure_of(error)
        case RequestValidationError():
            return Failure(422, "invalid", _words(error))
        case HTTPException():
            code = CODES.get(error.status_code, "error")
            headers = tuple((error.headers or {}).items())
            return Failure(error.status_code, code, str(error.detail), headers=headers)
        case BusyError() | TooManyListenersError():
            return Failure(503, "busy", str(error), headers=(("retry-after", "2"),))
        case MissingExtraError():
            hint = "pip install 'forcedflow[report]'"
            return Failure(501, "missing_extra", str(error), hint)
        case _:
            return Failure(500, "internal", "the server failed; its log says why")


def _response(failure: Failure) -> Response:
    return Response(
        failure.body,
        failure.status,
        {"cache-control": "no-store", **dict(failure.headers)},
        "application/json",
    )


def _words(error: RequestValidationError) -> str:
    problems = [f"{problem['loc'][-1]}: {problem['msg'][:200]}" for problem in error.errors()[:5]]
    return "; ".join(problems)


def _packaged() -> Path:
    return Path(str(files("forcedflow.server") / "static"))


def _add_page(app: FastAPI, static: Path) -> None:
    if (static / "index.html").is_file():
        app.mount("/", StaticFiles(directory=static, html=True), name="dashboard")
        return

    async def absent() -> Response:
        return Response(_NO_PAGE, 503, media_type="text/plain")

    app.add_api_route("/", absent, include_in_schema=False)
