"""The simulated exchange keeps its books: nothing is lost, nobody skipped, nothing is random."""

from __future__ import annotations

import dataclasses
import hashlib
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference import sandbox as reference

from forcedflow.sandbox import _kernels
from forcedflow.sandbox.parameters import SCENARIOS, VENUES, Habits, parameters
from forcedflow.sandbox.simulate import Out, kernel_rates, simulate
from forcedflow.sandbox.state import open_market
from forcedflow.units import MINUTE_MS

few = settings(deadline=None, max_examples=12)

SIDES = (0, 1)


def stressed():
    """Whales, jumps and a thin book: partial liquidations and deleveraging every day."""
    calm = parameters()
    habits = dataclasses.replace(
        calm.habits,
        size_median_usd=60_000.0,
        largest_usd=3e9,
        jumps_per_day=24.0,
        jump_size=0.03,
        depth_withdrawal=0.9,
        opens_per_trader_day=3.0,
    )
    return dataclasses.replace(calm, habits=habits, scenario="stressed")


def market_of(scenario, n_traders, seed):
    made = stressed() if scenario == "stressed" else parameters(scenario)
    return open_market(made, n_traders, seed)


markets = st.tuples(
    st.sampled_from([*SCENARIOS, "stressed"]), st.integers(500, 3_000), st.integers(0, 2**32 - 1)
)
spans = st.integers(1_440, 4 * 1_440)


@st.composite
def runs(draw):
    """Scenario, traders, seed; minutes; length of a block."""
    return draw(markets), draw(spans), draw(st.sampled_from([97, 480, 1_440, 6_000]))


def blocks_of(run):
    market, minutes, block = run
    state = market_of(*market)
    for piece in simulate(state, minutes, block):
        yield state, piece


def venues_of(state):
    return range(state.venues.price.size)


def arrays_of(blocks):
    """Return every recorded figure of a run, as if it had been one block."""
    parts = {name: [] for name in Out._fields if name not in ("closes", "opens", "sides", "hit")}
    for block in blocks:
        n = int(block.out.n_events[0])
        for name, rows in parts.items():
            value = getattr(block.out, name)
            stop = n if name.startswith("event_") else block.minutes
            if name not in ("n_events", "picked"):
                rows.append(value[:stop])
    return {name: np.concatenate(rows) for name, rows in parts.items() if rows}


def digest(scenario, n_traders, seed, minutes, block):
    state = market_of(scenario, n_traders, seed)
    found = hashlib.sha256()
    for name, value in arrays_of(simulate(state, minutes, block)).items():
        found.update(name.encode() + value.tobytes())
    for group in (state.venues, state.traders, state.world):
        for value in group:
            found.update(value.tobytes())
    return found.hexdigest()


def test_the_stressed_market_reduces_deleverages_and_spreads():
    state = market_of("stressed", 1_000, 5)
    (block,) = simulate(state, 1_440)
    out, n = block.out, int(block.out.n_events[0])
    reduced = np.abs(out.event_amount[:n]) < np.abs(out.event_position[:n])
    assert reduced.sum() > 10
    assert (out.deleveraged > 0).sum() > 10
    assert out.event_caused[:n].sum() > 10


@few
@given(runs())
def test_every_contract_tick_that_came_in_is_held_by_somebody(run):
    for state, _ in blocks_of(run):
        for v in venues_of(state):
            held = reference.books(state, v)
            books = {
                name: int(array[v])
                for name, array in state.venues._asdict().items()
                if array.ndim == 1 and array.dtype == np.int64
            }
            came_in = books["deposits"] - books["withdrawals"]
            kept = held.margins + books["fees"] + books["insurance"] + books["maker_cash"]
            assert came_in == kept - held.at_entry
            assert held.contracts + books["maker_position"] == 0
            for name in ("long_open", "short_open", "long_accounts", "short_accounts"):
                assert books[name] == getattr(held, name), name


@few
@given(runs())
def test_open_interest_is_as_many_longs_as_shorts_with_the_maker_counted(run):
    for state, block in blocks_of(run):
        last = block.minutes - 1
        for v in venues_of(state):
            maker = int(state.venues.maker_position[v])
            longs = int(state.venues.long_open[v]) + max(maker, 0)
            shorts = int(state.venues.short_open[v]) + max(-maker, 0)
            assert longs == shorts == block.out.open_interest[last, v]
            assert block.out.accounts[last, v, 0] == state.venues.long_accounts[v]
            assert block.out.accounts[last, v, 1] == state.venues.short_accounts[v]


@few
@given(runs())
def test_nobody_is_liquidated_before_equity_is_down_to_maintenance(run):
    for state, block in blocks_of(run):
        out = block.out
        for e in range(int(out.n_events[0])):
            v, q = int(out.event_venue[e]), int(out.event_position[e])
            entry, margin = int(out.event_entry[e]), int(out.event_margin[e])
            mark, amount = float(out.event_mark[e]), int(out.event_amount[e])
            tiers = reference.tiers_of(state.parameters.venues[v])
            equity = reference.equity(q, entry, margin, 0, mark)
            assert equity <= reference.maintenance(tiers, abs(q), mark)
            assert 0 < abs(amount) <= abs(q)
            assert (amount > 0) == (q > 0)
            assert out.event_bankruptcy[e] == reference.bankruptcy_tick(q, entry, margin, 0)
            assert state.traders.venue[out.event_trader[e]] == v


@few
@given(runs())
def test_events_add_up_to_what_each_minute_reports_and_stay_inside_it(run):
    for _, block in blocks_of(run):
        out, n = block.out, int(block.out.n_events[0])
        minute = out.event_ms[:n] // MINUTE_MS - block.first_minute
        assert ((minute >= 0) & (minute < block.minutes)).all()
        side = (out.event_amount[:n] < 0).astype(np.int64)
        size = np.abs(out.event_amount[:n])
        forced, caused = np.zeros_like(out.forced), np.zeros_like(out.caused)
        np.add.at(forced, (minute, out.event_venue[:n], side), size)
        np.add.at(caused, (minute, out.event_venue[:n], side), size * out.event_caused[:n])
        np.testing.assert_array_equal(forced, out.forced)
        np.testing.assert_array_equal(caused, out.caused)
        assert (out.deleveraged <= out.forced.sum(axis=2)).all()


@few
@given(runs())
def test_no_position_outlives_its_liquidation_price(run):
    market, minutes, _ = run
    state = market_of(*market)
    for block in simulate(state, minutes, 1):
        n = int(block.out.n_events[0])
        end = (block.first_minute + 1) * MINUTE_MS
        if n == 0 and block.first_minute % 60:
            continue  # whom the index had lost would still stand there at the hour
        if n and block.out.event_ms[:n].max() >= end - 3_000:
            continue  # a cascade that the next minute goes on with
        for v in venues_of(state):
            mark = float(state.venues.mark[v])
            rate = float(block.out.funding_rate[0, v])
            # Funding is settled as the minute ends; the venue looks again a moment later.
            just_paid = 0 if np.isnan(rate) else int(np.rint(rate * mark))
            before = int(state.venues.funding_paid[v]) - just_paid
            for side in SIDES:
                assert reference.due(state, v, side, mark, before) == set()


@few
@given(runs())
def test_every_position_is_in_one_list_of_each_kind_and_every_idle_trader_in_the_pool(run):
    for state, _ in blocks_of(run):
        people, queues = state.traders, state.queues
        bins = kernel_rates(state.parameters, state.n_traders, state.seed).bin_ticks
        open_ = set(np.flatnonzero(people.position).tolist())
        levelled, stopped, planned, pooled = [], [], [], []
        for v in venues_of(state):
            for side in SIDES:
                here = range(queues.level_head.shape[2])
                for b in np.flatnonzero(queues.level_head[v, side] >= 0):
                    found = reference.members(queues.level_head[v, side, b], queues.level_next)
                    levelled += found
                    edge = queues.top[v] - b if side == 0 else b - queues.bottom[v]
                    assert edge >= 0, "a level beyond the outermost one"
                    for i in found:
                        assert queues.level_bin[i] == b
                        assert (people.venue[i], people.position[i] < 0) == (v, bool(side))
                        level = _kernels.liquidation_ticks(people, state.venues, i)
                        true = int((level - state.venues.funding_paid[v]) / bins)
                        assert abs(min(max(true, here[0]), here[-1]) - b) <= 2
                for b in np.flatnonzero(queues.stop_head[v, side] >= 0):
                    found = reference.members(queues.stop_head[v, side, b], queues.stop_next)
                    stopped += found
                    for i in found:
                        assert (people.venue[i], people.position[i] < 0) == (v, bool(side))
                        true = min(int(people.stop[i] / bins), here[-1])
                        assert true == b == queues.stop_bin[i]
            pool = queues.idle[v, : queues.idle_count[v]].tolist()
            assert [int(queues.idle_place[i]) for i in pool] == list(range(len(pool)))
            assert all(people.venue[i] == v for i in pool)
            pooled += pool
        for slot in np.flatnonzero(queues.due_head >= 0):
            planned += reference.members(queues.due_head[slot], queues.due_next)
        everybody = set(range(state.n_traders))
        for lists, members in (
            (levelled, open_),
            (stopped, {i for i in open_ if people.stop[i] > 0}),
            (planned, open_),
            (pooled, everybody - open_),
        ):
            assert sorted(lists) == sorted(members)


@few
@given(runs())
def test_prices_lie_between_their_lows_and_highs(run):
    for _, block in blocks_of(run):
        rows, out = slice(0, block.minutes), block.out
        for low, high, ends in (
            (out.low, out.high, (out.open, out.close)),
            (out.mark_low, out.mark_high, (out.mark_open, out.mark_close)),
            (out.spot[:, 2], out.spot[:, 1], (out.spot[:, 0], out.spot[:, 3])),
        ):
            assert (low[rows] > 0).all()
            for price in ends:
                assert (low[rows] <= price[rows]).all()
                assert (price[rows] <= high[rows]).all()
        assert (out.taker_buy[rows] <= out.volume[rows]).all()
        assert (out.taker_buy[rows] >= 0).all()
        assert (out.forced[rows].sum(axis=2) <= out.volume[rows] + out.deleveraged[rows]).all()


@settings(deadline=None, max_examples=6)
@given(
    st.sampled_from(SCENARIOS),
    st.integers(500, 1_500),
    st.integers(0, 2**32 - 1),
    st.integers(1, 2_000),
)
def test_the_length_of_a_block_changes_nothing(scenario, n_traders, seed, block):
    size = (scenario, n_traders, seed, 1_500)
    assert digest(*size, block) == digest(*size, 1_440)


def test_a_seed_gives_the_same_bytes_in_every_process_and_another_seed_others():
    def elsewhere(seed):
        code = (
            "import sys; sys.path.insert(0, '.')\n"
            "from tests.property.test_sandbox_books import digest\n"
            f"print(digest('news-shock', 800, {seed}, 2000, 1440))"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    here = digest("news-shock", 800, 11, 2_000, 1_440)
    assert elsewhere(11) == here
    assert elsewhere(12) not in (here, "")


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_scenario_sets_conditions_and_neither_rules_nor_the_engine(scenario):
    conditions = {
        *("sigma_day", "jumps_per_day", "jump_size", "fast_vol_size"),
        *("events_per_week", "event_vol", "weekend_activity", "depth_withdrawal"),
        *("opens_per_trader_day", "stop_share", "crowd", "balance", "trend"),
    }
    made, calm = parameters(scenario), Habits()
    assert made.venues == VENUES
    changed = {
        field.name
        for field in dataclasses.fields(Habits)
        if getattr(made.habits, field.name) != getattr(calm, field.name)
    }
    assert changed <= conditions


def test_a_block_that_is_out_of_room_says_so_instead_of_writing_elsewhere():
    state = market_of("news-shock", 3_000, 3)
    block = next(iter(simulate(state, 1, 1)))
    full = block.out._replace(n_events=np.array([block.out.event_ms.size]))
    with pytest.raises(ValueError, match="more liquidations in one minute"):
        _kernels._emit(full, state.traders, state.venues, 0, 0, 1.0, 1.0, False)
