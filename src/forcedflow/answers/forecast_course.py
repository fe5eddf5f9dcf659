"""What ``forecast/course`` answers: chances and sizes as they were told, hour by hour.

In:  a lake, an instrument, a moment, a span [ms].   Out: plain values for JSON. [1, USD]
Free of any clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from forcedflow.answers.figures import known
from forcedflow.answers.times import iso_time
from forcedflow.asof.forecast_course import ForecastCourse, read_forecast_course
from forcedflow.forecast.labels import DIRECTIONS
from forcedflow.forecast.rows import HORIZONS_H
from forcedflow.forecast.told_course import SHOWN
from forcedflow.forecast.tracking import F8x3
from forcedflow.instruments import Instrument
from forcedflow.store import Lake
from forcedflow.units import F8, HOUR_MS, SIDES


def ask(
    lake: Lake, instrument: Instrument, at_ms: int, span_ms: int, event: str | None = None
) -> dict[str, Any]:
    """Return what was told of a market at every hour of a span.

    Raises
    ------
    NoDataError
        If no model was fitted by then, or none knows the event.
    """
    return answer(read_forecast_course(lake, instrument, at_ms, span_ms, event))


def answer(course: ForecastCourse) -> dict[str, Any]:
    """Return a course with everything needed to judge it; what was not told is null."""
    told = course.told
    return {
        "symbol": course.symbol,
        "venue": course.venue,
        "simulated": course.simulated,
        "at": iso_time(course.at_ms),
        "known_to": iso_time(course.known_ms),
        "event": course.event,
        "event_words": course.event_words,
        "events": list(course.events),
        "step_ms": HOUR_MS,
        "time_ms": told.times_ms.tolist(),
        "chances": [
            {
                "direction": direction,
                "horizon_h": hours,
                "probability": _rounded(told.ours[d, :, h], 6),
                "climatology": _rounded(told.usual[d, :, h], 6),
            }
            for d, direction in enumerate(DIRECTIONS)
            for h, hours in enumerate(HORIZONS_H)
        ],
        "sizes": [
            {
                "side": side,
                "horizon_h": hours,
                "quantiles_usd": _quantiles(told.sizes_usd, hours, s),
                "baseline_quantiles_usd": _quantiles(told.baseline_usd, hours, s),
            }
            for s, side in enumerate(SIDES)
            for hours in told.sizes_usd
        ],
        "models": [
            {
                "name": one.name,
                "fit_to": iso_time(one.fit_to_ms),
                "from": iso_time(one.from_ms),
                "to": iso_time(one.to_ms),
            }
            for one in course.speakers
        ],
        "missing": dict(course.reasons),
        "assumptions": {
            "told_by": "each hour by the newest model that had been fitted before it; a fit says "
            "nothing of hours that it saw",
            "chances": "of the event's beginning within so many hours, beside the usual ones of "
            "the hour of the week",
            "sizes": "quantiles of what is closed by force within so many hours, beside those of "
            "volatility and past liquidations",
        },
        "freshness": {
            "age_s": (course.at_ms - course.known_ms) / 1000,
            "input_age_s": {
                name: None if age is None else age / 1000 for name, age in course.input_age_ms
            },
        },
    }


def _quantiles(by_horizon: Mapping[int, F8x3], hours: int, side: int) -> dict[str, Any] | None:
    usd = by_horizon.get(hours)
    if usd is None:
        return None
    return {f"{level:g}": _rounded(usd[:, side, q], 0) for q, level in enumerate(SHOWN)}


def _rounded(values: F8, places: int) -> list[float | None]:
    return [known(value) for value in np.round(values, places).tolist()]
