"""One forced close, told by every venue that prints them: the lake holds it alike from each."""

from __future__ import annotations

import time
from contextlib import ExitStack

import pytest
from tests.venues.fakes import promises
from tests.venues.fakes.facts import Liquidation
from tests.venues.faults import VENUES
from tests.venues.market_day import Day
from tests.venues.recording import Recording, fake_exchange

PRINTING = [name for name in VENUES if promises.TERMS[name].prints_liquidations]

SAID_BY_THE_VENUE = ("venue", "symbol", "event_id", "source", "price_kind", "completeness")
"""Columns in which venues may differ: what they call it, and what their feed is worth."""


def test_every_venue_with_a_feed_of_liquidations_is_compared():
    assert set(PRINTING) == {"binance", "bitget", "bybit", "dydx", "gate", "okx"}


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """Return the true liquidations, and the rows of each venue that was told of them."""
    now_ms = time.time_ns() // 1_000_000
    # Seconds apart, as some feeds show one of a second; each way, of sizes in whole contracts.
    forced = [
        Liquidation(now_ms - 9_000, "long", 50_000.5, 2.5),
        Liquidation(now_ms - 6_000, "short", 50_123.0, 0.01),
        Liquidation(now_ms - 3_000, "long", 49_000.0, 117.25),
        Liquidation(now_ms, "short", 51_000.0, 0.5),
    ]
    with ExitStack() as stack:
        fakes = [stack.enter_context(fake_exchange(name)) for name in PRINTING]
        for fake in fakes:
            Day(fake, now_ms).open()
        root = tmp_path_factory.mktemp("everywhere")
        with Recording(root, *fakes, tables=["liquidations"]) as run:
            for fake in fakes:
                run.wait_for(fake, "liquidations")
            for fake in fakes:
                fake.publish(forced)
            run.settle()
        rows = {fake.venue: run.rows("liquidations", fake) for fake in fakes}
    return forced, rows


@pytest.mark.parametrize("venue", PRINTING)
def test_side_size_price_and_time_are_those_of_the_truth(told, venue):
    forced, rows = told
    held = sorted(rows[venue], key=lambda row: row["event_time"])
    assert [(row["event_time"], row["side"], row["price"]) for row in held] == [
        (one.time_ms, one.side, one.price) for one in forced
    ]
    assert [row["amount"] for row in held] == pytest.approx([one.size for one in forced])
    values = [one.size * one.price for one in forced]
    assert [row["notional_usd"] for row in held] == pytest.approx(values)
    assert {row["symbol"].partition("/")[0] for row in held} == {"BTC"}


@pytest.mark.parametrize("venue", PRINTING[1:])
def test_every_other_column_is_the_same_as_the_first_venues(told, venue):
    _, rows = told

    def plain(name):
        ordered = sorted(rows[name], key=lambda row: row["event_time"])
        return [
            {
                column: float(f"{value:.9g}") if isinstance(value, float) else value
                for column, value in row.items()
                if column not in SAID_BY_THE_VENUE
            }
            for row in ordered
        ]

    assert plain(venue) == plain(PRINTING[0])


def test_what_a_venues_print_is_worth_is_kept_beside_it(told):
    _, rows = told
    worth = {
        name: {(row["price_kind"], row["completeness"]) for row in found}
        for name, found in rows.items()
    }
    assert worth == {
        name: {(promises.TERMS[name].price_kind, promises.TERMS[name].completeness)}
        for name in PRINTING
    }
