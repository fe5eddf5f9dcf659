"""``forcedflow scorecard second-leg``: what plans after an impulse came to, costs included.

In:  instruments and a span, or with ``--trial`` nothing but a seed.   Out: rows, several together;
     of recorded markets the record that pages quote, beside the lake's tables.
Heavy imports live inside the functions.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from forcedflow.cli.options import parse_time
from forcedflow.cli.scorecard import record_inputs, report_progress
from forcedflow.errors import NoDataError, UsageError

if TYPE_CHECKING:
    import polars as pl

    from forcedflow.evaluate.scorecard import Row
    from forcedflow.evaluate.second_leg_card import Scope
    from forcedflow.evaluate.second_leg_trial import DepthOf, LegTrial
    from forcedflow.instruments import Instrument
    from forcedflow.liquidation_map import Market
    from forcedflow.playbook.price_series import PriceSeries
    from forcedflow.store import Lake

SENSITIVITY = (3.0, 5.0)
"""Impulses a quarter smaller and larger than the stated four deviations, scored as well. [σ]"""

SEEDS, TRADERS, DAYS = (1, 2, 3), 20_000, 60
"""Simulated markets of a trial."""

_HISTORY_DAYS = 14
_UNTOLD = "prior mixture, nothing fitted; thresholds of the days before"


@dataclass(frozen=True, slots=True)
class Traded:
    """When plans are stated. [UTC ms]"""

    from_ms: int
    to_ms: int

    @property
    def note(self) -> str:
        """Return what the rows are, in words."""
        return (
            f"Every plan stated, unfilled ones as 0, the bar of the entry included, {_UNTOLD}; "
            "a taker's 5 bps each way and the slippage of the size named. Educational, not advice."
        )

    @staticmethod
    def of(from_: str | None, to: str | None) -> Traded:
        """Return the span as a person stated it.

        Raises
        ------
        UsageError
            If it has no beginning or no end, or ends before it begins.
        """
        if from_ is None or to is None:
            raise UsageError(
                "the scored span needs a beginning and an end\n"
                "hint: --from 2025-12-08 --to 2026-03-15, or --trial"
            )
        from_ms, to_ms = parse_time(from_), parse_time(to)
        if from_ms >= to_ms:
            raise UsageError("the scored span must end after it begins\nhint: --to 2026-03-15")
        return Traded(from_ms, to_ms)


TRIAL_NOTE = (
    "SIMULATED: one-minute bars of simulated markets, their own depth bands; every plan stated, "
    f"unfilled ones as 0, {_UNTOLD}; a taker's 5 bps each way and slippage."
)


def score(
    held: Lake | None,
    instruments: list[Instrument],
    from_: str | None,
    to: str | None,
    data: dict[str, Any],
) -> tuple[list[Row], str]:
    """Return rows and what they are in words, of simulated markets where there is no lake.

    Raises
    ------
    UsageError
        If a span is stated for simulated markets, or none for recorded ones.
    """
    if held is None:
        if from_ is not None or to is not None:
            raise UsageError(
                "the simulated trial has its own days\nhint: leave out --from and --to"
            )
        return trial_rows(data), TRIAL_NOTE
    span = Traded.of(from_, to)
    return score_second_legs(held, instruments, span, data), span.note


def score_second_legs(
    held: Lake, instruments: list[Instrument], span: Traded, data: dict[str, Any]
) -> list[Row]:
    """Return rows of every symbol, and of all together; what they rest on goes into ``data``."""
    markets: list[_Read] = []
    for instrument in instruments:
        report_progress(f"{instrument.venue} {instrument.symbol}")
        try:
            markets.append(_read(held, instrument, span, data))
        except NoDataError as error:
            _record_missing(data, instrument.symbol, error)
    stated = [market.hold() for market in markets]
    rows = _rows(markets, stated, data)
    if markets:
        from forcedflow.cli.scorecard_records import keep_legs

        keep_legs(
            held,
            [trial.past for trial in stated],
            markets[0].scope.venue,
            [market.scope.symbol for market in markets],
            span.from_ms,
            span.to_ms,
            data,
        )
    return rows


def trial_rows(data: dict[str, Any]) -> list[Row]:
    """Return rows of simulated markets."""
    from forcedflow.evaluate.cascade_trial import SCENARIOS, markets_of, record_market
    from forcedflow.evaluate.second_leg_card import Scope
    from forcedflow.playbook.price_series import series_of_market
    from forcedflow.units import DAY_MS

    markets = []
    data["simulated"].append("SIM/USDT:USDT")
    data["trial"] = {
        "scenarios": list(SCENARIOS),
        "seeds": list(SEEDS),
        "traders": TRADERS,
        "days": DAYS,
    }
    for scenario in SCENARIOS:
        for seed in SEEDS:
            report_progress(f"{scenario}, seed {seed}")
            recorded = record_market(scenario, seed, TRADERS, DAYS)
            market = markets_of(recorded)[0]
            rows = recorded.rows[market.instrument.venue]
            series = series_of_market(market, rows["liquidation_totals"])
            from_ms = int(series.event_ms[0]) + _HISTORY_DAYS * DAY_MS
            scope = Scope("SIM/USDT:USDT", market.instrument.venue, tuple(rows))
            depth_of = _depth_of(rows["depth_bands"], rows["klines"])
            markets.append(_Read(scope, market, series, depth_of, from_ms))
    return _rows(markets, [market.hold() for market in markets], data)


@dataclass(frozen=True, slots=True)
class _Read:
    """One instrument, read once and tried under several rules."""

    scope: Scope
    market: Market
    series: PriceSeries
    depth_of: DepthOf
    from_ms: int

    def hold(self, impulse_sigma: float | None = None) -> LegTrial:
        from forcedflow.evaluate.second_leg_trial import hold_trial
        from forcedflow.playbook.ignition import BARS

        rule = BARS if impulse_sigma is None else replace(BARS, impulse_sigma=impulse_sigma)
        return hold_trial(self.market, self.series, self.depth_of, self.from_ms, ignition=rule)


def _rows(markets: list[_Read], stated: list[LegTrial], data: dict[str, Any]) -> list[Row]:
    from forcedflow.evaluate.second_leg_card import second_leg_rows

    groups: list[tuple[Scope, list[LegTrial]]] = []
    if len({market.scope.symbol for market in markets}) == len(markets):
        groups = [(market.scope, [trial]) for market, trial in zip(markets, stated, strict=True)]
    if len(markets) > 1:
        symbols = {market.scope.symbol for market in markets}
        pooled = replace(markets[0].scope, symbol="pooled" if len(symbols) > 1 else symbols.pop())
        groups.append((pooled, stated))
        groups += [
            (
                replace(pooled, part=f"impulse of {sigma:g} σ"),
                [market.hold(sigma) for market in markets],
            )
            for sigma in SENSITIVITY
        ]
    rows: list[Row] = []
    for scope, trials in groups:
        try:
            rows += second_leg_rows(trials, scope)
        except NoDataError as error:
            _record_missing(data, scope.symbol, error)
    return rows


def _read(held: Lake, instrument: Instrument, span: Traded, data: dict[str, Any]) -> _Read:
    from forcedflow.asof import read_market
    from forcedflow.evaluate.second_leg_card import Scope
    from forcedflow.playbook.price_series import series_of_market

    market = read_market(held, instrument, span.to_ms)
    series = series_of_market(market)
    if not series.size:
        raise NoDataError("no mark price of five minutes or finer\nhint: forcedflow coverage")
    bands = held.read(
        "depth_bands",
        venue=instrument.venue,
        symbol=instrument.symbol,
        start_ms=span.from_ms,
        available_by_ms=span.to_ms,
    )
    frames = {
        "open_interest": market.open_interest,
        "mark_klines": market.mark_klines,
        "trade_klines": market.trade_klines,
        "funding": market.funding,
        "depth_bands": bands,
    }
    record_inputs(data, instrument.symbol, frames, simulated=market.simulated)
    used = tuple(name for name, frame in frames.items() if not frame.is_empty())
    scope = Scope(instrument.symbol, instrument.venue, used)
    return _Read(scope, market, series, _depth_of(bands, market.trade_klines), span.from_ms)


def _depth_of(bands: pl.DataFrame, klines: pl.DataFrame) -> DepthOf:
    """Depth as known at the last full hour: from bands where fresh, else a day's volume."""
    import numpy as np

    from forcedflow import tables
    from forcedflow.depth.source import VOLUME_FRESH_MS, choose_depth
    from forcedflow.units import DAY_MS, HOUR_MS

    bands = bands.sort("available_time", "event_time", "distance_pct")
    klines = klines.sort("available_time", "event_time")
    bands_ms, klines_ms = (
        frame["available_time"].dt.epoch("ms").to_numpy() for frame in (bands, klines)
    )
    book = tables.empty("order_book")

    @cache
    def at_hour(hour_ms: int) -> Any:
        def known(frame: pl.DataFrame, at: Any, span_ms: int) -> pl.DataFrame:
            first, stop = np.searchsorted(at, [hour_ms - span_ms, hour_ms], side="right")
            return frame[int(first) : int(stop)]

        try:
            return choose_depth(
                book,
                known(bands, bands_ms, DAY_MS),
                known(klines, klines_ms, VOLUME_FRESH_MS + DAY_MS),
                hour_ms,
            )
        except NoDataError:
            return None

    return lambda at_ms: at_hour(at_ms // HOUR_MS * HOUR_MS)


def _record_missing(data: dict[str, Any], symbol: str, error: NoDataError) -> None:
    data["missing"].append({"symbol": symbol, "why": str(error).split("\n")[0]})
