"""Fetching what only a venue's HTTP interface holds, from each exchange on loopback."""

from __future__ import annotations

import time

import polars as pl
import pytest
from tests.venues.fakes import promises
from tests.venues.fakes.exchange import HttpFault
from tests.venues.fakes.facts import MINUTE_MS, Tape
from tests.venues.recording import assert_rows, fake_exchange

from forcedflow.settings import Settings, VenueSettings
from forcedflow.store import Lake
from forcedflow.venues.fetch import fetch
from forcedflow.venues.http import HttpClient
from forcedflow.venues.network import connect_venue

VENUES = ("binance", "bitget", "bybit", "dydx", "gate", "hyperliquid", "kucoin", "mexc", "okx")
HOUR_MS = 60 * MINUTE_MS


def connector_of(fake):
    there = fake.endpoints
    own = VenueSettings(
        rest=there.rest, stream=there.stream, archive=there.archive, others=dict(there.others)
    )
    return connect_venue(fake.venue, Settings(venues={fake.venue: own})).connector


@pytest.mark.parametrize("venue", VENUES)
def test_bars_and_settlements_of_the_present_day_come_once_though_asked_for_twice(venue, tmp_path):
    lake = Lake(tmp_path / "lake", create=True)
    tape = Tape(3)
    now_ms = time.time_ns() // 1_000_000
    last_ms = now_ms - now_ms % MINUTE_MS
    # A minute that ends while the test runs would close the bar under way.
    now_ms = last_ms + MINUTE_MS // 2
    bars = [tape.bar(last_ms - back * MINUTE_MS) for back in range(149, -1, -1)]
    hour_ms = now_ms - now_ms % HOUR_MS
    settlements = [tape.settlement(hour_ms - back * HOUR_MS) for back in (9, 1)]
    start_ms = hour_ms - 12 * HOUR_MS
    reports = []
    with fake_exchange(venue) as fake:
        fake.publish([*tape.trades([start_ms]), *settlements, *bars], unsaid=True)
        connector = connector_of(fake)
        for _ in range(2):
            with HttpClient(venue, connector.rate_limit, backoff_s=0.02) as http:
                span = (start_ms, now_ms)
                tables = ["klines", "funding"]
                report = fetch(
                    lake,
                    connector,
                    http,
                    tables,
                    ["BTC"],
                    *span,
                    MINUTE_MS,
                    now_ms=lambda: now_ms,
                )
            assert (report.failures, report.refusals) == ((), ())
            reports.append(report)
    rows = lake.read("klines", start_ms=start_ms).filter(pl.col("price_type") == "last")
    moments = pl.col("event_time", "available_time").dt.epoch("ms")
    key = ("symbol", "event_time", "price_type", "interval_ms")
    assert_rows(rows.with_columns(moments).to_dicts(), promises.klines(venue, bars), *key)
    paid = lake.read("funding").filter(pl.col("kind") == "settled").with_columns(moments).to_dicts()
    assert_rows(paid, promises.settled_funding(venue, settlements), "symbol", "event_time")
    first, second = reports
    assert first.tables["klines"].added >= 150
    assert {change.added for change in second.tables.values()} == {0}
    # A day that has not ended is asked for every time.
    assert second.read >= 1


@pytest.mark.parametrize("status", [403, 451])
@pytest.mark.parametrize("venue", VENUES)
def test_a_venue_that_refuses_this_address_is_asked_no_further(venue, status, tmp_path):
    lake = Lake(tmp_path / "lake", create=True)
    now_ms = time.time_ns() // 1_000_000
    with fake_exchange(venue) as fake:
        fake.fail(HttpFault(status, times=1_000))
        connector = connector_of(fake)
        with HttpClient(venue, connector.rate_limit, backoff_s=0.02) as http:
            span = (now_ms - 40 * 24 * HOUR_MS, now_ms)
            report = fetch(lake, connector, http, ["klines", "funding"], ["BTC"], *span, MINUTE_MS)
        asked = len(fake.requests)
    assert asked == 1
    assert len(report.refusals) == 1
    assert f"status {status}" in report.refusals[0]
    assert not report.found
    assert {table for gap in report.gaps for table in gap.tables} == {"klines", "funding"}
