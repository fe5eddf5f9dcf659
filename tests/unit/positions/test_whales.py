"""Whales: the largest published positions, by hand, and what the answer says of a lake."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import polars as pl
import pytest

from forcedflow import tables
from forcedflow.answers import whales
from forcedflow.cli.app import run
from forcedflow.errors import NoDataError, UsageError
from forcedflow.instruments import parse_symbol
from forcedflow.positions.whales import find_whales
from forcedflow.store import Lake

TAKEN = datetime(2026, 2, 1, 12, tzinfo=UTC)
TAKEN_MS = int(TAKEN.timestamp() * 1000)
BTC = parse_symbol("BTC", "hyperliquid")


def _positions(rows, taken=TAKEN, source="hyperliquid:accounts"):
    """Rows of (account, side, coins, entry, liquidation price) at a mark of 100."""
    frame = pl.DataFrame(
        {
            "venue": "hyperliquid",
            "symbol": BTC.symbol,
            "event_time": taken,
            "available_time": taken,
            "account": [row[0] for row in rows],
            "side": [row[1] for row in rows],
            "amount": [float(row[2]) for row in rows],
            "entry_price": [float(row[3]) for row in rows],
            "notional_usd": [100.0 * row[2] for row in rows],
            "liquidation_price": [row[4] for row in rows],
            "source": source,
            "precedence": 1,
        }
    )
    return tables.check("positions", frame.cast({"liquidation_price": pl.Float64}))


ROWS = [
    ("a", "long", 5, 90, 80.0),
    ("b", "short", 9, 110, 150.0),
    ("c", "long", 20, 95, None),
    ("d", "short", 1, 101, 104.0),
]


def test_the_largest_come_first_with_distance_and_share():
    found = find_whales(_positions(ROWS), open_interest=50.0, most=3)
    assert found.mark_price == 100.0
    listed = found.positions
    assert listed["account"].to_list() == ["c", "b", "a"]
    assert listed["distance_pct"].to_list() == pytest.approx([None, 50.0, -20.0])
    assert listed["share_of_oi"].to_list() == pytest.approx([0.4, 0.18, 0.1])
    long, short = found.sides
    assert (long.notional_usd, long.n_accounts, long.not_liquidatable_usd) == (2500.0, 2, 2000.0)
    assert (long.share_of_oi, short.share_of_oi) == pytest.approx((0.5, 0.2))
    assert (long.largest_share, short.largest_share) == pytest.approx((1.0, 0.9))


def test_without_open_interest_shares_are_unknown_and_not_zero():
    found = find_whales(_positions(ROWS), open_interest=None)
    assert {held.share_of_oi for held in found.sides} == {None}
    assert found.rows()[0]["share_of_oi"] is None
    assert [row["rank"] for row in found.rows()] == [1, 2, 3, 4]


def test_nothing_to_list_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        find_whales(_positions(ROWS).clear(), 1.0)
    with pytest.raises(ValueError, match="at least one"):
        find_whales(_positions(ROWS), 1.0, most=0)


@pytest.fixture
def lake(tmp_path):
    made = Lake(tmp_path / "lake", create=True)
    times = [TAKEN - timedelta(minutes=5), TAKEN + timedelta(minutes=5)]
    open_interest = pl.DataFrame(
        {
            "venue": "hyperliquid",
            "symbol": BTC.symbol,
            "event_time": times,
            "available_time": times,
            "open_interest": [50.0, 1e9],
            "source": "made",
            "precedence": 1,
        }
    ).cast({"event_time": tables.TIME, "available_time": tables.TIME})
    made.write({"positions": _positions(ROWS), "open_interest": open_interest})
    return made


def test_coverage_is_of_the_open_interest_before_the_snapshot(lake):
    found = whales.ask(lake, BTC, TAKEN_MS + 60_000)
    assert found["followed"]["long"]["share_of_open_interest"] == 0.5
    assert found["followed"]["long"]["listed_share"] == 1.0
    assert found["freshness"]["age_s"] == 60.0
    assert found["simulated"] is False
    assert msgspec.json.encode(found)


def test_only_the_newest_snapshot_that_was_known_counts(lake):
    later = TAKEN + timedelta(hours=1)
    lake.write({"positions": _positions([("e", "long", 2, 99, 70.0)], taken=later)})
    before = whales.ask(lake, BTC, TAKEN_MS + 60_000)
    after = whales.ask(lake, BTC, TAKEN_MS + 3_600_000)
    assert [row["account"] for row in before["whales"]] == ["c", "b", "a", "d"]
    assert [row["account"] for row in after["whales"]] == ["e"]


def test_what_is_not_held_is_said_with_what_is(lake):
    with pytest.raises(NoDataError, match="they are held from 2026-02-01T12:00:00Z"):
        whales.ask(lake, BTC, TAKEN_MS - 1)
    with pytest.raises(NoDataError, match="positions of hyperliquid, none of this market"):
        whales.ask(lake, parse_symbol("ETH", "hyperliquid"), TAKEN_MS)
    with pytest.raises(UsageError, match="from 1 to 1000"):
        whales.ask(lake, BTC, TAKEN_MS, most=0)


def test_simulated_positions_are_said_to_be(tmp_path):
    made = Lake(tmp_path / "lake", create=True)
    made.write({"positions": _positions(ROWS, source="sandbox:accounts")})
    found = whales.ask(made, BTC, TAKEN_MS)
    assert found["simulated"] is True
    assert found["followed"]["short"]["share_of_open_interest"] is None


def test_the_command_prints_the_answer_and_a_table(lake, capsys):
    asked = ["whales", "BTC", "--at", "2026-02-01T12:01Z", "--lake", str(lake.root)]
    assert run([*asked, "--json"]) == 0
    expected = whales.ask(lake, BTC, TAKEN_MS + 60_000)
    assert msgspec.json.decode(capsys.readouterr().out) == msgspec.json.decode(
        msgspec.json.encode(expected)
    )
    assert run([*asked, "--most", "2"]) == 0
    shown = capsys.readouterr().out
    assert "50.0 % of all longs" in shown
    assert "$2.00K" in shown
    assert run([*asked, "--most", "0"]) == 2
