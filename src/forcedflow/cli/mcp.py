"""``forcedflow mcp``: the same answers as tools for language models.

In:  a lake; on stdio or over HTTP what a client asks; a token from the environment.
Out: answers until the client leaves or Ctrl-C. Read-only; loopback unless a token is set.
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
    from mcp.server.mcpserver import MCPServer
    from starlette.types import ASGIApp

PATH = "/mcp"
_NEEDED = ("mcp", "mcp_types", "pydantic", "starlette", "fastapi", "uvicorn", "prometheus_client")


def run(
    *,
    http: Annotated[bool, Parameter(negative="")] = False,
    host: str = "127.0.0.1",
    port: int = 8481,
    token_env: str = "FORCEDFLOW_TOKEN",  # noqa: S107 - the name of a variable, not what it holds
    allow_host: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    at: str | None = None,
    lake: Path | None = None,
) -> int:
    """Offer the answers as read-only tools to language models (Model Context Protocol).

    Parameters
    ----------
    http
        Serve streamable HTTP at /mcp until Ctrl-C, instead of standard input and output.
    host
        Address to listen at with --http; any other than loopback needs a token.
    port
        Port to listen at with --http; 0 takes a free one.
    token_env
        Variable of the environment that holds the token. Where it is set, every client of --http
        is asked for it in the header Authorization (Bearer TOKEN).
    allow_host
        Further name by which clients reach this server; may be repeated.
    at
        Answer as of this moment where a question names none, such as 2026-02-06T00:00Z; now by
        default.
    lake
        Folder of the lake, or s3://BUCKET/PREFIX; the setting by default.
    """
    if not 0 <= port <= 65_535:
        raise UsageError(f"--port {port}: from 0 to 65535")
    try:
        from forcedflow.mcp import create_server
    except ModuleNotFoundError as error:
        raise _missing(error, "mcp") from error
    fixed_ms = None if at is None else parse_time(at)
    held = open_lake(lake)
    server = create_server(held, lambda: parse_moment(None) if fixed_ms is None else fixed_ms)
    if not http:
        # What a client reads is on standard output; logs and warnings go to standard error.
        server.run("stdio")
        return 0
    return _serve(server, host, port, os.environ.get(token_env) or None, allow_host)


def guarded(
    server: MCPServer, host: str, token: str | None, allow_host: tuple[str, ...]
) -> ASGIApp:
    """Return the HTTP application behind the same guard as the API's.

    Raises
    ------
    UsageError
        If the address can be reached by others and there is no token, or the extra is missing.
    """
    import time

    from mcp.server.transport_security import TransportSecuritySettings

    try:
        from forcedflow.server.guard import Access, Guard, Limits
    except ModuleNotFoundError as error:
        raise _missing(error, "mcp,server") from error
    app = server.streamable_http_app(
        streamable_http_path=PATH,
        json_response=True,
        stateless_http=True,
        # The guard judges hosts and origins, by the same rule as for the API.
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
    )
    return Guard(app, Access(host, token, allow_host), Limits(), time.monotonic)


def _serve(
    server: MCPServer, host: str, port: int, token: str | None, allow_host: tuple[str, ...]
) -> int:
    import socket

    import uvicorn

    from forcedflow import log

    app = guarded(server, host, token, allow_host)
    log.configure()
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, port))
            # Who reads the address below may connect at once.
            listening.listen()
        except OSError as error:
            reason = error.strerror or str(error)
            raise UsageError(
                f"{host}:{port} cannot be listened at: {reason}\nhint: --port 8482"
            ) from error
        name = f"[{host}]" if ":" in host else host
        sys.stderr.write(f"http://{name}:{listening.getsockname()[1]}{PATH} (Ctrl-C ends it)\n")
        sys.stderr.flush()
        config = uvicorn.Config(
            app,
            access_log=False,
            log_level="warning",
            lifespan="on",
            server_header=False,
            timeout_graceful_shutdown=5,
            h11_max_incomplete_event_size=16_384,
        )
        uvicorn.Server(config).run([listening])
    return 0


def _missing(error: ModuleNotFoundError, extras: str) -> Exception:
    if error.name is None or error.name.partition(".")[0] not in _NEEDED:
        return error
    return UsageError(f"this needs {error.name}\nhint: pip install 'forcedflow[{extras}]'")
