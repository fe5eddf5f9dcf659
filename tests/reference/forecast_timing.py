"""Event timing written slowly: labels by walking every moment, and markets whose truth is known."""

from __future__ import annotations

import math

import numpy as np

from forcedflow.features.table import STEP_MS, FeatureTable
from forcedflow.forecast.course import Course, Sample
from forcedflow.forecast.labels import STRETCHES_H, Labels
from forcedflow.forecast.rows import Rows
from forcedflow.units import HOUR_MS

START_MS = 1_767_225_600_000
AHEAD_MS = 25 * HOUR_MS


def hazard_labels(first, sign, running, known, at, way):
    """Return labels of one moment, table indices in: None where there is none."""
    per_hour = HOUR_MS // STEP_MS
    found = []
    began = [f for f, s in zip(first, sign, strict=True) if s == way and f > at]
    following = min(began, default=None)
    for begin, end in STRETCHES_H:
        low, high = at + begin * per_hour, at + end * per_hour
        whole = high < len(known)
        seen = sum(known[at + 1 : high + 1]) if whole else 0
        if (
            running[at]
            or not whole
            or seen < 0.9 * (high - at)
            or (following is not None and following <= low)
        ):
            found.append(None)
        else:
            found.append(1.0 if following is not None and following <= high else 0.0)
    return found


def probability(hazards):
    """Return the probability by the end of each stretch: one minus surviving them all."""
    found, survived = [], 1.0
    for hazard in hazards:
        survived *= 1.0 - hazard
        found.append(1.0 - survived)
    return found


def market(seed, *, days=120, effect=1.5, rate=0.01, symbol="ONE/USDT:USDT", start_ms=START_MS):
    """Return a market whose hourly rate of events is ``rate * exp(effect * x)``, x its sigma_1h.

    The price wanders by itself. Everything else that is known of it is noise.
    """
    generator = np.random.default_rng(seed)
    n = days * 24
    times = start_ms + HOUR_MS * np.arange(n, dtype=np.int64)
    x = np.zeros(n)
    for i in range(1, n):
        x[i] = 0.95 * x[i - 1] + math.sqrt(1 - 0.95**2) * generator.normal()
    scale = rate * np.exp(effect * x - effect**2 / 2)
    way = generator.random((2, n)) < scale / 2
    events = []
    for i in np.flatnonzero(way.any(axis=0)).tolist():
        # Those closer than six hours to the last are the same event.
        if not events or i - events[-1][0] >= 6:
            events.append((i, -1 if way[0, i] else 1))
    hazard = np.full((2, n, len(STRETCHES_H)), np.nan)
    inside = np.zeros(n, dtype=bool)
    for i, _ in events:
        inside[i + 1 : i + 8] = True
    for d, sign in enumerate((-1, 1)):
        mine = [i for i, s in events if s == sign]
        for i in range(n):
            # An event in hour i begins within the hour that starts at moment i.
            after = min((m - i + 1 for m in mine if m >= i), default=n)
            for k, (begin, end) in enumerate(STRETCHES_H):
                if not inside[i] and i + end < n and after > begin:
                    hazard[d, i, k] = float(after <= end)
    step = 0.005 * np.exp(0.3 * x) * generator.standard_t(5, n)
    price = np.cumsum(step)
    noise = {
        name: generator.normal(size=n)
        for name in ("sigma_24h", "sigma_7d", "oi_rank", "funding", "mass_below_3pct",
                     "mass_above_3pct", "reach_long_4h", "reach_short_4h", "day_sin")
    }  # fmt: skip
    rows = Rows(symbol, "test", times, {"sigma_1h": x, **noise}, simulated=True)
    events_ms = times[[i for i, _ in events]] + HOUR_MS // 2
    signs = np.array([s for _, s in events], dtype=np.int64)
    sigma = np.full(n, 0.006)
    course = Course(
        rows, price, price - np.abs(step), price + np.abs(step), sigma, 4 * sigma,
        events_ms, events_ms + HOUR_MS, signs,
    )  # fmt: skip
    return Sample(course, Labels(times, hazard, events_ms, signs, AHEAD_MS))


def falling_table(seed, days=60, every_days=2.5):
    """Return a feature table with a fall or a rise every few days, contracts closing with it."""
    generator = np.random.default_rng(seed)
    per_day = 24 * HOUR_MS // STEP_MS
    n = days * per_day
    times = START_MS + STEP_MS * np.arange(n, dtype=np.int64)
    step = 0.0004 * generator.normal(size=n)
    closed = 0.0003 * generator.normal(size=n)
    at = np.arange(per_day, n - per_day, int(every_days * per_day))
    at = at + generator.integers(0, per_day // 2, at.size)
    for i in at.tolist():
        sign = 1 if generator.random() < 0.4 else -1
        step[i : i + 6] += sign * 0.006
        closed[i : i + 6] -= 0.006
    price, contracts = 100 * np.exp(np.cumsum(step)), 1e3 * np.exp(np.cumsum(closed))
    change = np.full(n, np.nan)
    change[12:] = contracts[12:] / contracts[:-12] - 1
    hour = (times // HOUR_MS + 3 * 24) % 168
    return FeatureTable(
        times_ms=times,
        columns={
            "price": price,
            "open_interest": contracts,
            "oi_change_1h": change,
            "sigma_day": np.full(n, 0.02),
            "sigma_1h": 0.02 * np.exp(0.3 * generator.normal(size=n)),
            "hour_of_week": hour.astype(float),
        },
        input_age_ms={},
        simulated=True,
        labels={},
    )
