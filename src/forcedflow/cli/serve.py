"""``forcedflow serve``: the API and the dashboard over the lake.

In:  an address, a lake, a token from the environment.   Out: a server until Ctrl-C.
Loopback unless told otherwise; any other address needs a token.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from forcedflow.cli.options import open_lake, parse_moment, parse_time
from forcedflow.errors import UsageError

if TYPE_CHECKING:
    from types import FrameType

    from forcedflow.server import EventStream
    from forcedflow.server.guard import Guard

_NEEDED = ("fastapi", "uvicorn", "prometheus_client", "starlette", "pydantic")


def run(
    *,
    host: str = "127.0.0.1",
    port: int = 8480,
    token_env: str = "FORCEDFLOW_TOKEN",  # noqa: S107 - the name of a variable, not what it holds
    allow_host: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    at: str | None = None,
    lake: Path | None = None,
) -> int:
    """Serve the API and the dashboard over the lake until Ctrl-C.

    Parameters
    ----------
    host
        Address to listen at; any other than loopback needs a token.
    port
        Port to listen at; 0 takes a free one.
    token_env
        Variable of the environment that holds the token. Where it is set, everybody is asked for
        it: in the header Authorization (Bearer TOKEN), or as ?token=TOKEN.
    allow_host
        Further name by which browsers reach this server; may be repeated.
    at
        Answer as of this moment where a request names none, such as 2026-02-06T00:00Z; now by
        default.
    lake
        Folder of the lake, or s3://BUCKET/PREFIX; the setting by default.
    """
    if not 0 <= port <= 65_535:
        raise UsageError(f"--port {port}: from 0 to 65535")
    try:
        from forcedflow.server import Desk, EventStream, create_app
        from forcedflow.server.guard import Access
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in _NEEDED:
            raise
        raise UsageError(
            f"the server needs {error.name}\nhint: pip install 'forcedflow[server]'"
        ) from error
    access = Access(host, os.environ.get(token_env) or None, allow_host)
    fixed_ms = None if at is None else parse_time(at)
    held = open_lake(lake)
    events = EventStream()
    desk = Desk(held, lambda: parse_moment(None) if fixed_ms is None else fixed_ms, events)
    return _serve(create_app(desk, access), host, port, events)


def _serve(app: Guard, host: str, port: int, events: EventStream) -> int:
    import asyncio
    import contextlib
    import socket

    import uvicorn

    from forcedflow import log

    log.configure()
    config = uvicorn.Config(
        app,
        # What is asked may hold a token, so requests are counted and not logged.
        access_log=False,
        log_level="warning",
        lifespan="on",
        server_header=False,
        # Whoever asks could write these headers, and be counted as somebody else.
        proxy_headers=False,
        timeout_graceful_shutdown=5,
        limit_concurrency=1_000,
        h11_max_incomplete_event_size=16_384,
    )

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            # Said once it is true: who reads the address may ask at once.
            name = f"[{host}]" if ":" in host else host
            bound = port if sockets is None else sockets[0].getsockname()[1]
            sys.stderr.write(f"http://{name}:{bound} (Ctrl-C ends it)\n")
            sys.stderr.flush()

        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            # Listeners would hold the server open; the loop lets them go, no lock is taken here.
            loop.call_soon_threadsafe(events.close)
            super().handle_exit(sig, frame)

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, port))
        except OSError as error:
            reason = error.strerror or str(error)
            raise UsageError(
                f"{host}:{port} cannot be listened at: {reason}\nhint: --port 8481"
            ) from error
        loop = asyncio.new_event_loop()
        # Ctrl-C is how it is meant to end; it comes again once the server has ended.
        with contextlib.suppress(KeyboardInterrupt):
            loop.run_until_complete(Server(config).serve([listening]))
        loop.close()
    return 0
