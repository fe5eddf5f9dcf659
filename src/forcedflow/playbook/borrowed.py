"""A borrowed ladder: one venue's history, brought to the open interest of another.

In:  `Market` of a lender with a history, and of a borrower with one row at least. [base coins, USD]
Out: a `Market` that says whom it is borrowed from.
Pure: frames in, values out; no I/O, no clock, no global state.

Where a venue publishes what is open now and nothing of before, nobody knows when its positions were
entered. That they were entered as on another venue, of the same coin and in proportion, is the
assumption; the margin rule, the brackets, the price and the size are the borrower's own. A borrowed
ladder agrees with its lender by construction, which is no evidence of anything.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import polars as pl

from forcedflow.errors import NoDataError
from forcedflow.features.price import implied_marks
from forcedflow.liquidation_map import Market
from forcedflow.positions import Bars, build_bars
from forcedflow.units import DAY_MS, MINUTE_MS, format_age, format_price

LEAST_HISTORY_MS = DAY_MS
"""A shorter history of open interest is no history of entries. [ms]"""

SAME_MOMENT_MS = 15 * MINUTE_MS
"""Up to this far apart in time two venues' prices are compared; else the lender's stands. [ms]"""

_PRICES = ("open", "high", "low", "close")


class Held(NamedTuple):
    """The newest open interest of a market. [base coins, UTC ms]"""

    contracts: float
    event_ms: int
    source: str


def history_ms(market: Market) -> int:
    """Return the time between the first and the newest open interest of a market. [ms]"""
    times = market.open_interest["event_time"].dt.epoch("ms")
    return 0 if times.is_empty() else int(np.ptp(times.to_numpy()))


def lend(lender: Market, borrower: Market) -> Market:
    """Return a lender's history, scaled to what is open at a borrower.

    Parameters
    ----------
    lender : Market
        Of the same coin, with a history.
    borrower : Market
        With at least one row of open interest.

    Returns
    -------
    Market
        The borrower's instrument, brackets and rule; the lender's rows, contracts and volume times
        the ratio of the two newest open interests, prices times the ratio of two prices of one
        moment.

    Raises
    ------
    NoDataError
        If the lender has no bars, or nothing says how much is open at the borrower.

    Notes
    -----
    Ignored: that traders of the two venues may differ in leverage, patience and entries, and that
    the ratio of their open interests was another before.
    """
    bars = build_bars(lender.open_interest, lender.mark_klines, lender.trade_klines, lender.funding)
    price_ratio = _price_ratio(borrower, bars)
    held = _held(borrower, price_ratio * float(bars.close[-1]))
    ratio = held.contracts / float(bars.open_interest[-1])
    name = f"{lender.instrument.venue} {lender.instrument.symbol}"
    age = format_age(borrower.at_ms - held.event_ms)
    note = (
        f"ladder borrowed from {name}: its entries, scaled by {ratio:.3g} to the "
        f"{format_price(held.contracts)} coins open here {age} ago, "
        "under this venue's own margin rule; that traders enter alike on both is assumed"
    )
    # One simulated row makes the whole simulated, also where the lender is not.
    source = pl.lit(held.source) if borrower.simulated else pl.col("source")
    return replace(
        borrower,
        open_interest=lender.open_interest.with_columns(
            pl.col("open_interest") * ratio,
            pl.col("open_interest_usd") * ratio * price_ratio,
            source=source,
        ),
        mark_klines=_scaled(lender.mark_klines, price_ratio, ratio),
        trade_klines=_scaled(lender.trade_klines, price_ratio, ratio),
        funding=lender.funding,
        notes=(*borrower.notes, note),
        lent_by=name,
    )


def _held(market: Market, mark: float) -> Held:
    contracts = pl.coalesce("open_interest", pl.col("open_interest_usd") / mark)
    rows = market.open_interest.with_columns(contracts=contracts).filter(pl.col("contracts") > 0)
    if rows.is_empty():
        instrument = market.instrument
        raise NoDataError(
            f"nothing says how much is open at {instrument.venue} {instrument.symbol}\n"
            "hint: forcedflow record VENUE SYMBOL, or forcedflow import KIND PATH"
        )
    newest = rows.sort("event_time").row(-1, named=True)
    return Held(newest["contracts"], _ms(rows).max(), newest["source"])


def _price_ratio(market: Market, bars: Bars) -> float:
    """Own price over the lender's at the newest moment at which both are known; else one."""
    frames = [implied_marks(market.open_interest).select("event_time", price="mark")]
    frames += [
        klines.select("event_time", price="close")
        for klines in (market.mark_klines, market.trade_klines)
    ]
    told = pl.concat(frames).filter(pl.col("price") > 0)
    if told.is_empty():
        return 1.0
    own = told.sort("event_time", maintain_order=True)
    at, price = _ms(own), own["price"].to_numpy()
    place = np.searchsorted(bars.end_ms, at, side="right") - 1
    near = (place >= 0) & (at - bars.end_ms[np.maximum(place, 0)] <= SAME_MOMENT_MS)
    if not near.any():
        return 1.0
    newest = int(np.flatnonzero(near)[-1])
    return float(price[newest] / bars.close[place[newest]])


def _scaled(klines: pl.DataFrame, price_ratio: float, ratio: float) -> pl.DataFrame:
    return klines.with_columns(
        *(pl.col(name) * price_ratio for name in _PRICES),
        pl.col("volume", "taker_buy_volume") * ratio,
        pl.col("quote_volume") * ratio * price_ratio,
    )


def _ms(rows: pl.DataFrame) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    times: np.ndarray[tuple[int], np.dtype[np.int64]] = (
        rows["event_time"].dt.epoch("ms").to_numpy().astype(np.int64)
    )
    return times
