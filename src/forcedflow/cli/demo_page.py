"""The page of ``demo``: a simulated market on the dashboard, live until Ctrl-C.

In:  a lake with the market's past, the market, its venues.   Out: a server, and a browser on it.
Loopback alone. Where the page cannot be served, `is_servable` says so.
"""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
import time
import webbrowser
from functools import partial
from importlib.resources import files
from importlib.util import find_spec
from typing import TYPE_CHECKING

from forcedflow.errors import UsageError

if TYPE_CHECKING:
    from forcedflow.sandbox.market import SandboxMarket
    from forcedflow.store import Lake
    from forcedflow.venues.registry import VenueRegistry

# A simulated hour is a minute at the usual speed: often enough to see the chain change.
_STAGE_EVERY_MS = 30 * 60_000
_ANSWERS_WITHIN_S = 60.0


def is_servable() -> bool:
    """Say whether this installation has the server and the built page."""
    needed = ("fastapi", "uvicorn", "prometheus_client")
    page = files("forcedflow.server").joinpath("static", "index.html")
    return all(find_spec(name) is not None for name in needed) and page.is_file()


def show(
    lake: Lake,
    market: SandboxMarket,
    registry: VenueRegistry,
    port: int,
    *,
    browser: bool,
) -> None:
    """Follow a simulated market and serve the dashboard over it until Ctrl-C.

    Parameters
    ----------
    lake : Lake
        Holds the market's past.
    market : SandboxMarket
    registry : VenueRegistry
        Its venues.
    port : int
        As `choose_port` returned it.
    browser
        Whether to open a browser on the page.

    Raises
    ------
    UsageError
        If somebody else has taken the port since.
    """
    from forcedflow.cli.up import follow_markets, follow_simulated
    from forcedflow.cli.up_server import HOST

    first = registry.find(registry.names[0]).instruments()[0]
    address = f"http://{HOST}:{port}/#venue={first.venue}&symbol={first.symbol}"
    sys.stderr.write(f"the dashboard, SIMULATED at {market.pace.speed:g}×: {address}\n")
    if browser:
        threading.Thread(target=_open, args=(HOST, port, address), daemon=True).start()
    with contextlib.suppress(KeyboardInterrupt):
        follow_simulated(
            lake,
            market,
            registry,
            partial(
                follow_markets,
                every_ms={"cascade": _STAGE_EVERY_MS},
                for_s=None,
                json=False,
                served=(True, port),
            ),
        )


def choose_port(named: int | None) -> int:
    """Return the port that the page will be served at: the named one, the usual one, a free one.

    Raises
    ------
    UsageError
        If a port is named that cannot be listened at: said before anything is simulated.
    """
    from forcedflow.cli.up_server import DEFAULT_PORT, HOST

    for port in (named or DEFAULT_PORT, 0):
        with socket.socket() as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                tried.bind((HOST, port))
            except OSError as error:
                if named is not None:
                    reason = error.strerror or str(error)
                    raise UsageError(
                        f"{HOST}:{port} cannot be listened at: {reason}\n"
                        "hint: without --port, one that is free is found"
                    ) from error
                continue
            return int(tried.getsockname()[1])
    raise UsageError(f"no port of {HOST} can be listened at")


def _open(host: str, port: int, address: str) -> None:
    """Open a browser once the server listens; where there is none, the address was printed."""
    until = time.monotonic() + _ANSWERS_WITHIN_S
    while time.monotonic() < until:
        with socket.socket() as tried:
            if tried.connect_ex((host, port)) == 0:
                webbrowser.open(address)
                return
        time.sleep(0.2)
