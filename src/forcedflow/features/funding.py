"""Funding: what one side pays the other, and for how long it has.

In:  `FeatureInputs`, moments. [UTC ms]   Out: columns; positive means longs pay. [1, h]
Pure: frames in, NumPy out; no I/O, no clock, no global state.
"""

from __future__ import annotations

import numpy as np

from forcedflow.features.feature import FUNDING_AGE_MS, KLINE_AGE_MS, RANK_MS, Feature
from forcedflow.features.grid import (
    newest_known,
    newest_of,
    steps,
    trailing_count,
    trailing_mean,
    trailing_rank,
)
from forcedflow.features.inputs import FeatureInputs
from forcedflow.features.table import STEP_MS
from forcedflow.units import DAY_MS, F8, HOUR_MS, I8

_NORMAL_HOURS = 8.0
# A venue that does not repeat its interval with every rate still has the one it last stated.
_INTERVAL_AGE_MS = 30 * DAY_MS

LONGEST_HOURS = 720.0
"""Durations are counted no further than this. [h]"""

STAYED_MS = DAY_MS
"""A change of sign counts once the new sign has stayed this long. [ms]"""


def _feature(name: str, unit: str, doc: str, window_ms: int) -> Feature:
    return Feature(name, unit, doc, window_ms, ("funding",), FUNDING_AGE_MS, "funding")


FEATURES = (
    _feature(
        "funding_8h",
        "1 per 8 h",
        "Settled rate in force, else the venue's running estimate, scaled to 8 h; + longs pay.",
        0,
    ),
    _feature(
        "funding_mean_3d", "1 per 8 h", "Mean of funding_8h over the last 3 days.", 3 * DAY_MS
    ),
    _feature("funding_rank_30d", "1", "Rank of funding_8h among the last 30 days.", RANK_MS),
    _feature(
        "funding_same_sign_hours",
        "h",
        "Hours for which funding_8h has had its sign, times the sign; at most 720.",
        RANK_MS,
    ),
    _feature(
        "funding_flip_hours",
        "h",
        "Hours since the newest change of sign that stayed for 24 h or more; at most 720.",
        RANK_MS,
    ),
)


def rate(inputs: FeatureInputs, times_ms: I8) -> F8:
    """Return the funding rate at every moment, scaled to eight hours. [1 per 8 h]

    A rate whose interval nobody stated within thirty days is unknown.
    """
    rows = inputs.rows("funding")
    stated = newest_known(rows, "interval_hours", times_ms, _INTERVAL_AGE_MS).value
    found = np.full(times_ms.size, np.nan)
    for kind, max_age in (("settled", FUNDING_AGE_MS), ("predicted", KLINE_AGE_MS)):
        own = rows.chosen(rows.says("kind", kind))
        newest = newest_known(own, "funding_rate", times_ms, max_age).value
        told = np.nan_to_num(own["interval_hours"])
        hours = newest_of(own.event_ms, own.known_ms, told, times_ms, max_age).value
        scaled = newest * _NORMAL_HOURS / np.where(hours > 0, hours, stated)
        found = np.where(np.isnan(found), scaled, found)
    return found


def compute(inputs: FeatureInputs, times_ms: I8) -> dict[str, F8]:
    """Return the family's columns, shape (n,) each."""
    columns = lately(inputs, times_ms)
    funding = columns["funding_8h"]
    return {**columns, "funding_rank_30d": trailing_rank(funding), **runs(funding)}


def lately(inputs: FeatureInputs, times_ms: I8) -> dict[str, F8]:
    """Return the columns that look back no further than three days, shape (n,) each."""
    funding = rate(inputs, times_ms)
    return {
        "funding_8h": funding,
        "funding_mean_3d": trailing_mean(funding, steps(3 * DAY_MS)),
    }


def runs(funding: F8) -> dict[str, F8]:
    """Return for how long the rate has had its sign, and since when it changed, shape (n,). [h]"""
    length = _run_length(np.sign(funding))
    return {
        "funding_same_sign_hours": np.sign(funding)
        * np.minimum(length * (STEP_MS / HOUR_MS), LONGEST_HOURS),
        "funding_flip_hours": _since_flip(np.sign(funding), length),
    }


def _run_length(sign: F8) -> F8:
    """Count the steps for which the sign has been what it is, from 0."""
    here = np.arange(sign.size)
    begins = np.diff(sign, prepend=np.nan) != 0  # true beside NaN, too
    began = np.maximum.accumulate(np.where(begins, here, 0))
    return np.where(np.isnan(sign), np.nan, (here - began).astype(np.float64))


def _since_flip(sign: F8, length: F8) -> F8:
    here = np.arange(sign.size)
    stayed = steps(STAYED_MS)
    # A run that follows the unknown began we know not when.
    flips = (length == 0) & ~np.isnan(np.concatenate([[np.nan], sign[:-1]]))
    began = here - np.nan_to_num(length).astype(np.int64)
    confirmed = (length == stayed) & flips[began]
    newest = np.maximum.accumulate(np.where(confirmed, began, -1))
    hours = np.where(newest >= 0, (here - newest) * (STEP_MS / HOUR_MS), np.inf)
    whole_window = trailing_count(sign, steps(RANK_MS)) == steps(RANK_MS)
    within = np.where(hours < LONGEST_HOURS, hours, np.where(whole_window, LONGEST_HOURS, np.nan))
    return np.where(np.isnan(sign), np.nan, within)
