from __future__ import annotations

from itertools import pairwise

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.sandbox.simulated_market import cut, recorded_market

from forcedflow.sandbox.defects import Defects
from forcedflow.sandbox.feeds import FeedState, tables_of
from forcedflow.sandbox.keyed_chance import keyed_normal, keyed_uniform
from forcedflow.sandbox.parameters import parameters
from forcedflow.sandbox.simulate import burn_in, simulate
from forcedflow.sandbox.state import open_market

DEFECTS = Defects(
    open_interest_delay_ms=7_000, missing_open_interest=0.1, out_of_order=0.1, duplicated=0.1
)


def _joined(blocks, feed):
    parts = [tables_of(block, feed) for block in blocks]
    return {
        name: (joined := pl.concat([part[name] for part in parts])).sort(joined.columns)
        for name in parts[0]
    }


@settings(deadline=None, max_examples=25)
@given(
    cuts=st.sets(st.integers(1, 2_879), max_size=6),
    start=st.integers(0, 130),
    defects=st.sampled_from([Defects(), Defects(throttled=True), DEFECTS]),
)
def test_rows_do_not_depend_on_where_a_run_is_cut(cuts, start, defects):
    market = recorded_market()
    whole = cut(market.block, start, market.block.minutes)
    ends = [0, *sorted(c for c in cuts if c < whole.minutes), whole.minutes]
    pieces = [cut(whole, a, b) for a, b in pairwise(ends)]
    at_once = _joined([whole], market.feed(defects=defects))
    in_pieces = _joined(pieces, market.feed(defects=defects))
    for name, frame in at_once.items():
        assert frame.equals(in_pieces[name]), name


@settings(deadline=None, max_examples=15)
@given(minutes=st.integers(1, 2_879))
def test_later_minutes_change_no_earlier_row(minutes):
    market = recorded_market()
    early = _joined([cut(market.block, 0, minutes)], market.feed())
    late = _joined([market.block], market.feed())
    end_ms = market.block.start_ms + 60_000 * minutes
    for name, frame in early.items():
        if name in ("leverage_brackets", "calendar_events"):
            assert frame.equals(late[name])
            continue
        times = late[name]["event_time"].dt.epoch("ms")
        # A print of the last millisecond belongs to the minute; a bar to the minute it ends.
        known = times < end_ms if name == "liquidations" else times <= end_ms
        assert frame.equals(late[name].filter(known)), name


def test_rows_do_not_depend_on_the_blocks_the_market_was_run_in():
    frames = []
    for block_minutes in (1_440, 97):
        state = open_market(parameters("both-sides"), 1_000, 11)
        burn_in(state)
        feed = FeedState(state.parameters, state.seed)
        frames.append(_joined(simulate(state, 1_440, block_minutes), feed))
    first, second = frames
    assert all(frame.equals(second[name]) for name, frame in first.items())


@settings(deadline=None)
@given(seed=st.integers(0, 2**70), keys=st.lists(st.integers(-(2**62), 2**62), min_size=1))
def test_chance_depends_on_the_key_alone(seed, keys):
    together = keyed_uniform(seed, "gap", np.array(keys))
    alone = [keyed_uniform(seed, "gap", np.array([key]))[0] for key in keys]
    np.testing.assert_array_equal(together, alone)
    assert ((together > 0) & (together < 1)).all()


def test_keyed_chance_is_uniform_and_normal_and_unrelated_between_purposes():
    keys = np.arange(200_000)
    uniform, other = keyed_uniform(1, "a", keys), keyed_uniform(1, "b", keys)
    counts = np.histogram(uniform, 100, (0, 1))[0]
    chi_square = ((counts - 2_000) ** 2 / 2_000).sum()
    assert 55 < chi_square < 155
    assert abs(np.corrcoef(uniform, other)[0, 1]) < 0.01
    assert abs(np.corrcoef(uniform[1:], uniform[:-1])[0, 1]) < 0.01
    normal = keyed_normal(1, "a", keys)
    assert abs(normal.mean()) < 0.01
    assert abs(normal.std() - 1) < 0.01
    assert abs((normal**4).mean() - 3) < 0.1
