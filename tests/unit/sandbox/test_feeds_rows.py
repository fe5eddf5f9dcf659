from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from tests.unit.sandbox.simulated_market import cut, recorded_market

from forcedflow import tables
from forcedflow.margin import schedules_from_table
from forcedflow.sandbox.feeds import STREAMED, tables_of
from forcedflow.sandbox.parameters import MONEY_USD
from forcedflow.sandbox.simulate import START_MS, scheduled_events
from forcedflow.sandbox.stated import STATED
from forcedflow.sandbox.truth import true_depth
from forcedflow.units import HOUR_MS, MINUTE_MS

VENUES = ("sandbox", "sandbox-sampled", "sandbox-dark")


@pytest.fixture(scope="module")
def market():
    return recorded_market()


@pytest.fixture(scope="module")
def rows(market):
    return tables_of(market.block, market.feed())


def _ms(frame, column="event_time"):
    return frame[column].dt.epoch("ms").to_numpy()


def test_every_table_is_as_declared_and_says_that_it_is_simulated(rows):
    assert set(rows) == {*STREAMED, *STATED}
    for name, frame in rows.items():
        assert frame.height > 0, name
        assert frame.equals(tables.check(name, frame)), name
        assert frame["source"].unique().to_list() == ["sandbox:news-shock"], name
        assert all(tables.is_simulated(source) for source in frame["source"].unique())
        assert frame.select(tables.TABLES[name].key).is_unique().all(), name
        assert name in STATED or frame["event_time"].is_sorted(), name
        assert (frame["available_time"] >= frame["event_time"]).all() or name == "calendar_events"


def test_bars_hold_what_the_market_did_each_minute(market, rows):
    bars = rows["klines"]
    assert bars.filter(pl.col("low") > pl.min_horizontal("open", "close")).is_empty()
    assert bars.filter(pl.col("high") < pl.max_horizontal("open", "close")).is_empty()
    assert bars.filter(pl.col("taker_buy_volume") > pl.col("volume")).is_empty()
    ends = market.block.start_ms + MINUTE_MS * np.arange(1, market.block.minutes + 1)
    for v, venue in enumerate(VENUES):
        own = bars.filter(pl.col("venue") == venue, pl.col("symbol") == "SIM/USDT:USDT")
        last = own.filter(pl.col("price_type") == "last")
        mark = own.filter(pl.col("price_type") == "mark")
        np.testing.assert_array_equal(_ms(last), ends)
        np.testing.assert_array_equal(
            np.rint(last["volume"].to_numpy() * 1000), market.block.out.volume[:, v]
        )
        np.testing.assert_allclose(
            last["close"].to_numpy() * 10, np.rint(market.block.out.close[:, v]), rtol=1e-12
        )
        np.testing.assert_allclose(
            mark["low"].to_numpy() * 10, market.block.out.mark_low[:, v], rtol=1e-12
        )
        # A traded price is a decimal with one digit, not a neighbour of one.
        assert all(price == round(price, 1) for price in last["high"])
    spot = bars.filter(pl.col("price_type") == "spot")
    assert spot.select("venue", "symbol").unique().row(0) == ("sandbox", "SIM/USDT")
    assert spot.height == market.block.minutes
    assert (spot["volume"] > 0).all()


def test_open_interest_comes_every_five_minutes_and_late_from_the_archive(market, rows):
    held = rows["open_interest"]
    delay = _ms(held, "available_time") - _ms(held)
    for v, venue in enumerate(VENUES):
        own = held.filter(pl.col("venue") == venue)
        assert set(np.diff(_ms(own))) == {5 * MINUTE_MS}
        row = (_ms(own) - market.block.start_ms) // MINUTE_MS - 1
        contracts = market.block.out.open_interest[row, v]
        np.testing.assert_array_equal(np.rint(own["open_interest"].to_numpy() * 1000), contracts)
        mark = own["open_interest_usd"].to_numpy() / own["open_interest"].to_numpy()
        np.testing.assert_allclose(mark * 10, market.block.out.mark_close[row, v])
        waited = delay[(held["venue"] == venue).to_numpy()]
        assert set(waited) == {5 * MINUTE_MS if venue == "sandbox-sampled" else 0}


def test_funding_is_settled_every_eight_hours_with_the_rate_that_was_paid(market, rows):
    funding = rows["funding"]
    assert funding.height == 3 * market.block.minutes // 480
    assert set(_ms(funding) % (8 * HOUR_MS)) == {0}
    paid = market.block.out.funding_rate[~np.isnan(market.block.out.funding_rate)]
    np.testing.assert_array_equal(funding["funding_rate"].to_numpy(), paid)
    assert (funding["interval_hours"] == 8.0).all()


def test_account_ratios_count_accounts_and_are_known_five_minutes_later(market, rows):
    ratio = rows["long_short_ratio"].filter(pl.col("venue") == "sandbox-dark")
    row = (_ms(ratio) - market.block.start_ms) // MINUTE_MS - 1
    accounts = market.block.out.accounts[row, 2]
    np.testing.assert_allclose(ratio["ratio"].to_numpy(), accounts[:, 0] / accounts[:, 1])
    assert set(_ms(ratio, "available_time") - _ms(ratio)) == {5 * MINUTE_MS}


def test_depth_bands_grow_outwards_and_show_the_true_book_on_average(market, rows):
    bands = rows["depth_bands"].sort("venue", "event_time", pl.col("distance_pct").abs())
    for side in (pl.col("distance_pct") > 0, pl.col("distance_pct") < 0):
        amount = bands.filter(side)["amount"].to_numpy().reshape(-1, 5)
        assert (np.diff(amount, axis=1) > 0).all()
    for v, venue in enumerate(VENUES):
        own = bands.filter(pl.col("venue") == venue, pl.col("distance_pct") == -1.0)
        row = (_ms(own) - market.block.start_ms) // MINUTE_MS - 1
        error = np.log(own["amount"].to_numpy() / true_depth(market.block)[row, v])
        assert abs(error.mean()) < 4 * 0.04 / np.sqrt(error.size)
        assert error.std() == pytest.approx(0.04, rel=0.2)
    paid = bands["notional_usd"] / bands["amount"]
    mid = paid.to_numpy() / (1 + np.sign(bands["distance_pct"]) * bands["distance_pct"].abs() / 200)
    assert 0.4 < mid.min() / mid.max() <= 1.0


def test_the_book_has_twenty_levels_a_side_and_as_many_coins_as_its_band(rows):
    book = rows["order_book"].sort("venue", "event_time", "side", "level")
    levels = book.group_by("venue", "event_time", "side", maintain_order=True)
    summed = levels.agg(
        pl.col("level"),
        pl.col("price"),
        pl.col("amount").sum(),
        (pl.col("amount") > 0).all().alias("filled"),
    )
    assert summed["filled"].all()
    assert all(level == list(range(20)) for level in summed["level"].to_list())
    for side, price in summed.select("side", "price").rows():
        assert (np.diff(price) > 0).all() if side == "ask" else (np.diff(price) < 0).all()
    best = book.filter(pl.col("level") == 0).pivot(
        "side", index=["venue", "event_time"], values="price"
    )
    assert (best["ask"] > best["bid"]).all()
    band = (
        rows["depth_bands"]
        .filter(pl.col("distance_pct").abs() == 1.0)
        .with_columns(
            side=pl.when(pl.col("distance_pct") < 0).then(pl.lit("bid")).otherwise(pl.lit("ask"))
        )
        .select("venue", "event_time", "side", shown="amount")
    )
    both = summed.join(band, on=["venue", "event_time", "side"], how="inner")
    assert both.height == summed.height
    assert (both["amount"] / both["shown"]).mean() == pytest.approx(0.975, rel=0.01)


def test_brackets_stand_from_the_opening_and_are_the_markets_own(market, rows):
    assert set(_ms(rows["leverage_brackets"], "available_time")) == {START_MS}
    schedules = {s.venue: s for s in schedules_from_table(rows["leverage_brackets"])}
    for v, venue in enumerate(VENUES):
        own = schedules[venue]
        n = len(own.brackets)
        venues = market.state.venues
        amounts = [bracket.maintenance_amount for bracket in own.brackets]
        np.testing.assert_allclose(amounts, venues.bracket_amount[v, :n] * MONEY_USD, atol=1e-9)
        rates = [bracket.maintenance_margin_rate for bracket in own.brackets]
        np.testing.assert_array_equal(rates, venues.bracket_rate[v, :n])


def test_announcements_are_known_from_the_opening_on(market, rows):
    events = rows["calendar_events"]
    minutes = scheduled_events(market.state.parameters, market.state.seed)
    np.testing.assert_array_equal(_ms(events), START_MS + MINUTE_MS * minutes)
    assert set(_ms(events, "available_time")) == {START_MS}
    assert events.select("venue", "symbol", "status", "source_url").unique().row(0) == (
        "macro",
        "SIM",
        "scheduled",
        "simulated",
    )


def test_what_stands_from_the_opening_is_stated_once(market):
    feed = market.feed()
    tables_of(cut(market.block, 0, 10), feed)
    second = tables_of(cut(market.block, 10, 20), feed)
    assert [second[name].height for name in STATED] == [0, 0]


def test_a_block_out_of_turn_is_refused(market):
    feed = market.feed()
    tables_of(cut(market.block, 0, 10), feed)
    first = market.block.first_minute
    with pytest.raises(ValueError, match=f"minute {first + 11}, minute {first + 10} is next"):
        tables_of(cut(market.block, 11, 20), feed)
