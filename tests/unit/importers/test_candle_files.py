"""Candles in CSV and Parquet: units of volume, symbols, times, intervals."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from forcedflow.errors import DamagedFileError, UsageError
from forcedflow.venues.importers.candles import read_candles
from forcedflow.venues.importers.options import ImportOptions

SPOT = Path("BTCUSDT_spot_1h.csv")
HEADER = "timestamp,open,high,low,close,volume\n"
ROW = "2023-06-22 09:00:00+00:00,100,110,90,105,12.5\n"


def read(path: Path, text: str, **options):
    return read_candles(path, text.encode(), ImportOptions(**options))


def perps(*rows: tuple[str, str, float]) -> bytes:
    start = datetime(2025, 3, 6, 11, tzinfo=UTC)
    frame = pl.DataFrame(
        [(start, venue, coin, 100.0, 110.0, 90.0, 105.0, v) for venue, coin, v in rows],
        schema=["timestamp", "venue", "coin", "o", "h", "l", "c", "v"],
        orient="row",
    )
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()


def volumes(parsed) -> dict[str, float | None]:
    frame = parsed.frames["klines"]
    return dict(zip(frame["venue"], frame["volume"], strict=True))


def test_a_bar_of_spot_is_stamped_with_its_end():
    parsed = read(SPOT, HEADER + ROW, venue="binance")
    row = parsed.frames["klines"].row(0, named=True)
    assert row["event_time"].isoformat() == "2023-06-22T10:00:00+00:00"
    assert row["available_time"] == row["event_time"]
    assert (row["symbol"], row["price_type"], row["volume"]) == ("BTC/USDT", "spot", 12.5)
    assert (row["interval_ms"], row["precedence"]) == (3_600_000, 5)
    assert parsed.warnings == ()


def test_a_file_without_a_venue_is_taken_as_binance_and_says_so():
    parsed = read(SPOT, HEADER + ROW)
    assert parsed.frames["klines"]["venue"].item() == "binance"
    assert "taken as binance" in parsed.warnings[0]
    assert read(SPOT, HEADER + ROW, venue="bybit").frames["klines"]["venue"].item() == "bybit"


@pytest.mark.parametrize(
    "written",
    [
        "2023-06-22T09:00:00Z",
        "2023-06-22 09:00",
        "2023-06-22T11:00:00+02:00",
        "2023-06-22 09:00:00+00",
        "2023-06-22 09:00:00.000 UTC",
        "1687424400",
        "1687424400000",
        "1687424400000000",
    ],
)
def test_the_same_moment_is_read_however_it_is_written(written):
    frame = read(SPOT, HEADER + ROW.replace("2023-06-22 09:00:00+00:00", written)).frames["klines"]
    assert frame["event_time"].item() == datetime(2023, 6, 22, 10, tzinfo=UTC)


def test_volume_is_coins_where_the_venue_counts_coins_and_null_where_nobody_knows():
    data = perps(("binance", "BTC", 1.0), ("bybit", "BTC", 2.0), ("okx", "BTC", 300.0),
                 ("kraken", "BTC", 4.0))  # fmt: skip
    parsed = read_candles(Path("perp_1h.parquet"), data, ImportOptions())
    assert volumes(parsed) == {"binance": 1.0, "bybit": 2.0, "okx": None, "kraken": None}
    assert parsed.frames["klines"]["close"].null_count() == 0
    said = "\n".join(parsed.warnings)
    assert "okx counts contracts" in said
    assert "kraken's unit is unknown" in said
    assert "binance" not in said


def test_contracts_become_coins_once_their_size_is_stated():
    options = ImportOptions(
        contract_sizes=(("okx", "BTC", 0.01),), volume_units=(("kraken", "coins"),)
    )
    data = perps(("okx", "BTC", 300.0), ("kraken", "BTC", 4.0))
    parsed = read_candles(Path("perp_1h.parquet"), data, options)
    assert volumes(parsed) == {"okx": 3.0, "kraken": 4.0}
    assert parsed.warnings == ()


def test_volume_in_money_is_quote_volume():
    data = perps(("kraken", "BTC", 4000.0))
    options = ImportOptions(volume_units=(("kraken", "quote"),))
    row = read_candles(Path("perp_1h.parquet"), data, options).frames["klines"].row(0, named=True)
    assert (row["volume"], row["quote_volume"]) == (None, 4000.0)


def test_hyperliquid_perpetuals_settle_in_usdc():
    data = perps(("hyperliquid", "kPEPE", 1.0))
    frame = read_candles(Path("perp_1h.parquet"), data, ImportOptions()).frames["klines"]
    assert frame["symbol"].item() == "kPEPE/USDC:USDC"


def test_the_interval_is_the_most_common_spacing_gaps_or_not():
    hours = [9, 10, 11, 14, 15]
    text = HEADER + "".join(ROW.replace(" 09:", f" {hour:02}:") for hour in hours)
    frame = read(Path("BTCUSDT_spot.csv"), text).frames["klines"]
    assert frame["interval_ms"].unique().to_list() == [3_600_000]
    assert frame.height == 5


def test_one_bar_without_an_interval_asks_for_the_option():
    with pytest.raises(UsageError, match="--interval"):
        read(Path("BTCUSDT_spot.csv"), HEADER + ROW)
    frame = read(Path("BTCUSDT_spot.csv"), HEADER + ROW, interval="15m").frames["klines"]
    assert frame["interval_ms"].item() == 900_000


def test_a_file_that_names_no_symbol_asks_for_the_option():
    with pytest.raises(UsageError, match="--coin"):
        read(Path("my_spot_1h.csv"), HEADER + ROW)
    frame = read(Path("my_spot_1h.csv"), HEADER + ROW, coin="ETH").frames["klines"]
    assert frame["symbol"].item() == "ETH/USDT"


def test_a_file_that_says_neither_spot_nor_perpetual_asks_for_the_option():
    with pytest.raises(UsageError, match="--market"):
        read(Path("BTCUSDT_1h.csv"), HEADER + ROW)
    frame = read(Path("BTCUSDT_1h.csv"), HEADER + ROW, market="perp").frames["klines"]
    assert frame["price_type"].item() == "last"


def test_a_negative_price_is_named_by_row_and_field():
    with pytest.raises(DamagedFileError) as caught:
        read(SPOT, HEADER + ROW + ROW.replace(",90,", ",-90,"))
    assert (caught.value.row, caught.value.field) == (2, "low")


def test_a_text_where_a_time_stands_is_named_by_row_and_field():
    with pytest.raises(DamagedFileError) as caught:
        read(SPOT, HEADER + ROW + "yesterday,1,1,1,1,1\n")
    assert (caught.value.row, caught.value.field) == (2, "timestamp")


def test_a_broken_parquet_is_damage():
    data = perps(("binance", "BTC", 1.0))
    for broken in (data[:-20], b"PAR1" + bytes(40) + b"PAR1", b""):
        with pytest.raises(DamagedFileError):
            read_candles(Path("perp_1h.parquet"), broken, ImportOptions())


def test_a_symbol_nobody_uses_is_damage_of_the_file_not_of_the_command():
    data = perps(("binance", "B?C", 1.0))
    with pytest.raises(DamagedFileError) as caught:
        read_candles(Path("perp_1h.parquet"), data, ImportOptions())
    assert caught.value.field == "coin"
