"""The server beside ``up``: the dashboard and the API over the lake that is followed.

In:  a `LiveLoop`, a lake, an address.   Out: a server in a thread of its own, until left.
Loopback alone; ``forcedflow serve`` is for other addresses.
"""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from forcedflow.cli.options import warn
from forcedflow.errors import UsageError

if TYPE_CHECKING:
    from forcedflow.live.loop import LiveLoop
    from forcedflow.live.market_update import MarketUpdate
    from forcedflow.store import Lake

HOST = "127.0.0.1"
DEFAULT_PORT = 8480

_NEEDED = ("fastapi", "uvicorn", "prometheus_client", "starlette", "pydantic")
# Open connections are given so long to end. [s]
_LEAVE_WITHIN_S = 5


@contextlib.contextmanager
def served(
    loop: LiveLoop, lake: Lake, now_ms: Callable[[], int], port: int | None
) -> Iterator[None]:
    """Serve the lake and what is told of it while markets are followed.

    Parameters
    ----------
    loop : LiveLoop
        Its updates become events.
    lake : Lake
    now_ms : callable
        The moment that answers are of. [UTC ms]
    port : int, optional
        0 takes a free one. Without one, the usual port; where that is taken, or the extra is not
        installed, markets are followed without a server.

    Raises
    ------
    UsageError
        If a port is named that cannot be listened at, or the extra is not installed.
    """
    try:
        import uvicorn

        from forcedflow.server import Desk, EventStream, create_app
        from forcedflow.server.desk import SourceState
        from forcedflow.server.guard import Access
        from forcedflow.server.update_event import publisher
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in _NEEDED:
            raise
        if port is not None:
            raise UsageError(
                f"the server needs {error.name}\nhint: pip install 'forcedflow[server]'"
            ) from error
        yield
        return
    try:
        listening = _listen(DEFAULT_PORT if port is None else port)
    except OSError as error:
        reason = error.strerror or str(error)
        if port is not None:
            raise UsageError(
                f"{HOST}:{port} cannot be listened at: {reason}\nhint: --port 8481"
            ) from error
        warn(f"no dashboard: {HOST}:{DEFAULT_PORT} cannot be listened at: {reason}")
        yield
        return
    newest: dict[str, MarketUpdate] = {}

    def remember(update: MarketUpdate) -> None:
        newest[f"{update.instrument.venue} {update.instrument.symbol}"] = update

    def states() -> list[SourceState]:
        return [SourceState(name, update.badge, _age_s(update)) for name, update in newest.items()]

    events = EventStream()
    loop.subscribers.extend([remember, publisher(events)])
    app = create_app(Desk(lake, now_ms, events, states), Access(HOST, None, ()))
    config = uvicorn.Config(
        app,
        access_log=False,
        log_level="warning",
        lifespan="on",
        server_header=False,
        timeout_graceful_shutdown=_LEAVE_WITHIN_S,
    )
    server = uvicorn.Server(config)
    bound = listening.getsockname()[1]
    thread = threading.Thread(
        target=server.run, kwargs={"sockets": [listening]}, name="forcedflow-server", daemon=True
    )
    thread.start()
    sys.stderr.write(f"http://{HOST}:{bound}\n")
    sys.stderr.flush()
    try:
        yield
    finally:
        # Listeners would hold the server open.
        events.close()
        server.should_exit = True
        thread.join(2 * _LEAVE_WITHIN_S)
        listening.close()


def _listen(port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((HOST, port))
    except OSError:
        listening.close()
        raise
    return listening


def _age_s(update: MarketUpdate) -> float | None:
    ages = [source.age_ms for source in update.sources if source.age_ms is not None]
    return min(ages) / 1000 if ages else None
