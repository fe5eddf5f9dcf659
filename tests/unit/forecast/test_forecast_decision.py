"""The right to show a probability: kept while reliable, lost when not, never from the future."""

import math

import numpy as np
import pytest

from forcedflow.forecast.decision import judge, poisson_tail
from forcedflow.units import DAY_MS, HOUR_MS

DAYS = 40
TIMES = np.arange(24 * DAYS, dtype=np.int64) * HOUR_MS
AT = DAYS * DAY_MS
HORIZON = 4 * HOUR_MS


def labels(events_ms):
    y = np.zeros(TIMES.size)
    for event in events_ms:
        y[(event > TIMES) & (event - HORIZON <= TIMES)] = 1
    return y


def test_a_forecast_that_saw_what_came_keeps_its_right():
    events = np.array([20 * DAY_MS, 30 * DAY_MS], dtype=np.int64)
    y = labels(events)
    p = np.where(y > 0, 0.4, 0.005)
    found = judge(p, np.full(p.size, 0.01), y, TIMES, events, HORIZON, AT)
    assert found.holds
    assert found.events == 2
    assert found.gained_bits > 0
    assert "held" in found.why


def test_crying_wolf_loses_it():
    y = np.zeros(TIMES.size)
    p = np.full(TIMES.size, 0.1)
    found = judge(p, p + 0.05, y, TIMES, np.zeros(0, np.int64), HORIZON, AT)
    assert not found.holds
    assert "unreliable" in found.why
    assert found.expected == pytest.approx(0.1 * 28 * 24 / 4, rel=0.01)


def test_silence_before_many_events_loses_it():
    events = (np.arange(15, 39, 3) * DAY_MS).astype(np.int64)
    found = judge(
        np.full(TIMES.size, 1e-3),
        np.full(TIMES.size, 1e-3),
        labels(events),
        TIMES,
        events,
        HORIZON,
        AT,
    )
    assert not found.holds


def test_worse_than_climatology_loses_it():
    events = np.array([30 * DAY_MS], dtype=np.int64)
    y = labels(events)
    found = judge(
        np.where(y > 0, 0.004, 0.007), np.full(y.size, 0.006), y, TIMES, events, HORIZON, AT
    )
    assert not found.holds
    assert "climatology was better" in found.why


def test_too_little_watched_is_no_proof():
    p = np.full(TIMES.size, np.nan)
    p[-100:] = 0.01
    found = judge(p, p, np.zeros(p.size), TIMES, np.zeros(0, np.int64), HORIZON, AT)
    assert not found.holds
    assert math.isnan(found.gained_bits)


def test_what_happens_later_changes_nothing():
    events = np.array([20 * DAY_MS], dtype=np.int64)
    y = labels(events)
    p = np.where(y > 0, 0.4, 0.005)
    at = 35 * DAY_MS
    before = judge(p, np.full(p.size, 0.01), y, TIMES, events, HORIZON, at)
    later = y.copy()
    later[at < TIMES + HORIZON] = 1
    more = np.append(events, at + HOUR_MS)
    assert judge(p, np.full(p.size, 0.01), later, TIMES, more, HORIZON, at) == before


def test_tails_are_poissons():
    assert poisson_tail(0, 3.0) == pytest.approx(math.exp(-3))
    assert poisson_tail(1, 0.01) == pytest.approx(1 - math.exp(-0.01))
    assert poisson_tail(0, 0.0) == 1
    assert poisson_tail(1, 0.0) == 0
