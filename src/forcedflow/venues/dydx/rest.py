"""Asking dYdX's indexer over HTTP. Nothing is parsed here.

In:  an HTTP client, an instrument, a span of time [UTC ms].   Out: bodies of replies.
Free of limits and retries, which are the client's, and of the meaning of a body.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Final

from forcedflow.instruments import Instrument
from forcedflow.units import HOUR_MS
from forcedflow.venues.connector import Http
from forcedflow.venues.dydx.spec import bar_name

PAGE: Final = 1000
"""Most rows of one reply."""

_LATEST_SETTLEMENTS: Final = 3


def get_time(http: Http, root: str) -> bytes:
    """Return the reply that holds the venue's clock."""
    return http.get(f"{root}/time")


def get_markets(http: Http, root: str) -> bytes:
    """Return every market, with its oracle price, open interest and margin fractions of now."""
    return http.get(f"{root}/perpetualMarkets")


def get_klines(
    http: Http, root: str, instrument: Instrument, interval_ms: int, start_ms: int, end_ms: int
) -> Iterator[bytes]:
    """Yield the bars that start in ``[start_ms, end_ms)``, a page per request.

    Raises
    ------
    UsageError
        If the venue has no such bars.
    """
    url = f"{root}/candles/perpetualMarkets/{instrument.venue_symbol}"
    for first in range(start_ms, end_ms, PAGE * interval_ms):
        params: dict[str, str | int] = {
            "resolution": bar_name(interval_ms),
            "fromISO": _iso(first),
            # Not the start of the next page's first bar: one more would push out the oldest.
            "toISO": _iso(min(first + PAGE * interval_ms, end_ms) - 1),
            "limit": PAGE,
        }
        yield http.get(url, params)


def get_trades(
    http: Http,
    root: str,
    instrument: Instrument,
    start_ms: int,
    end_ms: int,
    oldest: Callable[[bytes], tuple[int, int] | None],
) -> Iterator[bytes]:
    """Yield matches from before ``end_ms`` back to ``start_ms``, newest first, a page at a time.

    Parameters
    ----------
    http : Http
    root : str
        Where the venue answers.
    instrument : Instrument
    start_ms, end_ms : int
        [UTC ms]
    oldest : callable
        Returns the time [UTC ms] and the block of the oldest match of a page, None if it is empty
        or the last.
    """
    url = f"{root}/trades/perpetualMarket/{instrument.venue_symbol}"
    params: dict[str, str | int] = {"limit": PAGE, "createdBeforeOrAt": _iso(end_ms)}
    before: int | None = None
    while True:
        page = http.get(url, params)
        yield page
        reached = oldest(page)
        if reached is None or reached[0] < start_ms:
            return
        # Matches of one block may lie on two pages, so that block is asked for again; a block of
        # more than a page cannot be passed over that way.
        height = reached[1] if before is None or reached[1] < before else reached[1] - 1
        before = height
        params = {"limit": PAGE, "createdBeforeOrAtHeight": height}


def get_funding(
    http: Http, root: str, instrument: Instrument, start_ms: int, end_ms: int
) -> Iterator[bytes]:
    """Yield the payments in ``[start_ms, end_ms)``, one an hour, a page per request."""
    url = f"{root}/historicalFunding/{instrument.venue_symbol}"
    length = PAGE * HOUR_MS
    for first in range(start_ms, end_ms, length):
        last = min(first + length, end_ms)
        limit = max(1, -(-(last - first) // HOUR_MS))
        yield http.get(url, {"effectiveBeforeOrAt": _iso(last - 1), "limit": limit})


def get_latest_funding(http: Http, root: str, instrument: Instrument) -> bytes:
    """Return the last payments."""
    url = f"{root}/historicalFunding/{instrument.venue_symbol}"
    return http.get(url, {"limit": _LATEST_SETTLEMENTS})


def get_account(http: Http, root: str, address: str) -> bytes:
    """Return the subaccounts of an address, with their equity and open positions."""
    return http.get(f"{root}/addresses/{address}")


def _iso(moment_ms: int) -> str:
    moment = datetime.fromtimestamp(moment_ms / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
