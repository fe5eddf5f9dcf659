"""Checks of the market: open interest, funding, spot, liquidity, what is scheduled.

In:  `Situation`.   Out: `Check` values.
Pure: values in, values out; no I/O, no clock, no global state.

Each rests on the same reading or feature as the signals do, by the same threshold.
"""

from __future__ import annotations

import math

import numpy as np

from forcedflow.depth.curve import DepthCurve
from forcedflow.features.feature import RANK_MS
from forcedflow.features.grid import steps
from forcedflow.playbook.check import Check, Tables, input_age_s
from forcedflow.playbook.situation import Situation
from forcedflow.signals.missing import missing_words
from forcedflow.signals.reading import Reading
from forcedflow.signals.spot_confirmation import MOVED_SIGMA
from forcedflow.signals.threshold import EXTREME_WORDS, WINDOW_WORDS, ordinal
from forcedflow.units import SECOND_MS, format_pct, format_usd

TREND = 0.8
"""Change of open interest above this rank rises, below one minus it falls. [1]"""

_BAND = 1.2816
_PRICE: Tables = ("perpetual klines", "mark klines", "open_interest")


def oi_trend(situation: Situation) -> Check:
    """Return how contracts changed over four hours, and whether that is much of late. [%]"""
    features = situation.features
    change, rank = features.last("oi_change_4h"), features.last("oi_change_4h_rank_30d")
    age = input_age_s(situation, "open_interest")
    if math.isnan(change) or math.isnan(rank):
        why = missing_words(features, "open_interest")
        said = "" if math.isnan(change) else f"{format_pct(change)} in 4 h; rank "
        return Check(100 * change, "%", "unknown", said + why, age)
    n = int(np.isfinite(features["oi_change_4h"][-steps(RANK_MS) :]).sum())
    verdict = "flat"
    if rank >= TREND and change > 0:
        verdict = "rising"
    elif rank <= 1 - TREND and change < 0:
        verdict = "falling"
    words = (
        f"{format_pct(change)} of contracts in 4 h, {ordinal(rank)} (n {n:,} moments); rising from "
        f"{100 * TREND:g} %, falling up to {100 * (1 - TREND):.0f} %"
    )
    return Check(100 * change, "%", verdict, words, age)


def funding_bias(situation: Situation) -> Check:
    """Return which side pays much, or has begun to pay and stayed. [% per 8 h]"""
    reading = situation.reading("funding_bias")
    verdict = {"down": "leans long", "up": "leans short"}.get(reading.direction, "ordinary")
    return _of_reading(
        situation, reading, verdict, "funding", value=100 * reading.value, unit="% per 8 h"
    )


def spot_confirmation(situation: Situation) -> Check:
    """Return whether spot goes with the perpetual's move."""
    reading = situation.reading("spot_confirmation")
    if reading.verdict == "on":
        verdict = "not confirmed"
    elif situation.features.last("sideways_4h") < MOVED_SIGMA:
        verdict = "no move"
    else:
        verdict = "not contradicted"
    return _of_reading(situation, reading, verdict, "spot klines", _PRICE)


def volatility_window(situation: Situation) -> Check:
    """Return how long it is until a scheduled event's window opens. [h]"""
    reading = situation.reading("volatility_window")
    verdict = "clear"
    if reading.verdict == "on":
        verdict = "ahead" if reading.value > 0 else "open"
    return _of_reading(situation, reading, verdict, "calendar_events")


def slippage_bps(situation: Situation, order_usd: float) -> float:
    """Return what a market order pays on the worse side; NaN where no depth tells. [bps]

    Parameters
    ----------
    situation : Situation
    order_usd : float
        Positive. [USD]

    Returns
    -------
    float
        Infinite where the depth known does not hold the order.
    """
    if situation.depth is None:
        return math.nan
    return max(_paid_bps(curve, order_usd) for curve in situation.depth)


def liquidity(situation: Situation, order_usd: float) -> Check:
    """Return what an order pays on the worse side, and whether the book is thin. [bps]

    Parameters
    ----------
    situation : Situation
    order_usd : float
        Positive. [USD]
    """
    reading = situation.reading("thin_liquidity")
    compared = reading.why
    if reading.verdict != "unknown":
        compared = f"{reading.why}; thin beyond {EXTREME_WORDS} of the {WINDOW_WORDS}"
    verdict = {"on": "thin", "off": "ordinary"}.get(reading.verdict, "unknown")
    # Bands or, without them, volume decide the verdict; the age is of whichever is the fresher.
    age = input_age_s(situation, ("depth_bands", "perpetual klines"))
    if situation.depth is None:
        reason = situation.reason("depth") or "not asked for"
        words = f"slippage of {format_usd(order_usd)} unknown: {reason}; {compared}"
        return Check(math.nan, "bps", verdict, words, age)
    curve = max(situation.depth, key=lambda side: _paid_bps(side, order_usd))
    at_ms = min(side.at_ms for side in situation.depth)
    age = max(0.0 if math.isnan(age) else age, (situation.at_ms - at_ms) / SECOND_MS)
    bps = slippage_bps(situation, order_usd)
    if math.isinf(bps):
        words = f"the depth known does not hold {format_usd(order_usd)}; {compared}"
        return Check(math.nan, "bps", verdict, words, age)
    measured = "" if curve.measured_to > 0 else "not measured, "
    factor = math.exp(_BAND * curve.log_sd)
    words = (
        f"{format_usd(order_usd)} pays {bps:.2g} bps ({bps / factor:.2g}–{bps * factor:.2g}, 10–90 "
        f"%) going {curve.direction}, {measured}by {curve.source}; {compared}"
    )
    return Check(bps, "bps", verdict, words, age)


def _paid_bps(curve: DepthCurve, order_usd: float) -> float:
    try:
        return 1e4 * math.expm1(curve.slippage(order_usd))
    except ValueError:
        return math.inf  # nothing is known of where the rest of it is filled


def _of_reading(
    situation: Situation,
    reading: Reading,
    verdict: str,
    *tables: Tables,
    value: float | None = None,
    unit: str | None = None,
) -> Check:
    """Return a reading as a line: its own sentence, threshold and unit unless others are stated."""
    age = input_age_s(situation, *tables)
    value, unit = reading.value if value is None else value, unit or reading.unit
    if reading.verdict == "unknown":
        return Check(value, unit, "unknown", reading.why, age)
    return Check(value, unit, verdict, f"{reading.why} ({reading.threshold_words})", age)
