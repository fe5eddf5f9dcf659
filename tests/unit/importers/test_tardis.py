"""Tardis.dev's files: sides of positions, contracts in coins, one-sided open interest."""

from __future__ import annotations

import gzip
from pathlib import Path

import polars as pl
import pytest

from forcedflow.cli.app import run
from forcedflow.errors import DamagedFileError, UsageError
from forcedflow.store import Lake
from forcedflow.venues.importers.options import ImportOptions
from forcedflow.venues.importers.registry import discover
from forcedflow.venues.importers.tardis import read_tardis

AT_US = 1_780_272_000_123_456  # 2026-06-01T00:00:00.123456Z
AT_MS = AT_US // 1000
HEAD = "exchange,symbol,timestamp,local_timestamp"
PRINTS = f"{HEAD},id,side,price,amount"
TICKER = (
    f"{HEAD},funding_timestamp,funding_rate,predicted_funding_rate,open_interest,"
    "last_price,index_price,mark_price"
)


def csv(header, *lines):
    return "\n".join([header, *lines]).encode() + b"\n"


def line(exchange, symbol, after_us, *values, late_us=5_000):
    at = AT_US + after_us
    return ",".join(map(str, (exchange, symbol, at, at + late_us, *values)))


def read(data, name="binance-futures_liquidations_2026-06-01_BTCUSDT.csv.gz", **stated):
    return read_tardis(Path(name), gzip.compress(data), ImportOptions(**stated))


def rows(parsed, table):
    times = pl.col("event_time", "available_time").dt.timestamp("ms")
    return parsed.frames[table].with_columns(times).rows(named=True)


def test_a_buy_order_liquidates_a_short_and_a_sell_order_a_long():
    data = csv(
        PRINTS,
        line("binance-futures", "BTCUSDT", 0, "", "buy", 60_000.5, 0.5),
        line("binance-futures", "BTCUSDT", 1_000, "", "sell", 59_000, 2),
    )
    short, long = rows(read(data), "liquidations")
    assert (short["side"], long["side"]) == ("short", "long")
    assert short["event_time"] == AT_MS
    assert short["available_time"] == AT_MS + 5  # when it reached the vendor
    assert (short["venue"], short["symbol"]) == ("binance", "BTC/USDT:USDT")
    assert (short["amount"], short["notional_usd"]) == (0.5, 30_000.25)
    assert (short["price_kind"], short["completeness"]) == ("fill", "sampled lower bound")
    assert (short["event_id"], short["source"]) == ("", "tardis:liquidations")


def test_bybit_is_complete_only_since_it_prints_all():
    before = (1_740_441_600_000_000 - AT_US, 1_740_614_400_000_000 - AT_US)
    data = csv(
        PRINTS, *(line("bybit", "BTCUSDT", at, "", "sell", 60_000, 1, late_us=0) for at in before)
    )
    told = rows(read(data, "bybit_liquidations_2025-02-01_BTCUSDT.csv.gz"), "liquidations")
    assert [row["completeness"] for row in told] == ["sampled lower bound", "complete"]


def test_contracts_become_coins_by_the_size_that_is_stated_or_not_at_all():
    data = csv(PRINTS, line("okex-swap", "BTC-USDT-SWAP", 0, "", "buy", 60_000, 250))
    name = "okex-swap_liquidations_2026-06-01_BTC-USDT-SWAP.csv.gz"
    with pytest.raises(UsageError, match=r"--contract-size okx:BTC=0\.01"):
        read(data, name)
    (row,) = rows(read(data, name, contract_sizes=(("okx", "BTC", 0.01),)), "liquidations")
    assert (row["symbol"], row["amount"], row["notional_usd"]) == ("BTC/USDT:USDT", 2.5, 150_000)


def test_trades_keep_their_ids_get_one_where_there_is_none_and_need_a_taker():
    name = "bybit/trades/2026/06/01/BTCUSDT.csv.gz"
    data = csv(
        PRINTS,
        line("bybit", "BTCUSDT", 0, "a1", "buy", 60_000, 0.5),
        line("bybit", "BTCUSDT", 0, "", "sell", 60_000, 0.25),
        line("bybit", "BTCUSDT", 0, "", "sell", 60_000, 0.25),
        line("bybit", "BTCUSDT", 0, "a4", "unknown", 60_000, 9),
    )
    parsed = read(data, name)
    told = rows(parsed, "trades")
    made = f"{AT_MS}:sell:60000.0:0.25"
    assert [row["trade_id"] for row in told] == ["a1", f"{made}:0", f"{made}:1"]
    assert [row["taker_side"] for row in told] == ["buy", "sell", "sell"]
    assert "1 trades name no taker" in parsed.warnings[0]


def test_a_ticker_gives_one_sided_interest_estimates_and_bars_of_whole_minutes():
    step_us = 2_000_000
    lines = [
        line(
            "bybit",
            "BTCUSDT",
            number * step_us,
            *("", 1e-4 if number else "", "", 2_000 + number if number % 2 else ""),
            *(60_000, 60_001 + number, 60_002 + number),
        )
        for number in range(70)
    ]
    name = "bybit_derivative_ticker_2026-06-01_BTCUSDT.csv.gz"
    parsed = read(csv(TICKER, *lines), name)
    interest = rows(parsed, "open_interest")
    assert [row["open_interest"] for row in interest] == [1014.5, 1029.5, 1034.5]
    assert interest[0]["open_interest_usd"] == 1014.5 * 60_031
    funding = rows(parsed, "funding")
    assert {(row["kind"], row["funding_rate"]) for row in funding} == {("predicted", 1e-4)}
    assert len(funding) == 3
    bars = {(row["price_type"], row["event_time"]): row for row in rows(parsed, "klines")}
    minute = AT_MS - AT_MS % 60_000
    # The third minute was cut short.
    ends = [minute + 60_000, minute + 120_000]
    assert sorted(bars) == [(kind, end) for kind in ("index", "mark") for end in ends]
    first = bars["mark", ends[0]]
    assert [first[name] for name in ("open", "high", "low", "close")] == [
        60_002,
        60_031,
        60_002,
        60_031,
    ]
    assert first["volume"] is None
    assert all(row["available_time"] >= row["event_time"] for row in bars.values())


def test_a_ticker_of_contracts_without_open_interest_needs_no_size():
    data = csv(TICKER, line("okex-swap", "BTC-USDT-SWAP", 0, "", 1e-4, "", "", "", "", 60_000))
    name = "okex-swap_derivative_ticker_2026-06-01_BTC-USDT-SWAP.csv.gz"
    assert set(read(data, name).frames) == {"funding"}


def test_books_are_kept_once_a_second_and_crossed_ones_are_left_out():
    header = ",".join(
        [HEAD]
        + [
            f"{side}[{level}].{what}"
            for level in range(2)
            for side in ("asks", "bids")
            for what in ("price", "amount")
        ]
    )
    data = csv(
        header,
        line("binance-futures", "BTCUSDT", 0, *(101, 1, 100, 1, 102, 1, 99, 1)),
        line("binance-futures", "BTCUSDT", 500_000, *(101, 2, 100, 3, 102, 4, "", "")),
        line("binance-futures", "BTCUSDT", 1_000_000, *(100, 1, 100, 1, 102, 1, 99, 1)),
    )
    parsed = read(data, "binance-futures_book_snapshot_25_2026-06-01_BTCUSDT.csv.gz")
    told = {(row["side"], row["level"]): row for row in rows(parsed, "order_book")}
    found = {where: (row["price"], row["amount"]) for where, row in told.items()}
    assert found == {("ask", 0): (101, 2), ("bid", 0): (100, 3), ("ask", 1): (102, 4)}
    assert {row["event_time"] for row in told.values()} == {AT_MS + 500}
    assert "1 crossed books" in parsed.warnings[0]


def test_other_contracts_of_a_grouped_file_are_left_out_and_named():
    data = csv(
        PRINTS,
        line("bybit", "BTCUSD", 0, "", "buy", 60_000, 100),
        line("bybit", "BTC-27MAR26", 0, "", "buy", 60_000, 1),
        line("bybit", "ETHUSDT", 0, "", "buy", 3_000, 1),
    )
    parsed = read(data, "bybit_liquidations_2026-06-01_PERPETUALS.csv.gz")
    (row,) = rows(parsed, "liquidations")
    assert row["symbol"] == "ETH/USDT:USDT"
    assert "BTC-27MAR26, BTCUSD left out" in parsed.warnings[0]


def test_a_day_without_liquidations_is_no_damage():
    parsed = read(csv(PRINTS))
    assert parsed.frames == {}
    assert "holds no rows" in parsed.warnings[0]


def test_trades_and_liquidations_look_alike_so_something_must_say_which():
    data = csv(PRINTS, line("bybit", "BTCUSDT", 0, "", "buy", 60_000, 1))
    with pytest.raises(UsageError, match="--dataset liquidations"):
        read(data, "BTCUSDT.csv.gz")
    assert set(read(data, "BTCUSDT.csv.gz", dataset="trades").frames) == {"trades"}


def test_an_exchange_that_is_not_known_must_be_stated_with_its_unit():
    data = csv(PRINTS, line("woo-x", "BTCUSDT", 0, "", "buy", 60_000, 1))
    with pytest.raises(UsageError, match="woo-x"):
        read(data)
    stated = {"venue": "woo", "volume_units": (("woo", "coins"),)}
    (row,) = rows(read(data, **stated), "liquidations")
    assert (row["venue"], row["completeness"]) == ("woo", "unknown")


@pytest.mark.parametrize(
    ("values", "field"),
    [(("", "up", 1, 1), "side"), (("", "buy", -1, 1), "price"), (("", "buy", 1, "x"), "amount")],
)
def test_a_damaged_row_is_named(values, field):
    data = csv(
        PRINTS,
        line("bybit", "BTCUSDT", 0, "", "buy", 1, 1),
        line("bybit", "BTCUSDT", 1, *values),
    )
    with pytest.raises(DamagedFileError, match=f"row 2, field {field}"):
        read(data)


def test_a_torn_gzip_and_a_strange_table_are_refused():
    packed = gzip.compress(csv(PRINTS, line("bybit", "BTCUSDT", 0, "", "buy", 1, 1)))
    with pytest.raises(DamagedFileError, match="gzip"):
        read_tardis(Path("bybit_trades.csv.gz"), packed[:-9], ImportOptions())
    with pytest.raises(DamagedFileError, match="is none of the files"):
        read(csv(f"{HEAD},bid_price,ask_price", line("bybit", "BTCUSDT", 0, 1, 2)))


def test_a_folder_is_imported_and_files_of_others_are_passed_over(tmp_path, capsys):
    folder = tmp_path / "datasets"
    folder.mkdir()
    data = csv(PRINTS, line("bybit", "BTCUSDT", 0, "", "sell", 60_000, 1))
    (folder / "bybit_liquidations_2026-06-01_BTCUSDT.csv.gz").write_bytes(gzip.compress(data))
    (folder / "prices.csv").write_text("a,b\n1,2\n")
    assert [path.name for path in discover("tardis", [folder]).files] == [
        "bybit_liquidations_2026-06-01_BTCUSDT.csv.gz"
    ]
    words = ["import", "tardis", str(folder), "--lake", str(tmp_path / "lake")]
    assert run(words) == 0
    assert "prices.csv: not a file of tardis" in capsys.readouterr().err
    assert Lake(tmp_path / "lake").read("liquidations")["side"].to_list() == ["long"]
    assert run(words) == 0
    assert "1 skipped" in capsys.readouterr().out
