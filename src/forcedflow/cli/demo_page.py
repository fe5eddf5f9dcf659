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
    port: int | None,
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
    port : int, optional
        The usual one by default, else a free one.
    browser
        Whether to open a browser on the page.

    Raises
    ------
    UsageError
        If the named port cannot be listened at.
    """
    from forcedflow.cli.up import follow_markets, follow_simulated
    from forcedflow.cli.up_server import DEFAULT_PORT, HOST

    wanted = port
    if wanted is None:
        wanted = DEFAULT_PORT if _is_free(HOST, DEFAULT_PORT) else _free(HOST)
    first = registry.find(registry.names[0]).instruments()[0]
    address = f"http://{HOST}:{wanted}/#venue={first.venue}&symbol={first.symbol}"
    sys.stderr.write(f"the dashboard, SIMULATED at {market.pace.speed:g}×: {address}\n")
    if browser:
        threading.Thread(target=_open, args=(HOST, wanted, address), daemon=True).start()
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
                served=(True, wanted),
            ),
        )


def _is_free(host: str, port: int) -> bool:
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return _bind(tried, host, port)


def _bind(tried: socket.socket, host: str, port: int) -> bool:
    try:
        tried.bind((host, port))
    except OSError:
        return False
    return True


def _free(host: str) -> int:
    with socket.socket() as tried:
        tried.bind((host, 0))
        return int(tried.getsockname()[1])


def _open(host: str, port: int, address: str) -> None:
    """Open a browser once the server listens; where there is none, the address was printed."""
    until = time.monotonic() + _ANSWERS_WITHIN_S
    while time.monotonic() < until:
        with socket.socket() as tried:
            if tried.connect_ex((host, port)) == 0:
                webbrowser.open(address)
                return
        time.sleep(0.2)
