"""Gate's archive of months on loopback: files where there are any, HTTP where there are none."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime

import polars as pl
import pytest
from tests.venues.fakes.facts import Tape
from tests.venues.fakes.gate import FakeGate

from forcedflow.settings import Settings, VenueSettings
from forcedflow.store import Lake
from forcedflow.venues.fetch import fetch
from forcedflow.venues.network import connect_venue

FIVE_MS = 300_000
JANUARY, FEBRUARY, MARCH = (
    int(datetime(2026, month, 1, tzinfo=UTC).timestamp() * 1000) for month in (1, 2, 3)
)
NOW_MS = MARCH + 12 * 3_600_000


def _venue(fake):
    there = fake.endpoints
    own = VenueSettings(rest=there.rest, stream=there.stream, archive=there.archive)
    return connect_venue("gate", Settings(venues={"gate": own}))


def _bars(first_ms, close):
    """Return a file of two bars."""
    lines = [
        f"{(first_ms + place * FIVE_MS) // 1000},20000,{close},{close + 5},{close - 5},{close}"
        for place in range(2)
    ]
    return gzip.compress("\n".join(lines).encode())


@pytest.fixture
def fake():
    with FakeGate() as running:
        running.publish(Tape(1).trades([MARCH]), unsaid=True)
        folder = "futures_usdt/candlesticks_5m"
        running.files[f"{folder}/202601/BTC_USDT-202601.csv.gz"] = _bars(JANUARY, 77_000)
        paid = f"{FEBRUARY // 1000},0.0001\n{FEBRUARY // 1000 + 28_800},-0.0002\n".encode()
        name = "futures_usdt/funding_applies/202602/BTC_USDT-202602.csv.gz"
        running.files[name] = gzip.compress(paid)
        yield running


def test_months_come_from_files_and_what_they_lack_over_http_once(fake, tmp_path):
    lake = Lake(tmp_path / "lake", create=True)
    settled = Tape(2).settlement(JANUARY + 8 * 3_600_000)
    fake.publish([settled], unsaid=True)
    reports = []
    for _ in range(2):
        venue = _venue(fake)
        with venue.http as http:
            reports.append(
                fetch(
                    lake,
                    venue.connector,
                    http,
                    ["klines", "funding"],
                    ["BTC"],
                    JANUARY,
                    NOW_MS,
                    FIVE_MS,
                    now_ms=lambda: NOW_MS,
                )
            )
    assert [(report.failures, report.refusals) for report in reports] == [((), ())] * 2
    bars = lake.read("klines").filter(pl.col("price_type") == "last")
    assert bars["source"].to_list() == ["gate:archive-candlesticks"] * 2
    # 20,000 contracts of a ten-thousandth of a bitcoin.
    assert bars["volume"].to_list() == pytest.approx([2.0, 2.0])
    paid = lake.read("funding").sort("event_time")
    assert paid["source"].to_list() == [
        "gate:funding_rate",
        "gate:archive-funding_applies",
        "gate:archive-funding_applies",
    ]
    assert paid["funding_rate"].to_list() == [settled.funding_rate, 0.0001, -0.0002]
    assert paid["interval_hours"].to_list() == [None, None, 8.0]
    first, second = reports
    assert {change.added for change in second.tables.values()} <= {0}
    assert second.read < first.read
    files = [name for name in fake.requests if "202601" in name and "candlesticks" in name]
    assert len(files) == 1


def test_every_request_over_http_asks_for_sizes_in_full(fake):
    venue = _venue(fake)
    with venue.http as http:
        heard = http._client.headers
        assert heard["X-Gate-Size-Decimal"] == "1"
