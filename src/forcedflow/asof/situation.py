"""The situation as of a moment: everything the playbook reads, and why the rest could not be had.

In:  a lake, an instrument, a moment. [UTC ms]   Out: `Situation`.
Reads the lake; nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from forcedflow.asof.features import read_liquidation_totals
from forcedflow.asof.forecast import read_with_forecast
from forcedflow.asof.lent_market import find_lender
from forcedflow.asof.market import newest_trained, read_depth, read_market
from forcedflow.asof.past_prices import read_past_prices
from forcedflow.asof.records import read_leg_record, read_regime_record
from forcedflow.cascade.cascade import Cascade
from forcedflow.cascade.montecarlo import SCENARIOS
from forcedflow.cascade.record_bound import PastPrices
from forcedflow.depth.curve import DepthCurve
from forcedflow.errors import NoDataError, UsageError
from forcedflow.features.table import STEP_MS, FeatureTable
from forcedflow.forecast.forecast import Forecast
from forcedflow.instruments import Instrument, parse_symbol
from forcedflow.liquidation_map import LiquidationMap
from forcedflow.pipeline import build_cascade, build_map
from forcedflow.playbook.borrowed import LEAST_HISTORY_MS, history_ms, lend
from forcedflow.playbook.situation import Situation
from forcedflow.positions.trained import TrainedMixture
from forcedflow.signals.registry import read_signals
from forcedflow.store import Lake
from forcedflow.units import format_age, format_usd

SEED = 1
"""Of the scenarios, as in the ``cascade`` command."""


def read_situation(
    lake: Lake,
    instrument: Instrument,
    at_ms: int,
    *,
    trained: TrainedMixture | None = None,
    scenarios: int = SCENARIOS,
    order_usd: float | None = None,
    with_cascade: bool = True,
    signal_records: Mapping[str, str] | None = None,
) -> Situation:
    """Return everything known of an instrument at a moment.

    Parameters
    ----------
    lake : Lake
    instrument : Instrument
    at_ms : int
        Rows known by then. [UTC ms]
    trained : TrainedMixture, optional
        Learned weights of the map, also of another venue; the stated prior without. The features'
        map columns are the prior's either way: weights trained last week cannot say what was large
        last month.
    scenarios : int
        Of the cascade.
    order_usd : float, optional
        Size that slippage will be asked of; where the depth known does not hold it, the reason
        ``order`` says so. [USD]
    with_cascade : bool
        Walk the chains both ways, which takes most of the time.
    signal_records : mapping of str to str, optional
        What each signal was worth, in words, which its reading quotes.

    Returns
    -------
    Situation
        What could not be had is missing and has a reason: ``history`` (the ladder is borrowed),
        ``features``, ``depth``, ``order``, ``cascade``, ``forecast``.

    Raises
    ------
    NoDataError
        If no open interest of the instrument was known by then; or too little of it, and no other
        venue has a history of the coin.
    DamagedFileError
        If a record that comes into question is damaged.
    """
    mapped, reasons = _read_map(lake, instrument, at_ms, trained)
    features, forecast = _read_features(lake, instrument, mapped, reasons)
    depth = _read_depth(lake, instrument, at_ms, reasons)
    if depth is not None and order_usd is not None:
        _check_order(depth, order_usd, reasons)
    past = None
    if with_cascade:
        past = read_past_prices(lake, instrument, at_ms)
    else:
        reasons["cascade"] = "not asked for"
    return Situation(
        mapped=mapped,
        zones=tuple(mapped.zones()),
        features=features,
        readings=read_signals(features, signal_records),
        cascade=_walk(mapped, depth, scenarios, past, reasons) if with_cascade else None,
        depth=depth,
        reasons=tuple(reasons.items()),
        liquidations=_read_liquidations(lake, instrument, mapped),
        leg_record=read_leg_record(lake, instrument, at_ms),
        regime_record=read_regime_record(lake, instrument, at_ms),
        forecast=forecast,
    )


def lent_trained(lake: Lake, instrument: Instrument, at_ms: int) -> TrainedMixture | None:
    """Return the newest weights trained by a moment: an instrument's own, else its coin's.

    Parameters
    ----------
    lake : Lake
    instrument : Instrument
    at_ms : int
        [UTC ms]

    Returns
    -------
    TrainedMixture or None
        Of other venues' linear perpetuals the weights whose fit ended last.
    """
    own = newest_trained(lake, instrument, at_ms)
    if own is not None:
        return own
    found = [newest_trained(lake, other, at_ms) for other in _same_coin(lake, instrument)]
    return max(
        (trained for trained in found if trained is not None),
        key=lambda trained: trained.fit_to_ms,
        default=None,
    )


def _read_map(
    lake: Lake, instrument: Instrument, at_ms: int, trained: TrainedMixture | None
) -> tuple[LiquidationMap, dict[str, str]]:
    """Return the instrument's own map; where its history is too short, a borrowed one."""
    market = read_market(lake, instrument, at_ms)
    reasons: dict[str, str] = {}
    held_ms = history_ms(market)
    if held_ms < LEAST_HISTORY_MS:
        lender = find_lender(lake, instrument, at_ms)
        if lender is not None:
            market = lend(lender, market)
            span = f"open interest of {format_age(held_ms)}" if held_ms else "one open interest"
            reasons["history"] = f"{span} is held; ladder borrowed from {market.lent_by}"
    return build_map(market, trained=trained), reasons


def _same_coin(lake: Lake, instrument: Instrument) -> list[Instrument]:
    """Return other venues' linear perpetuals of the coin that the lake holds anything of."""
    found: dict[tuple[str, str], Instrument] = {}
    for _, venue, symbol in sorted(lake.series()):
        if venue == instrument.venue or ":" not in symbol:
            continue
        try:
            other = parse_symbol(symbol, venue)
        except UsageError:
            continue  # no contract of its own, such as a basket
        if other.base == instrument.base and other.kind == "linear":
            found[venue, symbol] = other
    return list(found.values())


def _read_features(
    lake: Lake, instrument: Instrument, mapped: LiquidationMap, reasons: dict[str, str]
) -> tuple[FeatureTable, Forecast | None]:
    at_ms = mapped.market.at_ms
    try:
        table, forecast, reason = read_with_forecast(lake, instrument, at_ms)
    except NoDataError as error:
        reasons["features"] = _first_line(error)
    else:
        if reason:
            reasons["forecast"] = reason
        return table, forecast
    nothing = FeatureTable(
        times_ms=np.array([at_ms // STEP_MS * STEP_MS], dtype=np.int64),
        columns={},
        input_age_ms={},
        simulated=mapped.simulated,
        labels={},
    )
    return nothing, None


def _read_liquidations(
    lake: Lake, instrument: Instrument, mapped: LiquidationMap
) -> pl.DataFrame | None:
    """Return totals over the history that impulses are found in; None where none is held."""
    market = mapped.market
    first_ms = int(market.open_interest["event_time"].dt.epoch("ms")[0])
    rows = read_liquidation_totals(lake, instrument, first_ms, market.at_ms)
    return None if rows.is_empty() else rows


def _read_depth(
    lake: Lake, instrument: Instrument, at_ms: int, reasons: dict[str, str]
) -> tuple[DepthCurve, DepthCurve] | None:
    try:
        return read_depth(lake, instrument, at_ms)
    except NoDataError as error:
        reasons["depth"] = _first_line(error)
        return None


def _check_order(
    depth: tuple[DepthCurve, DepthCurve], order_usd: float, reasons: dict[str, str]
) -> None:
    for curve in depth:
        try:
            curve.slippage(order_usd)
        except ValueError as error:
            reasons["order"] = f"{format_usd(order_usd)} {curve.direction}: {error}"


def _walk(
    mapped: LiquidationMap,
    depth: tuple[DepthCurve, DepthCurve] | None,
    scenarios: int,
    past: PastPrices | None,
    reasons: dict[str, str],
) -> Cascade | None:
    if depth is None:
        reasons["cascade"] = "no depth is known"
        return None
    try:
        return build_cascade([mapped], [depth], seed=SEED, scenarios=scenarios, past=past)
    except NoDataError as error:
        reasons["cascade"] = _first_line(error)
        return None


def _first_line(error: NoDataError) -> str:
    # The line after it is a hint for a command that failed, which this one did not.
    return str(error).split("\n", maxsplit=1)[0]
