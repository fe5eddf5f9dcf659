from __future__ import annotations

import polars as pl
import pytest
from tests.unit.sandbox.simulated_market import recorded_market

from forcedflow.sandbox.defects import Defects
from forcedflow.sandbox.feeds import tables_of
from forcedflow.sandbox.stated import STATED
from forcedflow.units import HOUR_MS, MINUTE_MS


@pytest.fixture(scope="module")
def market():
    return recorded_market()


@pytest.fixture(scope="module")
def sound(market):
    return tables_of(market.block, market.feed())


def _with(market, **defects):
    return tables_of(market.block, market.feed(defects=Defects(**defects)))


def test_nothing_is_wrong_unless_asked_for(market, sound):
    assert all(frame.equals(sound[name]) for name, frame in _with(market).items())


def test_delayed_open_interest_is_the_same_and_known_later(market, sound):
    late = _with(market, open_interest_delay_ms=HOUR_MS)["open_interest"]
    waited = late["available_time"] - sound["open_interest"]["available_time"]
    assert waited.dt.total_milliseconds().unique().to_list() == [HOUR_MS]
    assert late.drop("available_time").equals(sound["open_interest"].drop("available_time"))


def test_missing_open_interest_leaves_gaps_of_about_the_share_asked_for(market, sound):
    rows = _with(market, missing_open_interest=0.2)
    kept = rows["open_interest"]
    assert 1 - kept.height / sound["open_interest"].height == pytest.approx(0.2, abs=0.04)
    gaps = kept.filter(pl.col("venue") == "sandbox")["event_time"].diff().drop_nulls()
    assert gaps.dt.total_milliseconds().max() > 5 * MINUTE_MS
    assert kept.join(sound["open_interest"], on=kept.columns, how="anti").is_empty()
    assert rows["klines"].equals(sound["klines"])


def test_duplicates_arrive_as_whole_messages_and_add_nothing_new(market, sound):
    rows = _with(market, duplicated=0.1)
    for name in ("klines", "depth_bands", "liquidations"):
        assert rows[name].height > sound[name].height
        assert rows[name].unique().sort("event_time").height == sound[name].height
    bands = rows["depth_bands"].group_by("venue", "event_time").len()["len"].unique()
    assert set(bands) == {10, 20}


def test_late_messages_come_after_all_others_and_none_is_lost(market, sound):
    rows = _with(market, out_of_order=0.1)
    for name in ("klines", "open_interest", "depth_bands"):
        assert not rows[name]["event_time"].is_sorted()
        assert rows[name].sort(rows[name].columns).equals(sound[name].sort(rows[name].columns))


def test_the_same_seed_breaks_the_same_messages_and_another_seed_others(market):
    defects = Defects(missing_open_interest=0.3, duplicated=0.2, out_of_order=0.2)
    first, again = (tables_of(market.block, market.feed(defects=defects)) for _ in range(2))
    assert all(frame.equals(again[name]) for name, frame in first.items())
    other = market.feed(defects=defects)
    other.seed += 1
    changed = tables_of(market.block, other)
    assert not changed["open_interest"].equals(first["open_interest"])


def test_what_stands_from_the_opening_suffers_nothing(market, sound):
    rows = _with(market, duplicated=1.0, out_of_order=1.0, missing_open_interest=1.0)
    assert all(rows[name].equals(sound[name]) for name in STATED)
    assert rows["open_interest"].is_empty()


@pytest.mark.parametrize(
    "wrong",
    [{"duplicated": 1.1}, {"out_of_order": -0.1}, {"missing_open_interest": float("nan")}],
)
def test_a_share_that_is_none_is_refused(wrong):
    with pytest.raises(ValueError, match=r"must be a share in \[0, 1\]"):
        Defects(**wrong)


def test_a_negative_delay_is_refused():
    with pytest.raises(ValueError, match="must not be negative, found -1"):
        Defects(open_interest_delay_ms=-1)
