"""What ``venues`` prints of venues that are held, that can be asked, and that nobody knows."""

from __future__ import annotations

import json
import re

import numpy as np
import polars as pl
import pytest

from forcedflow import tables
from forcedflow.cli.app import run
from forcedflow.store import Lake
from forcedflow.store.feed_gaps import FeedGap, append_gap
from forcedflow.units import DAY_MS, HOUR_MS, MINUTE_MS
from forcedflow.venues.fees import TAKER_FEES
from forcedflow.venues.network import CONNECTORS

AT_MS = 1_770_336_000_000
AT = "2026-02-06T00:00Z"
BTC = "BTC/USDT:USDT"
TICK = 1.0


def _rows(table, venue, symbol, times_ms, source="test", **columns):
    times = pl.Series(np.asarray(times_ms, dtype=np.int64)).cast(tables.TIME)
    frame = pl.DataFrame({"event_time": times, "available_time": times, **columns}).with_columns(
        venue=pl.lit(venue), symbol=pl.lit(symbol), source=pl.lit(source), precedence=pl.lit(1)
    )
    return tables.check(table, frame)


def _book(venue, levels=30, amount=2.0, at_ms=AT_MS - 1_000, source="test"):
    """A book around 10,000 with the same amount every dollar."""
    level = np.arange(levels)
    price = np.concatenate([9_999 - TICK * level, 10_001 + TICK * level])
    return _rows(
        "order_book",
        venue,
        BTC,
        np.full(2 * levels, at_ms),
        source,
        side=["bid"] * levels + ["ask"] * levels,
        level=np.tile(level, 2).astype(np.int32),
        price=price,
        amount=np.full(2 * levels, amount),
    )


def _interest(venue, coins, at_ms=AT_MS - 5 * MINUTE_MS):
    return _rows("open_interest", venue, BTC, [at_ms], open_interest=[coins])


def _brackets(venue):
    return _rows(
        "leverage_brackets",
        venue,
        BTC,
        [AT_MS - DAY_MS] * 2,
        bracket=np.array([1, 2], dtype=np.int32),
        notional_floor=[0.0, 50_000.0],
        notional_cap=[50_000.0, 1e6],
        max_leverage=[100.0, 20.0],
        maintenance_margin_rate=[0.005, 0.02],
        maintenance_amount=[0.0, 750.0],
    )


def _hours(venue, n=24, end_ms=AT_MS):
    price = 10_000 * np.exp(0.002 * np.sin(np.arange(n + 1)))
    return _rows(
        "klines",
        venue,
        BTC,
        end_ms - HOUR_MS * np.arange(n - 1, -1, -1),
        price_type=["last"] * n,
        interval_ms=[HOUR_MS] * n,
        open=price[:-1],
        high=price.max() * np.ones(n),
        low=price.min() * np.ones(n),
        close=price[1:],
        quote_volume=np.full(n, 1e7),
    )


@pytest.fixture
def lake(tmp_path):
    lake = Lake(tmp_path / "lake", create=True)
    lake.write(
        {
            "order_book": pl.concat([_book("binance"), _book("bybit", amount=40.0)]),
            "open_interest": pl.concat([_interest("binance", 300.0), _interest("bybit", 100.0)]),
            "leverage_brackets": _brackets("binance"),
            "klines": _hours("okx"),
        }
    )
    return lake


def _answer(capsys, lake, *arguments, status=0):
    asked = ["venues", "BTC", "--at", AT, "--lake", str(lake.root), *arguments]
    assert run([*asked, "--json"]) == status
    return json.loads(capsys.readouterr().out)


def _by_venue(found):
    return {one["venue"]: one for one in found["venues"]}


def test_depth_and_slippage_are_those_of_the_book_and_cost_adds_the_fee(lake, capsys):
    binance = _by_venue(_answer(capsys, lake, "--order", "50000"))["binance"]
    levels = np.arange(20)
    held = {"sell": 2.0 * (9_999 - levels).sum(), "buy": 2.0 * (10_001 + levels).sum()}
    assert binance["depth_20_levels_usd"] == pytest.approx(held)
    # Fifty thousand dollars eat two and a half levels: one to three and a half bps away.
    assert binance["slippage_bps"]["sell"] == pytest.approx(1.8, abs=0.6)
    assert binance["slippage_measured"] is True
    mean = sum(binance["slippage_bps"].values()) / 2
    assert binance["cost_bps"] == pytest.approx(mean + 5.0, rel=1e-4)
    assert binance["taker_fee"]["rate"] == TAKER_FEES["binance"].rate
    # Thirty levels show a third of a percent; the rest of one percent is assumed, and marked.
    assert binance["depth_measured"] is False


def test_a_larger_order_pays_more_and_a_deeper_venue_less(lake, capsys):
    small, large = (_by_venue(_answer(capsys, lake, "--order", size)) for size in ("1e4", "1e6"))
    for venue in ("binance", "bybit"):
        assert large[venue]["slippage_bps"]["buy"] > small[venue]["slippage_bps"]["buy"]
    assert large["bybit"]["slippage_bps"]["buy"] < large["binance"]["slippage_bps"]["buy"]


def test_books_come_first_by_cost_then_estimates_then_the_unknown(lake, capsys):
    found = _answer(capsys, lake, "--order", "1e6")["venues"]
    costs = [one["cost_bps"] for one in found]
    assert costs[0] < costs[1]
    assert costs[2] < costs[0]  # an estimate that looks better than any book
    # Of the others nothing is held: every venue that has a connector is named all the same.
    assert set(costs[3:]) == {None}
    assert [one["venue"] for one in found[:3]] == ["bybit", "binance", "okx"]
    assert {one["venue"] for one in found} == set(CONNECTORS)


def test_leverage_is_that_of_the_bracket_that_holds_the_order(lake, capsys):
    for order, most in (("50000", 100.0), ("50001", 20.0)):
        binance = _by_venue(_answer(capsys, lake, "--order", order))["binance"]
        assert (binance["max_leverage"], binance["max_leverage_of_order"]) == (100.0, most)
    assert _by_venue(_answer(capsys, lake))["okx"]["max_leverage"] is None


def test_shares_of_open_interest_are_of_those_known(lake, capsys):
    found = _by_venue(_answer(capsys, lake))
    assert found["binance"]["share_of_oi"] == pytest.approx(0.75)
    assert found["bybit"]["share_of_oi"] == pytest.approx(0.25)
    assert found["okx"]["share_of_oi"] is None


def test_open_interest_of_yesterday_is_no_share(lake, capsys):
    lake.write({"open_interest": _interest("okx", 500.0, AT_MS - DAY_MS)})
    found = _by_venue(_answer(capsys, lake))
    assert found["okx"]["open_interest"] is None
    assert found["okx"]["age_s"]["open_interest"] == 86_400
    assert found["binance"]["share_of_oi"] == pytest.approx(0.75)


def test_without_a_book_depth_is_estimated_from_volume_and_says_so(lake, capsys):
    okx = _by_venue(_answer(capsys, lake))["okx"]
    assert okx["depth_measured"] is okx["slippage_measured"] is False
    assert "day's volume" in okx["depth_source"]
    assert okx["depth_20_levels_usd"] is None


def test_a_venue_of_which_nothing_is_held_is_unknown_and_says_what_to_run(lake, capsys):
    one = _by_venue(_answer(capsys, lake))["hyperliquid"]
    unknown = ("cost_bps", "slippage_bps", "depth_1pct_usd", "open_interest", "depth_source")
    assert [one[name] for name in unknown] == [None] * len(unknown)
    assert one["age_s"] == {}
    assert one["public_positions"] is True
    assert one["liquidations"] == "none"
    assert "forcedflow record hyperliquid BTC" in one["for_what_is_unknown"]


def test_what_became_known_later_is_not_seen(lake, capsys):
    before = _answer(capsys, lake)
    lake.write(
        {
            "order_book": _book("okx", at_ms=AT_MS + 1_000),
            "open_interest": _interest("okx", 9_000.0, AT_MS + MINUTE_MS),
        }
    )
    assert _answer(capsys, lake) == before


def test_an_old_book_is_no_book(lake, capsys):
    asked = ["venues", "BTC", "--at", "2026-02-06T01:00Z", "--lake", str(lake.root), "--json"]
    assert run(asked) == 0
    binance = _by_venue(json.loads(capsys.readouterr().out))["binance"]
    assert binance["depth_1pct_usd"] is None
    assert binance["age_s"]["order_book"] == 3_601


def test_a_recording_tells_the_gaps_it_has_left(lake, capsys):
    assert _by_venue(_answer(capsys, lake))["binance"]["unrepaired_gaps_24h"] is None
    for start_ms, repaired in (
        (AT_MS - 3 * HOUR_MS, False),
        (AT_MS - 2 * HOUR_MS, True),
        (AT_MS - 3 * DAY_MS, False),
        (AT_MS + HOUR_MS, False),
    ):
        gap = FeedGap(
            "binance", "a", ("trades",), (BTC,), start_ms, start_ms + MINUTE_MS, "down", repaired
        )
        append_gap(lake.root, gap)
    assert _by_venue(_answer(capsys, lake))["binance"]["unrepaired_gaps_24h"] == 1


def test_completeness_is_that_of_the_rows_before_the_venues_own_words(lake, capsys):
    assert _by_venue(_answer(capsys, lake))["bybit"]["liquidations"] == "complete"
    rows = _rows(
        "liquidation_totals",
        "bybit",
        BTC,
        [AT_MS - HOUR_MS],
        side=["long"],
        interval_ms=[HOUR_MS],
        notional_usd=[1.0],
        completeness=["sampled lower bound"],
    )
    lake.write({"liquidation_totals": rows})
    assert _by_venue(_answer(capsys, lake))["bybit"]["liquidations"] == "sampled lower bound"


def test_a_simulated_lake_says_so_and_names_no_real_venue(tmp_path, capsys):
    lake = Lake(tmp_path / "simulated", create=True)
    lake.write({"order_book": _book("sandbox", source="sandbox:order_book")})
    found = _answer(capsys, lake)
    assert found["simulated"] is True
    assert [one["venue"] for one in found["venues"]] == ["sandbox"]
    assert run(["venues", "BTC", "--at", AT, "--lake", str(lake.root)]) == 0
    assert "SIMULATED" in capsys.readouterr().out


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_table_fits_and_marks_what_is_estimated_or_unknown(lake, capsys, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    assert run(["venues", "BTC", "--at", AT, "--lake", str(lake.root)]) == 0
    out = capsys.readouterr().out
    lines = out.splitlines()
    assert max(len(line) for line in lines) <= width
    row = {line.split()[0]: line for line in lines[2 : 2 + len(CONNECTORS)]}
    assert set(row) == set(CONNECTORS)
    assert "~" in row["okx"]
    assert "?" in row["hyperliquid"]
    flat = " ".join(out.split())
    assert "not advice" in flat
    assert TAKER_FEES["bybit"].source in flat


@pytest.mark.parametrize("order", ["0", "-5", "nan"])
def test_an_order_without_a_size_is_refused(lake, capsys, order):
    assert run(["venues", "BTC", "--order", order, "--lake", str(lake.root)]) == 2
    assert "above zero" in capsys.readouterr().err


def test_a_coin_that_is_not_held_is_no_data(lake, capsys):
    assert run(["venues", "ETH", "--at", AT, "--lake", str(lake.root)]) == 3
    assert "hint: forcedflow fetch" in capsys.readouterr().err


def test_every_fee_is_a_rate_with_a_source_and_a_day():
    for venue, fee in TAKER_FEES.items():
        assert 0 < fee.rate < 0.001, venue
        assert fee.source
        assert fee.read_on.startswith("20")


@pytest.mark.payloads
@pytest.mark.parametrize(
    ("venue", "field"), [("gate", "taker_fee_rate"), ("kucoin", "takerFeeRate")]
)
def test_fees_of_contract_endpoints_are_those_recorded(payloads, venue, field):
    pattern = re.compile(rf'"{field}":\s*"?(0\.[0-9]+)')
    found = {
        float(rate)
        for path in (payloads / venue).rglob("*.json")
        for rate in pattern.findall(path.read_text(encoding="utf-8", errors="ignore"))
    }
    assert TAKER_FEES[venue].rate in found
