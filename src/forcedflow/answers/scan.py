"""What ``scan`` answers: several markets beside each other, the most loaded first.

In:  a lake, instruments or a venue, a moment.   Out: what was read; plain values for JSON.
Free of any clock.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, TypeAlias

from forcedflow.answers import signals
from forcedflow.answers.forecast import chance_answer
from forcedflow.answers.times import iso_time
from forcedflow.asof.forecast import read_with_forecast
from forcedflow.errors import NoDataError
from forcedflow.executors import Executor, Progress, SerialExecutor
from forcedflow.instruments import Instrument, parse_symbol
from forcedflow.report.signals_terminal import MarketSignals
from forcedflow.store import Lake

Order: TypeAlias = Literal["loading", "zone", "crowding", "forecast"]


@dataclass(frozen=True, slots=True)
class Scan:
    """Markets in order, and those that could not be read.

    Parameters
    ----------
    at_ms : int
        The moment. [UTC ms]
    by : {"loading", "zone", "crowding", "forecast"}
        What comes first: most loaded, nearest cluster in σ, most one-sided funding, likeliest
        cascade.
    markets : tuple of MarketSignals
    left_out : tuple of dict
        Symbol, venue and reason of each.
    """

    at_ms: int
    by: Order
    markets: tuple[MarketSignals, ...]
    left_out: tuple[dict[str, str], ...]


def ask(
    lake: Lake,
    instruments: Sequence[Instrument],
    at_ms: int,
    *,
    venue: str | None = None,
    by: Order = "loading",
) -> dict[str, Any]:
    """Return the markets in order; parameters as in `read`."""
    return answer(read(lake, instruments, at_ms, venue=venue, by=by))


def read(
    lake: Lake,
    instruments: Sequence[Instrument],
    at_ms: int,
    *,
    venue: str | None = None,
    by: Order = "loading",
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> Scan:
    """Return what signals say of several markets.

    Parameters
    ----------
    lake : Lake
    instruments : sequence of Instrument
        Without any, every contract whose open interest is held.
    at_ms : int
        The moment. [UTC ms]
    venue : str, optional
        Of the contracts that are not named; every venue by default.
    by : {"loading", "zone", "crowding", "forecast"}
    executor : Executor, optional
        Reads each market; this process by default. What is read is the same.
    progress : callable, optional
        Told how many markets are read, and how many there are.

    Raises
    ------
    NoDataError
        If not one of them could be read.
    """
    found: list[MarketSignals] = []
    left_out: list[dict[str, str]] = []
    chosen = list(instruments) or _held(lake, venue)
    read_one = partial(_read_market, lake, at_ms)
    markets = (executor or SerialExecutor()).map(read_one, chosen, progress=progress)
    for instrument, market in zip(chosen, markets, strict=True):
        if isinstance(market, str):
            left_out.append(
                {"symbol": instrument.symbol, "venue": instrument.venue, "reason": market}
            )
        else:
            found.append(market)
    if not found:
        reasons = "; ".join(row["reason"] for row in left_out) or "the lake holds no open interest"
        raise NoDataError(f"{reasons}\nhint: forcedflow fetch binance BTC --from TIME")
    found.sort(key=lambda market: order_of(market, by))
    return Scan(at_ms, by, tuple(found), tuple(left_out))


def _read_market(lake: Lake, at_ms: int, instrument: Instrument) -> MarketSignals | str:
    """Return what signals say of a market, or why that is not known."""
    try:
        table, forecast, _ = read_with_forecast(lake, instrument, at_ms)
        market = signals.read(lake, instrument, at_ms, None, table)
    except NoDataError as error:
        return str(error).split("\n", maxsplit=1)[0]
    return replace(market, forecast=forecast)


def answer(scan: Scan) -> dict[str, Any]:
    """Return the markets in order, each with everything needed to judge it."""
    markets = [_market(market, scan.at_ms) for market in scan.markets]
    return {
        "at": iso_time(scan.at_ms),
        "simulated": any(market.table.simulated for market in scan.markets),
        "by": scan.by,
        "markets": markets,
        "left_out": list(scan.left_out),
        "assumptions": {
            "order": "loading: most loaded first; zone: nearest cluster in σ of a day; crowding: "
            "most one-sided funding; forecast: likeliest cascade; what is unknown comes last",
            "markets": "each market states its own",
        },
        "freshness": {"age_s": max(market["freshness"]["age_s"] for market in markets)},
    }


def _market(market: MarketSignals, at_ms: int) -> dict[str, Any]:
    chance = None if market.forecast is None else market.forecast.headline
    return {
        **signals.answer(market, at_ms),
        "forecast": None if chance is None else chance_answer(chance),
    }


def order_of(market: MarketSignals, by: Order) -> tuple[float, ...]:
    """Ascending; what is unknown comes last, and the other two break ties."""
    keys: dict[str, float] = {
        "loading": _last_if_unknown(-market.loading.score),
        "zone": _last_if_unknown(market.nearest_sigma),
        "crowding": _last_if_unknown(-abs(market.crowding)),
        "forecast": _last_if_unknown(-_chance(market)),
    }
    return keys.pop(by), *keys.values()


def _chance(market: MarketSignals) -> float:
    chance = None if market.forecast is None else market.forecast.headline
    return math.nan if chance is None else chance.shown


def _last_if_unknown(key: float) -> float:
    return math.inf if math.isnan(key) else key


def _held(lake: Lake, venue: str | None) -> list[Instrument]:
    """Every contract of which open interest is held; sums over venues are none."""
    return [
        parse_symbol(symbol, own)
        for table, own, symbol in sorted(lake.series())
        if table == "open_interest" and ":" in symbol and venue in {None, own}
    ]
