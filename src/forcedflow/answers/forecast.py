"""What ``forecast`` answers: sizes, chances, tomorrow, each with its opponent and its record.

In:  a lake, an instrument, a moment.   Out: plain values for JSON.
Free of any clock.
"""

from __future__ import annotations

from typing import Any

from forcedflow.answers.figures import known
from forcedflow.answers.times import iso_time
from forcedflow.asof.forecast import read_forecast
from forcedflow.forecast.forecast import Chance, Forecast
from forcedflow.forecast.size import LEVELS
from forcedflow.forecast.size_forecast import SizeForecast
from forcedflow.instruments import Instrument
from forcedflow.report.forecast_words import (
    CLAIMS,
    driver_words,
    exceedances,
    headline_words,
    record_words,
)
from forcedflow.store import Lake
from forcedflow.units import DAY_MS, SIDES


def ask(lake: Lake, instrument: Instrument, at_ms: int) -> dict[str, Any]:
    """Return what is told ahead of a market at a moment. [UTC ms]

    Raises
    ------
    NoDataError
        If no model was fitted by then, or nothing is known of the market.
    DamagedFileError
        If the model is not what was written.
    """
    return answer(read_forecast(lake, instrument, at_ms))


def answer(told: Forecast) -> dict[str, Any]:
    """Return a forecast with everything needed to judge it."""
    return {
        "symbol": told.symbol,
        "venue": told.venue,
        "simulated": told.simulated,
        "at": iso_time(told.at_ms),
        "known_to": iso_time(told.known_ms),
        "headline": headline_words(told),
        "chances": [chance_answer(one) for one in told.chances],
        "sizes": _sizes(told),
        "tomorrow": None
        if told.tomorrow is None
        else {
            "day": iso_time(told.tomorrow.day_ms)[:10],
            "probability": known(told.tomorrow.probability),
            "baseline": known(told.tomorrow.baseline),
            "threshold": known(told.tomorrow.threshold),
        },
        "model": {
            "name": told.model,
            "fit_to": iso_time(told.fit_to_ms),
            "fit_age_days": known((told.at_ms - told.fit_to_ms) / DAY_MS),
            "learned_from": list(told.learned_from),
            "is_new_market": told.is_new_market,
            "card": list(told.card),
        },
        "missing": dict(told.reasons),
        "assumptions": {
            "claims": CLAIMS,
            "chances": "of an event's beginning within so many hours; ours where it proved "
            "reliable in the last weeks, else that of the hour of the week",
            "range": "80 %, by fits with a sixth of the weeks left out each",
            "sizes": "quantiles per side, their level and coverage followed from hours that were "
            "over",
            "liquidations_of": told.liquidations_of or None,
        },
        "freshness": {
            "age_s": (told.at_ms - told.known_ms) / 1000,
            "input_age_s": {
                name: None if age is None else age / 1000 for name, age in told.input_age_ms
            },
        },
    }


def chance_answer(one: Chance) -> dict[str, Any]:
    """Return one chance with its baseline, its drivers and its record."""
    record = one.record
    return {
        "event": one.event,
        "event_words": one.event_words,
        "direction": one.direction,
        "horizon_h": one.horizon_h,
        "shown": known(one.shown),
        "shown_is": one.shown_is,
        "probability": known(one.probability),
        "low": known(one.low),
        "high": known(one.high),
        "climatology": known(one.climatology),
        "volatility": known(one.volatility),
        "model": one.model,
        "drivers": [{"family": name, "log_odds": known(odds)} for name, odds in one.drivers],
        "driver_words": driver_words(one),
        "alarm": one.alarm,
        "alarm_thresholds": {"day": known(one.alarm_day), "week": known(one.alarm_week)},
        "standing": {
            "holds": one.standing.holds,
            "why": one.standing.why,
            "days": known(one.standing.days),
            "events": one.standing.events,
            "expected": known(one.standing.expected),
        },
        "record": None
        if record is None
        else {
            "from": iso_time(record.from_ms),
            "to": iso_time(record.to_ms),
            "hours": record.n,
            "events": record.events,
            "event_days": record.days,
            "base_rate": known(record.base_rate),
            "gain_bits_over_climatology": known(record.gain_bits),
            "reliability_slope": known(record.slope),
            "reliability": [
                {"said": known(said), "happened": known(was), "low": known(low), "high": known(top)}
                for said, was, low, top in zip(
                    record.said, record.happened, record.low, record.high, strict=True
                )
            ],
        },
        "record_words": record_words(record, one.probability),
    }


def _sizes(told: Forecast) -> list[dict[str, Any]]:
    baseline = {one.horizon_h: one for one in told.baseline_sizes}
    return [
        {
            "side": side,
            "horizon_h": size.horizon_h,
            "quantiles_usd": _quantiles(size, s),
            "baseline_quantiles_usd": None
            if size.horizon_h not in baseline
            else _quantiles(baseline[size.horizon_h], s),
            "baseline": "volatility and liquidation history",
            "exceedance": [
                {"usd": usd, "probability": known(chance)}
                for usd, chance in exceedances(size, side)
            ],
            "usual_hour_usd": round(size.level_usd),
        }
        for s, side in enumerate(SIDES)
        for size in told.sizes
    ]


def _quantiles(size: SizeForecast, side: int) -> dict[str, int]:
    return {
        f"{level:g}": round(float(value))
        for level, value in zip(LEVELS, size.usd[side], strict=True)
    }
