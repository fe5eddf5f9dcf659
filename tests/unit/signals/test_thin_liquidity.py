"""A thin book, for any hour or for this one, and what stands in where no book is held."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference.feature_tables import assert_no_repaint, changed, lay, rising, without

from forcedflow.signals.thin_liquidity import SIGNAL

BOOK = ["depth_rank_30d", "slippage_rank_30d", "depth_surprise"]
NAMES = [*BOOK, "volume_profile"]


def _table(**last):
    table = lay(
        {
            "depth_1pct_usd": 5e6,
            "depth_rank_30d": 0.5,
            "slippage_rank_30d": 0.5,
            "slippage_100k_bps": 1.5,
            "depth_surprise": rising(0.0, -1.0, 1.0),
            "volume_profile": rising(1.0, 0.2, 2.2),
        }
    )
    return changed(table, **last)


@pytest.mark.parametrize(
    "last",
    [{"depth_rank_30d": 0.05}, {"slippage_rank_30d": 0.95}],
    ids=["little depth", "much slippage"],
)
def test_a_book_that_is_thin_for_any_hour_is_on_both_ways(last):
    reading = SIGNAL.read(_table(**last))
    assert (reading.verdict, reading.direction) == ("on", "both")
    assert reading.value == pytest.approx(0.95)
    assert "$5.00M within 1 %" in reading.why


def test_a_thin_hour_of_the_week_is_on_though_it_is_no_surprise():
    reading = SIGNAL.read(_table(depth_rank_30d=0.05, depth_surprise=0.2))
    assert reading.verdict == "on"


def test_less_than_this_hour_holds_is_on_though_other_hours_hold_less():
    reading = SIGNAL.read(_table(depth_surprise=math.log(0.4)))
    assert reading.verdict == "on"
    assert "0.40× what this hour holds" in reading.why


def test_more_than_this_hour_holds_is_no_surprise_however_rare():
    table = _table().joined({"depth_surprise": rising(0.1, 0.1, 1.0)})
    assert SIGNAL.read(table).verdict == "off"


def test_an_ordinary_book_is_off_and_the_hours_profile_is_shown():
    reading = SIGNAL.read(_table())
    assert (reading.verdict, reading.direction) == ("off", "none")
    assert "this hour of the week usually trades 1.00× the mean" in reading.why


@pytest.mark.parametrize(("profile", "verdict"), [(0.3, "on"), (1.0, "off")])
def test_without_a_book_the_hours_volume_stands_in_and_says_so(profile, verdict):
    reading = SIGNAL.read(without(_table(volume_profile=profile), *BOOK))
    assert reading.verdict == verdict
    assert reading.value == profile
    assert "no depth of the trailing 30 days to compare with; by the hour's usual" in reading.why


def test_without_book_and_volume_it_is_unknown_and_names_the_tables():
    reading = SIGNAL.read(lay({}, absent=["depth_bands", "perpetual klines"]))
    assert reading.verdict == "unknown"
    assert "no rows of depth_bands or perpetual klines" in reading.why


def test_a_book_of_one_side_of_the_question_is_enough():
    reading = SIGNAL.read(_table(slippage_rank_30d=np.nan, depth_surprise=np.nan))
    assert reading.verdict == "off"


@given(seed=st.integers(0, 2**32), cut=st.floats(0.01, 0.999))
@settings(deadline=None, max_examples=20)
def test_rows_that_come_later_change_nothing(seed, cut):
    assert_no_repaint(SIGNAL, NAMES, seed, cut)
