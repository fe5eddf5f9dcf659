"""The compiled exchange applies the rules that its readable twins and the margin formulas state."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.reference import sandbox as reference

from forcedflow.margin import MarginRule, liquidation_price_by_brackets, schedule_from_rows
from forcedflow.sandbox import _kernels
from forcedflow.sandbox.parameters import MONEY_USD, VENUES, parameters
from forcedflow.sandbox.simulate import kernel_rates, simulate
from forcedflow.sandbox.state import open_market

many = settings(deadline=None, max_examples=300)
some = settings(deadline=None, max_examples=60)

VENUE = st.integers(0, len(VENUES) - 1)
# From far below to beyond the range of the indices.
TICK = st.integers(50_000, 3_500_000)
FUNDING = st.integers(-20_000, 20_000)

RULE = MarginRule("sandbox", "linear", 0, "mark", 0.0, "the simulated venue")


@pytest.fixture(scope="module")
def market():
    return open_market(parameters(), 200, 1)


@st.composite
def positions(draw):
    """Venue, signed contracts, entry, margin and funding since entry; leverage 1.2 to 150."""
    q = draw(st.integers(1, 10_000_000)) * draw(st.sampled_from([1, -1]))
    entry = draw(TICK)
    margin = int(abs(q) * entry / draw(st.floats(1.2, 150.0)))
    return draw(VENUE), q, entry, margin, draw(FUNDING)


def put(state, i, position):
    v, q, entry, margin, funding = position
    people = state.traders
    people.venue[i], people.position[i] = v, q
    people.entry[i], people.margin[i] = entry, margin
    people.funding_at[i] = state.venues.funding_paid[v] - funding


@many
@given(VENUE, st.floats(0.0, 1e13))
@example(0, 300_000.0 / MONEY_USD)
def test_the_bracket_is_the_first_whose_cap_holds_the_notional(market, v, notional):
    tiers = reference.tiers_of(VENUES[v])
    assert _kernels._bracket(market.venues, v, notional) == reference.tier_of(tiers, notional)


@many
@given(positions(), st.floats(0.3, 3.0))
def test_equity_and_maintenance_are_the_venues_own(market, position, moved):
    put(market, 0, position)
    v, q, entry, margin, funding = position
    mark = entry * moved
    tiers = reference.tiers_of(VENUES[v])
    assert _kernels._equity(market.traders, market.venues, 0, mark) == reference.equity(
        q, entry, margin, funding, mark
    )
    assert _kernels._maintenance(market.traders, market.venues, 0, mark) == pytest.approx(
        reference.maintenance(tiers, abs(q), mark), rel=1e-12
    )


@many
@given(positions())
def test_a_position_is_liquidated_where_the_margin_formula_says(market, position):
    put(market, 0, position)
    v, q, entry, margin, funding = position
    rows = [(cap / MONEY_USD, rate, leverage) for cap, rate, leverage in VENUES[v].brackets]
    schedule = schedule_from_rows(VENUES[v].name, "SIM", 0, rows, source="the simulated venue")
    side = "long" if q > 0 else "short"
    expected = liquidation_price_by_brackets(
        float(entry), float(abs(q)), float(margin), side, schedule, RULE, funding_paid=q * funding
    )
    found = _kernels.liquidation_ticks(market.traders, market.venues, 0)
    if np.isnan(expected):
        assert found <= 0
    else:
        assert found == pytest.approx(float(expected), rel=1e-9)


@many
@given(positions())
def test_bankruptcy_is_the_last_whole_tick_that_owes_nothing(market, position):
    put(market, 0, position)
    _, q, entry, margin, funding = position
    tick = _kernels._bankruptcy_tick(market.traders, market.venues, 0)
    assert tick == reference.bankruptcy_tick(q, entry, margin, funding)
    left = margin - q * funding
    assert tick == 1 or left + q * (tick - entry) >= 0
    beyond = tick - 1 if q > 0 else tick + 1
    assert left + q * (beyond - entry) < 0


@many
@given(st.lists(st.floats(-0.02, 0.02), min_size=3, max_size=3))
def test_funding_is_the_mean_premium_and_the_clamped_interest(premium):
    state = open_market(parameters(), 100, 1)
    out = next(iter(simulate(state, 1, 1))).out
    paid = state.venues.funding_paid.copy()
    state.venues.premium_sum[:] = np.array(premium) * 480.0
    _kernels._fund(state.venues, out, 0)
    for v, mean in enumerate(premium):
        rate = reference.funding_rate(mean * 480.0 / 480.0)
        assert out.funding_rate[0, v] == rate
        moved = int(state.venues.funding_paid[v] - paid[v])
        assert abs(moved - rate * state.venues.mark[v]) <= 0.5
        assert state.venues.premium_sum[v] == 0.0


@some
@given(
    st.lists(st.tuples(positions(), st.booleans()), min_size=1, max_size=40),
    st.lists(st.integers(-5_400, 5_400), max_size=6),
    st.lists(st.floats(0.2, 6.0), min_size=1, max_size=6),
)
def test_the_index_finds_exactly_whom_a_look_at_everybody_finds(placed, fundings, marks):
    state = open_market(parameters(), 100, 1)
    bins = kernel_rates(state.parameters, state.n_traders, state.seed).bin_ticks
    hit = np.zeros(state.n_traders, dtype=np.int64)
    state.traders.venue[:] = 0
    for i, ((v, q, entry, margin, _), near) in enumerate(placed):
        # Entries about the usual price, so that many levels lie where the marks go, or anywhere.
        put(state, i, (v, q, 600_000 if near else entry, margin, 0))
        _kernels._index_level(state.traders, state.venues, state.queues, i, bins)
    for day in range(0, len(fundings) + 1, 3):
        for paid in fundings[day : day + 3]:
            state.venues.funding_paid[:] += paid
        for mark in np.array(marks) * 600_000.0:
            for v in range(len(VENUES)):
                for side in (0, 1):
                    n = _kernels._sweep(
                        state.venues, state.traders, state.queues, side, v, mark, bins, hit, 0
                    )
                    assert n == len(set(hit[:n].tolist()))
                    assert set(hit[:n].tolist()) == reference.due(state, v, side, mark)
                    for i in hit[:n]:
                        _kernels._unlevel(state.traders, state.queues, i)
                        state.traders.position[i] = 0
        _kernels._level_anew(state.traders, state.venues, state.queues, bins)


@some
@given(
    st.lists(st.tuples(VENUE, st.booleans(), TICK), min_size=1, max_size=40),
    st.lists(TICK, min_size=1, max_size=8),
)
def test_the_index_of_stops_finds_every_stop_that_price_has_crossed(placed, prices):
    state = open_market(parameters(), 100, 1)
    bins = kernel_rates(state.parameters, state.n_traders, state.seed).bin_ticks
    hit = np.zeros(state.n_traders, dtype=np.int64)
    for i, (v, long, stop) in enumerate(placed):
        put(state, i, (v, 1 if long else -1, 600_000, 600_000, 0))
        state.traders.stop[i] = stop
        _kernels._index_stop(state.traders, state.queues, i, bins)
    for price in prices:
        for v in range(len(VENUES)):
            for side in (0, 1):
                n = _kernels._sweep_stops(
                    state.traders, state.queues, side, v, float(price), bins, hit, 0
                )
                assert n == len(set(hit[:n].tolist()))
                assert set(hit[:n].tolist()) == reference.crossed_stops(state, v, side, price)
                for i in hit[:n]:
                    head = state.queues.stop_head[v, side]
                    lists = (state.queues.stop_next, state.queues.stop_prev, state.queues.stop_bin)
                    _kernels._unlink(head, *lists, i)
                    state.traders.position[i] = 0
