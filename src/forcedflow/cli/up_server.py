"""The server beside ``up``: the dashboard and the API over the lake that is followed.

In:  a `LiveLoop`, a lake, an address.   Out: a server in a thread of its own, until left.
Loopback alone; ``forcedflow serve`` is for other addresses.
"""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from forcedflow.cli.options import warn
from forcedflow.errors import UsageError

if TYPE_CHECKING:
    from forcedflow.cli.up_alerts import AlertWatch
    from forcedflow.instruments import Instrument
    from forcedflow.live.loop import LiveLoop, Subscriber
    from forcedflow.live.market_update import MarketUpdate
    from forcedflow.server import Desk
    from forcedflow.server.market_events import PrintPublisher
    from forcedflow.store import Lake

HOST = "127.0.0.1"
DEFAULT_PORT = 8480

_NEEDED = ("fastapi", "uvicorn", "prometheus_client", "starlette", "pydantic")
# Open connections are given so long to end. [s]
_LEAVE_WITHIN_S = 5
# Three bars. [ms]
_READ_BACK_MS = 900_000


@contextlib.contextmanager
def served(
    loop: LiveLoop,
    lake: Lake,
    markets: Sequence[Instrument],
    now_ms: Callable[[], int],
    port: int | None,
    watch: AlertWatch | None = None,
    *,
    hears_rows: bool = True,
) -> Iterator[None]:
    """Serve the lake and what is told of it while markets are followed.

    Parameters
    ----------
    loop : LiveLoop
        Its updates become events, and so do liquidations that are printed.
    lake : Lake
    markets : sequence of Instrument
    now_ms : callable
        The moment that answers are of. [UTC ms]
    port : int, optional
        0 takes a free one. Without one, the usual port; where that is taken, or the extra is not
        installed, markets are followed without a server.
    watch : AlertWatch, optional
        Rules that are watched beside: what fires becomes events too.
    hears_rows : bool
        Whether rows are handed to the loop as they come; else printed liquidations are read from
        the lake at every bar close.

    Raises
    ------
    UsageError
        If a port is named that cannot be listened at, or the extra is not installed.
    """
    try:
        import uvicorn

        from forcedflow.server import create_app
        from forcedflow.server.guard import Access
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
    desk = _desk(loop, lake, markets, now_ms, watch, hears_rows=hears_rows)
    app = create_app(desk, Access(HOST, None, ()))
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
        desk.events.close()
        server.should_exit = True
        thread.join(2 * _LEAVE_WITHIN_S)
        listening.close()


def _listen(port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((HOST, port))
        # From here on nobody else can take it, and who reads the address may ask at once.
        listening.listen(2_048)
    except OSError:
        listening.close()
        raise
    return listening


def _desk(
    loop: LiveLoop,
    lake: Lake,
    markets: Sequence[Instrument],
    now_ms: Callable[[], int],
    watch: AlertWatch | None,
    *,
    hears_rows: bool,
) -> Desk:
    """Return what is answered from, with whatever happens on its way into the stream of events."""
    from forcedflow.answers import alerts
    from forcedflow.cli.up_alerts import as_shown
    from forcedflow.server import Desk, EventStream
    from forcedflow.server.desk import SourceState
    from forcedflow.server.event_stream import Market
    from forcedflow.server.market_events import PrintPublisher, alert_publisher
    from forcedflow.server.update_event import publisher

    newest: dict[str, MarketUpdate] = {}

    def remember(update: MarketUpdate) -> None:
        newest[f"{update.instrument.venue} {update.instrument.symbol}"] = update

    def states() -> list[SourceState]:
        followed = tuple(newest.items())
        return [SourceState(name, update.badge, _age_s(update)) for name, update in followed]

    events = EventStream()
    prints = PrintPublisher(events, [Market(one.venue, one.symbol) for one in markets])
    loop.subscribers.extend([remember, as_shown(publisher(events))])
    if hears_rows:
        loop.row_subscribers.append(prints.publish)
    else:
        loop.subscribers.append(_printed_in(lake, prints))
    told_alerts = None
    if watch is not None:
        watch.listeners.append(alert_publisher(events))
        told_alerts = partial(alerts.ask, watch.outbox, watch.book)
    return Desk(lake, now_ms, events, states, told_alerts)


def _printed_in(lake: Lake, prints: PrintPublisher) -> Subscriber:
    """Return what reads printed liquidations from the lake at every bar close."""

    def read(update: MarketUpdate) -> None:
        rows = lake.read(
            "liquidations",
            venue=update.instrument.venue,
            symbol=update.instrument.symbol,
            # What others wrote late is told a bar or two later; nothing is told twice.
            start_ms=update.at_ms - _READ_BACK_MS,
            end_ms=update.at_ms,
            available_by_ms=update.at_ms,
        )
        prints.publish({"liquidations": rows})

    return read


def _age_s(update: MarketUpdate) -> float | None:
    ages = [source.age_ms for source in update.sources if source.age_ms is not None]
    return min(ages) / 1000 if ages else None
