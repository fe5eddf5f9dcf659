"""Positions of named accounts, from dYdX's indexer on loopback to rows of the lake's table."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing

import pytest
from tests.venues.fakes.dydx import MAINTENANCE, FakeDydx
from tests.venues.fakes.facts import Position
from tests.venues.market_day import Day

from forcedflow.errors import UsageError
from forcedflow.settings import Settings, VenueSettings
from forcedflow.venues.network import connect_venue

LONG, SHORT, NOBODY = (f"dydx1{letter * 38}" for letter in "qpz")


def held(account, side, size, equity):
    now_ms = time.time_ns() // 1_000_000
    return Position(now_ms, account, side, size, 49_000.0, 0.0, 5, "cross", None, 12.5, equity)


def connected(fake, accounts):
    there = fake.endpoints
    own = VenueSettings(rest=there.rest, stream=there.stream, accounts=str(accounts))
    return connect_venue("dydx", Settings(venues={"dydx": own}))


async def first_positions(venue, count):
    rows: dict[str, dict] = {}
    async with (
        asyncio.timeout(15),
        aclosing(venue.stream(["positions"], "BTC/USDC:USDC")) as batches,
    ):
        async for batch in batches:
            found = batch["positions"].to_dicts() if "positions" in batch else []
            rows |= {row["account"]: row for row in found}
            if len(rows) >= count:
                return rows
    raise AssertionError(f"the stream ended with {sorted(rows)}")


def test_named_accounts_are_followed_with_the_price_that_would_close_each(tmp_path):
    accounts = tmp_path / "accounts.txt"
    accounts.write_text(f"{LONG}\n{SHORT}\n{NOBODY}  # holds nothing\n", encoding="utf-8")
    with FakeDydx() as fake:
        Day(fake, time.time_ns() // 1_000_000).open()
        positions = [held(LONG, "long", 2.0, 10_000.0), held(SHORT, "short", 3.0, 20_000.0)]
        fake.publish(positions, unsaid=True)
        venue = connected(fake, accounts)
        try:
            rows = asyncio.run(first_positions(venue, 2))
        finally:
            venue.http.close()
        mark = float(
            fake.answer("/v4/perpetualMarkets", {}, None)["markets"]["BTC-USD"]["oraclePrice"]
        )
    assert set(rows) == {f"{LONG}/0", f"{SHORT}/0"}
    for account, sign, size, equity in ((LONG, 1, 2.0, 10_000.0), (SHORT, -1, 3.0, 20_000.0)):
        row = rows[f"{account}/0"]
        assert row["side"] == {1: "long", -1: "short"}[sign]
        assert (row["amount"], row["account_value_usd"]) == (size, equity)
        assert row["notional_usd"] == pytest.approx(size * mark)
        price = row["liquidation_price"]
        left = equity + sign * size * (price - mark)
        assert left == pytest.approx(size * price * MAINTENANCE)
        assert row["available_time"] >= row["event_time"]


def test_accounts_can_be_named_only_to_venues_that_publish_them(tmp_path):
    accounts = tmp_path / "accounts.txt"
    accounts.write_text("nobody\n", encoding="utf-8")
    with pytest.raises(UsageError, match="no address of dydx"):
        connect_venue("dydx", Settings(venues={"dydx": VenueSettings(accounts=str(accounts))}))
    with pytest.raises(UsageError, match="publishes no positions"):
        connect_venue("kucoin", Settings(venues={"kucoin": VenueSettings(accounts=str(accounts))}))
