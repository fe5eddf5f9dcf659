from __future__ import annotations

import copy

import numpy as np
import polars as pl
import pytest
from tests.unit.sandbox.simulated_market import (
    block_with,
    cut,
    deleveraging_market,
    recorded_market,
)

from forcedflow import tables
from forcedflow.errors import DataError, SchemaError
from forcedflow.positions.grid import view
from forcedflow.sandbox import _kernels
from forcedflow.sandbox.truth import (
    branching_ratio,
    liquidation_causes,
    positions_of,
    true_depth,
    true_ladder,
)

VENUES = ("sandbox", "sandbox-sampled", "sandbox-dark")


@pytest.fixture(scope="module")
def market():
    return recorded_market()


@pytest.fixture(scope="module")
def positions(market):
    return positions_of(market.state)


def test_positions_add_up_to_the_venues_books(market, positions):
    venues = market.state.venues
    for v, venue in enumerate(VENUES):
        for side, book in (("long", venues.long_open), ("short", venues.short_open)):
            own = positions.filter(pl.col("venue") == venue, pl.col("side") == side)
            assert np.rint(own["amount"].to_numpy() * 1000).sum() == book[v]
        longs_and_makers = venues.long_open[v] + max(venues.maker_position[v], 0)
        assert longs_and_makers == market.block.out.open_interest[-1, v]


def test_liquidation_prices_are_where_the_markets_own_test_flips(market, positions):
    state = market.state
    assert positions["true_liquidation_price"].is_null().any()
    priced = positions.filter(pl.col("true_liquidation_price").is_not_null())
    for account, side, price in priced.select(
        "account", "side", "true_liquidation_price"
    ).iter_rows():
        indexed = _kernels.liquidation_ticks(state.traders, state.venues, account)
        assert price * 10 == pytest.approx(indexed, rel=1e-9)
        toward_loss = -1 if side == "long" else 1
        for step, closed in ((1e-7, True), (-1e-7, False)):
            mark = price * 10 * (1 + toward_loss * step)
            equity = _kernels._equity(state.traders, state.venues, account, mark)
            needed = _kernels._maintenance(state.traders, state.venues, account, mark)
            assert (equity <= needed) == closed


def test_nobody_stands_beyond_the_mark(market, positions):
    mark = dict(zip(VENUES, market.state.venues.mark / 10, strict=True))
    behind = positions.with_columns(mark=pl.col("venue").replace_strict(mark)).filter(
        pl.when(pl.col("side") == "long")
        .then(pl.col("true_liquidation_price") >= pl.col("mark"))
        .otherwise(pl.col("true_liquidation_price") <= pl.col("mark"))
    )
    assert behind.is_empty()


def test_leverage_is_notional_over_equity_at_the_mark(market, positions):
    account, leverage = (
        positions.filter(pl.col("leverage").is_not_null()).select("account", "leverage").row(0)
    )
    traders, venues = market.state.traders, market.state.venues
    mark = venues.mark[traders.venue[account]]
    equity = _kernels._equity(traders, venues, account, mark)
    assert leverage == pytest.approx(abs(traders.position[account]) * mark / equity)


def test_a_price_the_formula_does_not_confirm_is_an_error(market):
    state = copy.copy(market.state)
    state.venues = state.venues._replace(bracket_rate=state.venues.bracket_rate * 1.01)
    with pytest.raises(DataError, match=r"sandbox, account \d+: the market liquidates at"):
        positions_of(state)


def test_the_true_ladder_holds_each_position_at_its_price(market, positions):
    grid = view(1.0, 10_000_000.0, 0.01)
    ladder = true_ladder(market.state, "sandbox-sampled", grid)
    own = positions.filter(
        pl.col("venue") == "sandbox-sampled", pl.col("true_liquidation_price").is_not_null()
    )
    for s, side in enumerate(("long", "short")):
        rows = own.filter(pl.col("side") == side)
        notional = (rows["amount"] * rows["true_liquidation_price"]).sum()
        assert ladder[s].sum() == pytest.approx(notional, rel=1e-12)
    one = own.row(0, named=True)
    place = grid.index_of(one["true_liquidation_price"])
    assert ladder[0 if one["side"] == "long" else 1, place] >= one["amount"]
    narrow = view(50_000.0, 50_100.0, 0.01)
    assert true_ladder(market.state, "sandbox-sampled", narrow).shape == (2, narrow.size)


def test_a_venue_the_market_does_not_have_is_refused(market):
    with pytest.raises(ValueError, match=r"no venue 'binance' in this market; it has sandbox, "):
        true_ladder(market.state, "binance", view(1.0, 2.0, 0.01))


def test_causes_add_up_to_the_markets_own_count_minute_by_minute(market):
    first = cut(market.block, 0, 1_000)
    for block in (market.block, first):
        causes = liquidation_causes(block)
        for v, venue in enumerate(VENUES):
            for s, side in enumerate(("long", "short")):
                own = causes.filter(pl.col("venue") == venue, pl.col("side") == side)
                whole = np.rint(own["amount"].to_numpy() * 1000)
                assert whole.sum() == block.out.forced[:, v, s].sum()
                caused = whole[own["caused"].to_numpy()]
                assert caused.sum() == block.out.caused[:, v, s].sum()
    assert liquidation_causes(market.block)["caused"].any()


def test_the_deleveraged_are_told_from_the_liquidated():
    market = deleveraging_market()
    causes = liquidation_causes(market.block)
    assert causes["deleveraged"].any()
    for v, venue in enumerate(VENUES):
        own = causes.filter(pl.col("venue") == venue, pl.col("deleveraged"))
        assert np.rint(own["amount"].to_numpy() * 1000).sum() == (
            market.block.out.deleveraged[:, v].sum()
        )


def test_the_branching_ratio_is_the_share_of_contracts_that_others_caused(market):
    events = [
        {"ms": 1, "venue": 0, "amount": 30, "caused": False},
        {"ms": 2, "venue": 1, "amount": -10, "caused": True},
    ]
    assert branching_ratio([block_with(events), block_with(events[:1])]) == 10 / 70
    assert 0 < branching_ratio([market.block]) < 1


def test_without_liquidations_there_is_no_branching_ratio():
    with pytest.raises(ValueError, match="nothing was liquidated"):
        branching_ratio([block_with([])])


def test_true_depth_is_in_coins_per_percent(market):
    depth = true_depth(market.block)
    assert depth.shape == (market.block.minutes, 3)
    # Contracts per unit of log price: a thousand contracts a coin, a hundred percent a unit.
    np.testing.assert_allclose(depth, market.block.out.depth / 100_000)


def test_no_table_takes_the_truth(market, positions):
    for truth in (positions, liquidation_causes(market.block)):
        for name in tables.TABLES:
            with pytest.raises(SchemaError):
                tables.check(name, truth)
