"""What ``series`` answers: candles, open interest, funding, liquidations and flows over time.

In:  a lake, an instrument, a moment, a span and a step [ms].   Out: columns for JSON.
Free of any clock. Only rows known by the moment; a bar's time is its end.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import polars as pl

from forcedflow.answers.times import iso_time
from forcedflow.asof.market import read_liquidations
from forcedflow.errors import NoDataError, UsageError
from forcedflow.instruments import Instrument
from forcedflow.store import Lake
from forcedflow.tables import is_simulated
from forcedflow.units import DAY_MS, HOUR_MS, MINUTE_MS

MOST_POINTS = 5_000
"""A series has at most so many points; the step is made longer to keep it."""

LONGEST_MS = 2 * 366 * DAY_MS

_STEPS_MS = (
    *(step * MINUTE_MS for step in (1, 5, 15, 30)),
    *(step * HOUR_MS for step in (1, 2, 4, 6, 12)),
    DAY_MS,
)

Columns: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Window:
    """Which rows are asked for.

    Parameters
    ----------
    lake : Lake
    instrument : Instrument
    at_ms, from_ms : int
        The moment, and the first event time. [UTC ms]
    step_ms : int
        [ms]
    """

    lake: Lake
    instrument: Instrument
    at_ms: int
    from_ms: int
    step_ms: int

    def rows(self, table: str, *, spot: bool = False) -> pl.DataFrame:
        """Return the rows of a table known by the moment, of the coin's spot pair if asked."""
        own = self.instrument
        symbol = f"{own.base}/{own.quote}" if spot else own.symbol
        return self.lake.read(
            table,
            venue=own.venue,
            symbol=symbol,
            start_ms=self.from_ms,
            end_ms=self.at_ms + 1,
            available_by_ms=self.at_ms,
        )


def ask(
    lake: Lake,
    instrument: Instrument,
    at_ms: int,
    *,
    span_ms: int,
    step_ms: int = 5 * MINUTE_MS,
    names: Sequence[str] = (),
) -> dict[str, Any]:
    """Return series of a span before a moment.

    Parameters
    ----------
    lake : Lake
    instrument : Instrument
    at_ms : int
        The moment. [UTC ms]
    span_ms : int
        [ms]
    step_ms : int
        Made longer where the span holds more than `MOST_POINTS` of them. [ms]
    names : sequence of str
        Of `NAMES`; all by default.

    Raises
    ------
    UsageError
        If a series is not known, or span or step is out of its range.
    NoDataError
        If not one of the series is held.
    """
    chosen = tuple(names) or NAMES
    check(chosen, span_ms, step_ms)
    step_ms = fit_step(span_ms, step_ms)
    window = Window(lake, instrument, at_ms, at_ms - span_ms, step_ms)
    series: dict[str, Columns] = {}
    missing: dict[str, str] = {}
    simulated = False
    for name in chosen:
        try:
            columns, sources = _SERIES[name](window)
        except NoDataError as error:
            missing[name] = str(error)
            continue
        series[name] = columns
        simulated = simulated or any(is_simulated(source) for source in sources)
    if not series:
        raise NoDataError(
            f"no series of {instrument.venue} {instrument.symbol} is held between "
            f"{iso_time(window.from_ms)} and {iso_time(at_ms)}\n"
            f"hint: forcedflow fetch {instrument.venue} {instrument.base} --from TIME"
        )
    ages = {name: (at_ms - columns["time_ms"][-1]) / 1000 for name, columns in series.items()}
    return {
        "symbol": instrument.symbol,
        "venue": instrument.venue,
        "simulated": simulated,
        "at": iso_time(at_ms),
        "from": iso_time(window.from_ms),
        "step_ms": step_ms,
        "series": series,
        "missing": missing,
        "assumptions": {
            "time_ms": "end of the bar; a sum or a last value of the step before it",
            "open_interest": "one-sided, the last of each step",
            "liquidations": "side of the position; completeness as the feed states it",
            "cvd": "bought minus sold by takers, summed from the start of the span",
        },
        "freshness": {"age_s": min(ages.values()), "input_age_s": ages},
    }


def check(names: Sequence[str], span_ms: int, step_ms: int) -> None:
    """Refuse what cannot be answered before anything is read.

    Raises
    ------
    UsageError
        If a series is not known, or span or step is out of its range.
    """
    for name in names:
        if name not in _SERIES:
            raise UsageError(f"{name!r} is no series\nhint: one of {', '.join(NAMES)}")
    if span_ms > LONGEST_MS:
        raise UsageError("a span of series is two years at most")
    if step_ms < MINUTE_MS or step_ms % MINUTE_MS or step_ms > DAY_MS:
        raise UsageError("a step is whole minutes, up to a day\nhint: 5m")


def fit_step(span_ms: int, step_ms: int) -> int:
    """Return the step, or the shortest longer one that keeps a span within `MOST_POINTS`. [ms]"""
    if span_ms <= step_ms * MOST_POINTS:
        return step_ms
    return next(step for step in _STEPS_MS if step > step_ms and span_ms <= step * MOST_POINTS)


def _candles(window: Window) -> tuple[Columns, list[str]]:
    bars, price_type = _best_bars(window, ("last", "mark", "spot"))
    found = _joined(bars, window).agg(
        pl.col("open").first(),
        pl.col("high").max(),
        pl.col("low").min(),
        pl.col("close").last(),
        # One bar of unknown volume makes the sum unknown.
        pl.when(pl.col("volume").null_count() == 0).then(pl.col("volume").sum()).alias("volume"),
    )
    head = {"unit": "quote per base", "price_type": price_type}
    return head | _to_columns(found), _sources(bars)


def _open_interest(window: Window) -> tuple[Columns, list[str]]:
    rows = _held(window.rows("open_interest"), "open interest")
    found = _joined(rows, window).agg(
        pl.col("open_interest").last(), pl.col("open_interest_usd").last()
    )
    return {"unit": "base coins"} | _to_columns(found), _sources(rows)


def _funding(window: Window) -> tuple[Columns, list[str]]:
    rows = window.rows("funding")
    settled = rows.filter(pl.col("kind") == "settled")
    rows = _held(settled if settled.height else rows, "funding")
    found = rows.select(
        pl.col("event_time").dt.epoch("ms").alias("time_ms"), "funding_rate", "interval_hours"
    ).tail(MOST_POINTS)
    kind = "settled" if settled.height else "predicted"
    return {"unit": "1 per interval", "kind": kind} | _to_columns(found), _sources(rows)


def _liquidations(window: Window) -> tuple[Columns, list[str]]:
    # The longest series of the coin: where the venue prints none, a sum over venues that says so.
    rows, of = read_liquidations(window.lake, window.instrument, window.from_ms, window.at_ms)
    if "interval_ms" in rows.columns:
        rows = _one_interval(rows)
    usd = pl.col("notional_usd")
    found = _joined(rows, window).agg(
        usd.filter(pl.col("side") == "long").sum().alias("long_usd"),
        usd.filter(pl.col("side") == "short").sum().alias("short_usd"),
    )
    stated = rows["completeness"].unique(maintain_order=True).to_list()
    head = {
        "unit": "USD",
        "of": of,
        "completeness": ", then ".join(stated),
    }
    return head | _to_columns(found), _sources(rows)


def _cvd(window: Window) -> tuple[Columns, list[str]]:
    return _flow(window, spot=False)


def _cvd_spot(window: Window) -> tuple[Columns, list[str]]:
    return _flow(window, spot=True)


def _flow(window: Window, *, spot: bool) -> tuple[Columns, list[str]]:
    bars, _ = _best_bars(window, ("spot",) if spot else ("last",), spot=spot)
    bars = bars.filter(pl.col("taker_buy_volume").is_not_null() & pl.col("volume").is_not_null())
    if bars.is_empty():
        raise NoDataError("no bars with taker volume are held")
    delta = (2 * pl.col("taker_buy_volume") - pl.col("volume")).sum().alias("delta")
    found = _joined(bars, window).agg(delta)
    found = found.with_columns(pl.col("delta").cum_sum().alias("cvd"))
    return {"unit": "base coins"} | _to_columns(found), _sources(bars)


def _long_short_ratio(window: Window) -> tuple[Columns, list[str]]:
    rows = _held(window.rows("long_short_ratio"), "long/short ratio")
    kinds = rows["kind"].unique().sort().to_list()
    kind = "accounts" if "accounts" in kinds else kinds[0]
    rows = _one_interval(rows.filter(pl.col("kind") == kind))
    found = _joined(rows, window).agg(pl.col("ratio").last())
    return {"unit": "1", "kind": kind} | _to_columns(found), _sources(rows)


def _basis(window: Window) -> tuple[Columns, list[str]]:
    """Return how far the perpetual is above what it follows: mark over index, or last over spot."""
    for own, other, spot in (("mark", "index", False), ("last", "spot", True)):
        try:
            perpetual, _ = _best_bars(window, (own,))
            followed, _ = _best_bars(window, (other,), spot=spot)
        except NoDataError:
            continue
        close = pl.col("close").last()
        found = (
            _joined(perpetual, window)
            .agg(close)
            .join(_joined(followed, window).agg(close.alias("followed")), on="time_ms")
            .sort("time_ms")
            .select("time_ms", (pl.col("close") / pl.col("followed") - 1).alias("basis"))
        )
        if found.height:
            head = {"unit": "1", "of": f"{own} over {other}"}
            return head | _to_columns(found), _sources(perpetual) + _sources(followed)
    raise NoDataError("neither index bars nor bars of the spot pair are held")


_SERIES: dict[str, Callable[[Window], tuple[Columns, list[str]]]] = {
    "candles": _candles,
    "open_interest": _open_interest,
    "funding": _funding,
    "liquidations": _liquidations,
    "cvd": _cvd,
    "cvd_spot": _cvd_spot,
    "long_short_ratio": _long_short_ratio,
    "basis": _basis,
}

NAMES = tuple(_SERIES)
"""Series that can be asked for."""


def _best_bars(
    window: Window, price_types: Sequence[str], *, spot: bool = False
) -> tuple[pl.DataFrame, str]:
    """Return the bars of the first price type that is held, of one interval."""
    klines = window.rows("klines", spot=spot)
    for price_type in price_types:
        bars = klines.filter(pl.col("price_type") == price_type)
        if bars.height:
            return _one_interval(bars), price_type
    raise NoDataError(f"no {' or '.join(price_types)} bars are held")


def _one_interval(rows: pl.DataFrame) -> pl.DataFrame:
    """Keep the interval that covers most time, the finer of equals: bars must not overlap."""
    covered = (
        rows.group_by("interval_ms")
        .agg((pl.len() * pl.col("interval_ms").first()).alias("covered"))
        .sort(["covered", "interval_ms"], descending=[True, False])
    )
    return rows.filter(pl.col("interval_ms") == covered["interval_ms"][0])


def _held(rows: pl.DataFrame, words: str) -> pl.DataFrame:
    if rows.is_empty():
        raise NoDataError(f"no {words} is held in this span")
    return rows


def _joined(rows: pl.DataFrame, window: Window) -> pl.dataframe.group_by.GroupBy:
    """Group rows by the end of the step that they fall into, in the order of time."""
    step = window.step_ms
    if "interval_ms" in rows.columns:
        step = math.lcm(step, int(rows["interval_ms"][0]))
    # A row that falls exactly on a border belongs to the step that ends there.
    end = -(-pl.col("event_time").dt.epoch("ms") // step) * step
    return (
        rows.sort("event_time", maintain_order=True)
        .with_columns(end.alias("time_ms"))
        .group_by("time_ms", maintain_order=True)
    )


def _to_columns(found: pl.DataFrame) -> Columns:
    def plain(value: float | None) -> float | None:
        return value if value is None or math.isfinite(value) else None

    return {name: [plain(value) for value in found[name].to_list()] for name in found.columns}


def _sources(rows: pl.DataFrame) -> list[str]:
    return rows["source"].unique().to_list()
