"""What ``markets`` answers: which symbols of which venues the lake holds, and from when to when.

In:  a lake, a moment.   Out: plain values for JSON.
Free of any clock.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from forcedflow.answers.times import iso_time
from forcedflow.errors import UsageError
from forcedflow.instruments import Instrument, parse_symbol
from forcedflow.store import Lake
from forcedflow.tables import is_simulated

OF_A_MARKET = frozenset({"klines", "open_interest", "trades"})
"""Tables that make a symbol a market: what has none of them is a calendar or a sum."""

_MAP_NEEDS = "open_interest"


def ask(lake: Lake, at_ms: int) -> dict[str, Any]:
    """Return the markets held that had begun by a moment, sorted by symbol and venue.

    Parameters
    ----------
    lake : Lake
    at_ms : int
        The moment. [UTC ms]
    """
    held: dict[tuple[str, str], dict[str, tuple[int, int]]] = defaultdict(dict)
    for table, venue, symbol, first_ms, last_ms in lake.spans():
        if first_ms <= at_ms:
            held[symbol, venue][table] = (first_ms, min(last_ms, at_ms))
    markets = [
        _market(lake, instrument, held[symbol, venue], at_ms)
        for symbol, venue in sorted(held)
        if held[symbol, venue].keys() & OF_A_MARKET
        and (instrument := _instrument(symbol, venue)) is not None
    ]
    ages = [market["age_s"] for market in markets]
    return {
        "at": iso_time(at_ms),
        "simulated": any(market["simulated"] for market in markets),
        "markets": markets,
        "assumptions": {
            "span": "event times of rows held, at most the moment; gaps are in coverage",
            "map": "open interest is held, which every estimate of positions begins with",
        },
        "freshness": {"age_s": min(ages, default=None)},
    }


def _market(
    lake: Lake, instrument: Instrument, tables: dict[str, tuple[int, int]], at_ms: int
) -> dict[str, Any]:
    spans = [tables[name] for name in tables.keys() & OF_A_MARKET]
    newest = max(last for _, last in spans)
    return {
        "symbol": instrument.symbol,
        "venue": instrument.venue,
        "base": instrument.base,
        "perpetual": instrument.settle is not None,
        "map": _MAP_NEEDS in tables and instrument.settle is not None,
        "simulated": is_simulated_market(lake, instrument, OF_A_MARKET),
        "from": iso_time(min(first for first, _ in spans)),
        "to": iso_time(newest),
        "age_s": (at_ms - newest) / 1000,
        "tick_size": instrument.tick_size,
        "tables": {
            name: {"from": iso_time(first), "to": iso_time(last)}
            for name, (first, last) in sorted(tables.items())
        },
    }


def is_simulated_market(lake: Lake, instrument: Instrument, tables: Iterable[str]) -> bool:
    """Return whether the newest rows of any table are of the simulated exchange.

    Parameters
    ----------
    lake : Lake
    instrument : Instrument
    tables : iterable of str
        Tables held of it.
    """
    venue, symbol = instrument.venue, instrument.symbol
    newest = {
        table: last_ms
        for table, own, name, _, last_ms in lake.spans()
        if (own, name) == (venue, symbol) and table in tables
    }
    sources = (
        lake.read(table, venue=venue, symbol=symbol, start_ms=last_ms, columns=["source"])
        for table, last_ms in sorted(newest.items())
    )
    return any(is_simulated(source) for rows in sources for source in rows["source"].unique())


def _instrument(symbol: str, venue: str) -> Instrument | None:
    if "/" not in symbol:
        return None  # a bare coin names a sum over contracts
    try:
        return parse_symbol(symbol, venue)
    except UsageError:
        return None  # an aggregate over venues has no grammar
