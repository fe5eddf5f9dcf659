"""Feeds: what the simulated exchange publishes, as rows of the declared tables.

In:  `Block`s of simulated minutes, in order.   Out: rows by table, as venues would publish them.
Pure: arrays in, frames out; no I/O, no clock; what a block leaves unfinished is in `FeedState`.

Rows do not depend on how a run is cut into blocks. Nothing here knows an account or a cause; that
is `forcedflow.sandbox.truth`, which only tests and scores may read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from forcedflow import tables
from forcedflow.sandbox.defects import Defects, received
from forcedflow.sandbox.depth_feed import depth_bands, order_book
from forcedflow.sandbox.liquidation_feed import (
    Liquidations,
    happened,
    hourly_totals,
    no_liquidations,
    printed,
)
from forcedflow.sandbox.parameters import SandboxParameters
from forcedflow.sandbox.published import (
    PERPETUAL,
    SPOT,
    coins,
    exact_price,
    rows_of,
    stamped,
    traded_price,
)
from forcedflow.sandbox.simulate import START_MS, Block, Out
from forcedflow.sandbox.stated import STATED, stated_tables
from forcedflow.units import HOUR_MS, I8, MINUTE_MS, F8x2

FIVE_MINUTES_MS = 5 * MINUTE_MS
FUNDING_HOURS = 8.0

STREAMED = (
    "klines",
    "open_interest",
    "funding",
    "long_short_ratio",
    "liquidations",
    "liquidation_totals",
    "depth_bands",
    "order_book",
)
"""Tables that grow with every block."""


@dataclass(slots=True)
class FeedState:
    """What the feeds remember between blocks.

    Parameters
    ----------
    parameters : SandboxParameters
        Of the market that is published.
    seed : int
        The market's seed; noise and defects follow from it.
    defects : Defects
        What goes wrong on the way.
    next_minute : int, optional
        First minute of the next block; ``None`` before the first. [min since the market opened]
    from_ms : int
        Start of the first minute published. [UTC ms]
    open_hour : Liquidations
        Liquidations since the last full hour.
    """

    parameters: SandboxParameters
    seed: int
    defects: Defects = field(default_factory=Defects)
    next_minute: int | None = None
    from_ms: int = START_MS
    open_hour: Liquidations = field(default_factory=no_liquidations)

    @property
    def venues(self) -> list[str]:
        """Return the venues' ids in the order of the arrays."""
        return [rules.name for rules in self.parameters.venues]


def tables_of(block: Block, feed: FeedState) -> dict[str, pl.DataFrame]:
    """Return the rows that a block adds to every table.

    Parameters
    ----------
    block : Block
        The block that follows the last one given.
    feed : FeedState
        Advanced in place.

    Returns
    -------
    dict of str to polars.DataFrame
        Every table of `STREAMED` and `STATED`, in the order of arrival; some may have no rows.

    Raises
    ------
    ValueError
        If the block does not follow the last one.
    """
    stated: dict[str, pl.DataFrame] = {}
    if feed.next_minute is None:
        stated = stated_tables(feed.parameters, feed.seed)
        feed.next_minute, feed.from_ms = block.first_minute, block.start_ms
    if block.first_minute != feed.next_minute:
        raise ValueError(
            f"block starts at minute {block.first_minute}, minute {feed.next_minute} is next"
        )
    feed.next_minute += block.minutes
    minutes, scenario = _Minutes.of(block), feed.parameters.scenario
    fives, hours = minutes.every(FIVE_MINUTES_MS), minutes.every(HOUR_MS)
    rows = {
        "klines": _klines(minutes, feed),
        "open_interest": _open_interest(fives, feed),
        "funding": _funding(minutes, feed),
        "long_short_ratio": _long_short_ratio(fives, feed),
        **_liquidations(block, feed),
        "depth_bands": stamped("depth_bands", depth_bands(*_book(fives, feed)), scenario),
        "order_book": stamped("order_book", order_book(*_book(hours, feed)), scenario),
    }
    streamed = {name: received(name, rows[name], feed.defects, feed.seed) for name in STREAMED}
    return {**streamed, **{name: stated.get(name, tables.empty(name)) for name in STATED}}


@dataclass(frozen=True, slots=True)
class _Minutes:
    """Rows of a block, and the end of each minute [UTC ms]."""

    end_ms: I8
    out: Out
    row: I8

    @classmethod
    def of(cls, block: Block) -> _Minutes:
        row: I8 = np.arange(block.minutes, dtype=np.int64)
        return cls(block.start_ms + MINUTE_MS * (row + 1), block.out, row)

    def every(self, step_ms: int) -> _Minutes:
        chosen = self.end_ms % step_ms == 0
        return _Minutes(self.end_ms[chosen], self.out, self.row[chosen])

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        recorded: npt.NDArray[Any] = getattr(self.out, name)[self.row]
        return recorded


def _klines(minutes: _Minutes, feed: FeedState) -> pl.DataFrame:
    scenario, spot = feed.parameters.scenario, minutes["spot"]
    last = {name: traded_price(minutes[name]) for name in ("open", "high", "low", "close")}
    last["volume"] = coins(minutes["volume"])
    last["taker_buy_volume"] = coins(minutes["taker_buy"])
    mark = {name: exact_price(minutes[f"mark_{name}"]) for name in ("open", "high", "low", "close")}
    ohlc = {name: spot[:, i, None] for i, name in enumerate(("open", "high", "low", "close"))}
    # One spot market stands behind all three venues, so it is the index of each.
    index = {name: exact_price(price) for name, price in ohlc.items()}
    traded = {name: traded_price(price) for name, price in ohlc.items()}
    traded["volume"] = coins(minutes["spot_volume"][:, None])
    bars = [
        (PERPETUAL, "last", feed.venues, last),
        (PERPETUAL, "mark", feed.venues, mark),
        (PERPETUAL, "index", feed.venues, index),
        (SPOT, "spot", feed.venues[:1], traded),
    ]
    return pl.concat(
        [
            stamped(
                "klines",
                rows_of(minutes.end_ms, venues, values).with_columns(
                    price_type=pl.lit(price_type), interval_ms=pl.lit(MINUTE_MS, pl.Int64)
                ),
                scenario,
                symbol,
            )
            for symbol, price_type, venues, values in bars
        ]
    ).sort("event_time", maintain_order=True)


def _open_interest(minutes: _Minutes, feed: FeedState) -> pl.DataFrame:
    held = coins(minutes["open_interest"])
    # The sampled venue is the one known from its archive, which shows open interest late.
    late = [rules.feed == "sampled lower bound" for rules in feed.parameters.venues]
    available = minutes.end_ms[:, None] + FIVE_MINUTES_MS * np.array(late, dtype=np.int64)
    values = {
        "open_interest": held,
        "open_interest_usd": held * exact_price(minutes["mark_close"]),
    }
    rows = rows_of(minutes.end_ms, feed.venues, values, available_ms=available)
    return stamped("open_interest", rows, feed.parameters.scenario)


def _funding(minutes: _Minutes, feed: FeedState) -> pl.DataFrame:
    rows = rows_of(minutes.end_ms, feed.venues, {"funding_rate": minutes["funding_rate"]})
    settled = rows.filter(pl.col("funding_rate").is_not_nan()).with_columns(
        kind=pl.lit("settled"), interval_hours=pl.lit(FUNDING_HOURS)
    )
    return stamped("funding", settled, feed.parameters.scenario)


def _long_short_ratio(minutes: _Minutes, feed: FeedState) -> pl.DataFrame:
    values = {"longs": minutes["accounts"][:, :, 0], "shorts": minutes["accounts"][:, :, 1]}
    available = np.broadcast_to(
        minutes.end_ms[:, None] + FIVE_MINUTES_MS, (minutes.end_ms.size, len(feed.venues))
    )
    rows = rows_of(minutes.end_ms, feed.venues, values, available_ms=available)
    # Without a single short there is no ratio, and none is published.
    published = rows.filter(pl.col("shorts") > 0).select(
        "venue",
        "event_time",
        "available_time",
        kind=pl.lit("accounts"),
        interval_ms=pl.lit(FIVE_MINUTES_MS, pl.Int64),
        ratio=pl.col("longs") / pl.col("shorts"),
    )
    return stamped("long_short_ratio", published, feed.parameters.scenario)


def _liquidations(block: Block, feed: FeedState) -> dict[str, pl.DataFrame]:
    start_ms = block.start_ms
    end_ms = start_ms + MINUTE_MS * block.minutes
    known = happened(feed.open_hour, block)
    # An hour that began before the feeds did is never whole.
    first_hour = max(start_ms - start_ms % HOUR_MS, -(-feed.from_ms // HOUR_MS) * HOUR_MS)
    this_hour = end_ms - end_ms % HOUR_MS
    prints, totals = [], []
    for v, rules in enumerate(feed.parameters.venues):
        if rules.feed == "none":
            continue
        own, rows = printed(known, v, rules, throttled=feed.defects.throttled)
        prints.append(rows.filter(pl.Series(own.time_ms >= start_ms, dtype=pl.Boolean)))
        totals.append(hourly_totals(own, rules, first_hour, this_hour))
    feed.open_hour = known.where(known.time_ms >= this_hour)
    scenario = feed.parameters.scenario
    merged, summed = (
        pl.concat(rows).sort("event_time", maintain_order=True) for rows in (prints, totals)
    )
    return {
        "liquidations": stamped("liquidations", merged, scenario),
        "liquidation_totals": stamped("liquidation_totals", summed, scenario),
    }


def _book(minutes: _Minutes, feed: FeedState) -> tuple[I8, list[str], F8x2, F8x2, int]:
    return minutes.end_ms, feed.venues, minutes["depth"], minutes["close"], feed.seed
