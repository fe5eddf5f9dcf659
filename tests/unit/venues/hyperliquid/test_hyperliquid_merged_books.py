"""Books whose levels the venue has merged give the depth bands that the exact one cannot reach."""

from __future__ import annotations

import json
from math import ceil, floor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.venues.hyperliquid.hyperliquid_frames import (
    ALICE,
    BOB,
    COINS,
    T0,
    closed,
    message,
    read,
    reader,
)

from forcedflow.errors import UsageError
from forcedflow.settings import Settings, VenueSettings
from forcedflow.venues.connector import Endpoints, FollowsAccounts
from forcedflow.venues.hyperliquid import HyperliquidConnector
from forcedflow.venues.network import connect_venue

MINUTE = 60_000


def _levels(price, step, sign, count=20, size=1.0):
    return [(price + sign * step * n, size) for n in range(count)]


def _book(bids, asks, connection, at_ms=T0, coin="BTC"):
    sides = [[{"px": str(px), "sz": str(sz), "n": 1} for px, sz in side] for side in (bids, asks)]
    data = {"coin": coin, "time": at_ms, "levels": sides}
    return message("l2Book", data, at_ms, connection)


def _exact(at_ms=T0):
    # 20 levels of a dollar: 0.03 % of the price.
    bids, asks = _levels(63_999.5, 1, -1), _levels(64_000.5, 1, 1)
    return _book(bids, asks, "books", at_ms)


def _merged(digits, at_ms=T0, size=1.0):
    step = {4: 10, 3: 100}[digits]
    bids = _levels(floor(63_999.5 / step) * step, step, -1, size=size)
    asks = _levels(ceil(64_000.5 / step) * step, step, 1, size=size)
    return _book(bids, asks, f"books:{digits}", at_ms)


def _bands(rows):
    return {row["distance_pct"]: row["amount"] for row in rows.get("depth_bands", [])}


def test_bitcoin_gets_the_bands_that_twenty_levels_of_a_dollar_do_not_reach():
    rows, _ = read(reader(), _exact(), _merged(4), _merged(3))
    # 0.2 % from 64 000 is 128 dollars: 12.8 steps of ten, the first of which begins at the mid.
    # 1 % is 640 dollars: six levels of a hundred, 63 900 being the first, and 40 % of another.
    assert _bands(rows) == pytest.approx(
        {-0.2: 12.8, 0.2: 12.8, -1: 6.4, 1: 6.4, -2: 12.8, 2: 12.8, -3: 19.2, 3: 19.2}
    )
    sources = {row["distance_pct"]: row["source"] for row in rows["depth_bands"]}
    assert sources[-0.2] == "hyperliquid:l2Book:4"
    assert sources[1.0] == "hyperliquid:l2Book:3"
    assert {row["available_time"] for row in rows["depth_bands"]} == {
        row["event_time"] for row in rows["depth_bands"]
    }


def test_a_coarser_book_speaks_where_the_finer_one_is_not_heard():
    rows, _ = read(reader(), _exact(), _merged(4), closed("books:4"), _merged(3, T0 + 1))
    assert rows["depth_bands"][0]["source"] == "hyperliquid:l2Book:4"
    by_three = [row for row in rows["depth_bands"] if row["source"].endswith(":3")]
    assert min(abs(row["distance_pct"]) for row in by_three) == 0.2


def test_bands_are_kept_each_half_minute():
    times = [T0, T0 + 500, T0 + 29_999, T0 + 30_000]
    frames = [frame for at in times for frame in (_exact(at), _merged(3, at))]
    rows, _ = read(reader(), *frames)
    assert len({row["event_time"] for row in rows["depth_bands"]}) == 2


@pytest.mark.parametrize(
    "before",
    [[], [_exact(T0 - 5_001)], [_exact(), closed("books")]],
    ids=["never heard", "too old", "cut"],
)
def test_without_a_mid_of_its_time_a_merged_book_says_nothing(before):
    rows, _ = read(reader(), *before, _merged(3))
    assert "depth_bands" not in rows


def test_a_merged_book_gives_no_levels_and_leaves_the_exact_one_as_it_is():
    own = reader()
    read(own, _exact())
    rows, _ = read(own, _merged(3), _merged(4))
    assert "order_book" not in rows


def test_a_one_sided_merged_book_and_other_coins_give_nothing():
    one_sided = _book([], [(64_100, 1.0)], "books:3")
    other = _book([(63_000, 1.0)], [(65_000, 1.0)], "books:3", coin="ETH")
    rows, _ = read(reader(), _exact(), one_sided, other)
    assert "depth_bands" not in rows


@settings(deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    share=st.floats(0.01, 1),
    mid=st.floats(10_000, 99_000),
)
def test_a_band_lies_between_the_sums_of_the_whole_book_at_the_steps_around_it(seed, share, mid):
    random, step = np.random.default_rng(seed), 100
    prices = mid - 0.5 - np.arange(3_000)
    amounts = random.exponential(size=prices.size) * (random.random(prices.size) < share)
    merged = {}
    for price, amount in zip(np.floor(prices / step) * step, amounts, strict=True):
        merged[price] = merged.get(price, 0.0) + amount
    bids = [(price, amount) for price, amount in merged.items() if amount][:20]
    exact = _book([(mid - 0.5, 1.0)], [(mid + 0.5, 1.0)], "books")
    rows, _ = read(reader(), exact, _book(bids, [(mid * 2, 1.0)], "books:3"))
    for distance_pct, amount in _bands(rows).items():
        if distance_pct < 0:
            edge = mid * (1 + distance_pct / 100)
            inner = amounts[prices >= np.ceil(edge / step) * step].sum()
            # A step without orders is no level, so the next one below it may be farther away.
            outer = amounts[prices >= max(price for price, _ in bids if price <= edge)].sum()
            assert inner - 1e-6 <= amount <= outer + 1e-6


def test_merged_books_are_asked_for_with_bands_and_on_connections_of_their_own():
    connector = HyperliquidConnector(Endpoints("https://venue.test", "wss://venue.test"))
    feeds, _ = connector.feeds(["depth_bands"], COINS[:1], MINUTE)
    said = {
        feed.name: [json.loads(one)["subscription"] for one in feed.subscribe] for feed in feeds
    }
    assert said == {
        "books": [{"type": "l2Book", "coin": "BTC"}],
        "books:4": [{"type": "l2Book", "coin": "BTC", "nSigFigs": 4}],
        "books:3": [{"type": "l2Book", "coin": "BTC", "nSigFigs": 3}],
    }
    assert all(feed.droppable and feed.carries == {"depth_bands"} for feed in feeds)


def _settings(**values):
    return Settings(venues={name: VenueSettings(**own) for name, own in values.items()})


def test_a_file_of_accounts_in_the_settings_is_followed(tmp_path):
    path = tmp_path / "accounts.txt"
    path.write_text(f"# desks\n{ALICE}\n{BOB}  # second\n")
    venue = connect_venue(
        "hyperliquid", _settings(hyperliquid={"accounts": str(path), "rest": "https://venue.test"})
    )
    assert isinstance(venue.connector, FollowsAccounts)
    assert venue.connector.endpoints.rest == "https://venue.test"
    assert venue.capabilities.liquidations == "sampled lower bound"
    assert venue.connector.reader(COINS).wallets.ranking() == [ALICE, BOB]


def test_without_a_file_nobody_is_followed_by_name():
    assert connect_venue("hyperliquid", Settings()).capabilities.liquidations == "none"


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("hyperliquid", "0x12", "is no account of Hyperliquid"),
        ("hyperliquid", None, "cannot be read"),
        ("bybit", "", "publishes no positions by account"),
    ],
)
def test_accounts_that_cannot_be_followed_are_refused(tmp_path, name, text, problem):
    path = tmp_path / "accounts.txt"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UsageError, match=problem):
        connect_venue(name, _settings(**{name: {"accounts": str(path)}}))
