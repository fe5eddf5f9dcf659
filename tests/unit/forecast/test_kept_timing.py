"""The timing that is kept: honest about the past, the same after JSON, lent to unseen markets."""

import math

import msgspec
import numpy as np
import pytest
from tests.reference.forecast_timing import START_MS, market

from forcedflow.errors import NoDataError
from forcedflow.forecast.events import C2
from forcedflow.forecast.foretold import foretell
from forcedflow.forecast.kept_timing import KeptTiming, learn_timing, tell_chances
from forcedflow.forecast.labels import DIRECTIONS
from forcedflow.forecast.rows import HORIZONS_H
from forcedflow.units import DAY_MS, HOUR_MS

FIT_TO_MS = START_MS + 100 * DAY_MS


@pytest.fixture(scope="module")
def samples():
    return [market(seed, symbol=f"{name}/USDT:USDT") for seed, name in ((1, "ONE"), (2, "TWO"))]


@pytest.fixture(scope="module")
def kept(samples):
    return learn_timing(samples, C2, FIT_TO_MS)


def plain(kept):
    return msgspec.json.encode(kept.to_plain(), order="deterministic")


def test_what_is_kept_is_plain_and_comes_back(kept, samples):
    again = KeptTiming.from_plain(msgspec.json.decode(plain(kept)))
    assert plain(again) == plain(kept)
    at_ms = int(samples[0].course.times_ms[-1])
    assert tell_chances(again, samples[0], at_ms) == tell_chances(kept, samples[0], at_ms)


def test_nothing_after_the_end_of_the_fit_changes_it(kept, samples):
    known = [one.cut(one.course.times_ms < FIT_TO_MS) for one in samples]
    assert plain(learn_timing(known, C2, FIT_TO_MS)) == plain(kept)


def test_chances_of_longer_horizons_are_no_smaller_and_lie_in_their_range(kept, samples):
    told = tell_chances(kept, samples[0], int(samples[0].course.times_ms[-1]))
    assert [(one.direction, one.horizon_h) for one in told] == [
        (way, hours) for way in DIRECTIONS for hours in HORIZONS_H
    ]
    for way in DIRECTIONS:
        own = [one for one in told if one.direction == way]
        assert [one.probability for one in own] == sorted(one.probability for one in own)
        for one in own:
            assert one.low <= one.probability <= one.high
            assert 0 < one.climatology < 1
            assert one.shown == (one.probability if one.standing.holds else one.climatology)
            assert one.shown_is == ("forcedflow" if one.standing.holds else "climatology")


def test_a_market_that_was_not_learned_from_is_told_of(kept):
    other = market(9, symbol="NEW/USDT:USDT")
    told = tell_chances(kept, other, int(other.course.times_ms[-1]))
    assert all(math.isfinite(one.probability) for one in told)
    assert max(one.probability for one in told) < 0.9


def test_until_enough_came_after_the_fit_its_own_past_decides(kept, samples):
    early = samples[0].cut(samples[0].course.times_ms <= FIT_TO_MS + DAY_MS)
    told = tell_chances(kept, early, FIT_TO_MS + DAY_MS)
    assert [one.standing for one in told] == [
        kept.standings[d, p] for d in range(2) for p in range(len(HORIZONS_H))
    ]


def test_records_are_of_hours_that_no_fit_had_seen(kept, samples):
    foretold = foretell(samples, FIT_TO_MS)
    assert int(foretold.times_ms.max()) < FIT_TO_MS
    half = np.median(np.concatenate([one.course.times_ms for one in samples]))
    assert int(foretold.times_ms.min()) >= half - 20 * DAY_MS
    for record in kept.records.values():
        assert record.from_ms > START_MS
        assert record.to_ms <= FIT_TO_MS
        assert record.events >= record.days >= 0
        assert 0 < record.base_rate < 1


def test_one_alarm_a_week_asks_for_more_than_one_a_day(kept):
    assert all(week >= day for day, week in kept.alarms.values())


def test_drivers_are_named_and_the_largest_comes_first(kept, samples):
    told = tell_chances(kept, samples[0], int(samples[0].course.times_ms[-1]))
    for one in told:
        sizes = [abs(odds) for _, odds in one.drivers]
        assert sizes == sorted(sizes, reverse=True)


def test_without_an_event_nothing_is_learned(samples):
    early = START_MS + 2 * HOUR_MS
    with pytest.raises(NoDataError, match="no event C2"):
        learn_timing(samples, C2, early)
