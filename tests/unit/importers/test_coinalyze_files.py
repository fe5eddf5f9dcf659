"""Coinalyze: the hourly CSV and stored replies, by hand in the documented shapes."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from forcedflow.errors import DamagedFileError, UsageError
from forcedflow.venues.importers.coinalyze import read_coinalyze
from forcedflow.venues.importers.options import ImportOptions

HEADER = (
    "ts,coin,open,high,low,close,volume,buy_volume,trades,buy_trades,oi_open,oi_high,oi_low,"
    "oi_close,ls_ratio,long_pct,short_pct,liq_long_coins,liq_short_coins,liq_row_present\n"
)
ROW = (
    "2024-06-19 21:00:00+00:00,BTC,100,110,90,105,30,20,18,7,1,1,1,75286.992,2.5,71,28,0.5,2,True\n"
)
NO_LIQUIDATIONS = (
    "2024-06-19 22:00:00+00:00,BTC,100,110,90,105,30,20,18,7,1,1,1,75000,,,,0,0,False\n"
)
END = datetime(2024, 6, 19, 22, tzinfo=UTC)


def read(text: str, **options):
    return read_coinalyze(Path("coinalyze_1h.csv"), text.encode(), ImportOptions(**options))


def reply(history, symbol="BTCUSDT_PERP.A", **options):
    document = msgspec.json.encode([{"symbol": symbol, "history": history}])
    return read_coinalyze(
        Path("reply.json"), document, ImportOptions(**({"interval": "1h"} | options))
    )


def test_an_hour_fills_four_tables_at_its_end():
    frames = read(HEADER + ROW).frames
    for frame in frames.values():
        assert set(frame["event_time"]) == {END}
        assert set(frame["symbol"]) == {"BTC/USDT:USDT"}
    kline = frames["klines"].row(0, named=True)
    assert (kline["price_type"], kline["volume"], kline["taker_buy_volume"]) == ("last", 30, 20)
    assert frames["open_interest"]["open_interest"].item() == 75286.992
    ratio = frames["long_short_ratio"].row(0, named=True)
    assert (ratio["kind"], ratio["ratio"]) == ("accounts", 2.5)
    assert (ratio["available_time"] - ratio["event_time"]).total_seconds() == 300


def test_liquidated_coins_are_valued_at_the_close():
    totals = read(HEADER + ROW).frames["liquidation_totals"].sort("side")
    assert totals["amount"].to_list() == [0.5, 2]
    assert totals["notional_usd"].to_list() == [0.5 * 105, 2 * 105]


def test_an_hour_the_vendor_has_no_liquidations_of_is_missing_not_quiet():
    frames = read(HEADER + ROW + NO_LIQUIDATIONS).frames
    assert frames["klines"].height == 2
    assert frames["long_short_ratio"].height == 1
    assert set(frames["liquidation_totals"]["event_time"]) == {END}


def test_a_word_where_a_flag_stands_is_named_by_row_and_field():
    with pytest.raises(DamagedFileError) as caught:
        read(HEADER + ROW + NO_LIQUIDATIONS.replace("False", "perhaps"))
    assert (caught.value.row, caught.value.field) == (2, "liq_row_present")


def test_a_reply_of_bars_is_told_by_its_keys():
    bar = {"t": 1718830800, "o": 100, "h": 110, "l": 90, "c": 105, "v": 3, "bv": 2, "tx": 9}
    row = reply([bar]).frames["klines"].row(0, named=True)
    assert (row["event_time"], row["volume"], row["taker_buy_volume"]) == (END, 3, 2)
    assert row["trade_count"] == 9


def test_open_interest_and_funding_look_alike_so_the_dataset_is_stated():
    history = [{"t": 1718830800, "o": 1, "h": 2, "l": 1, "c": 1.5}]
    with pytest.raises(UsageError, match="--dataset"):
        reply(history)
    with pytest.raises(UsageError, match="--volume-unit binance=coins"):
        reply(history, dataset="open_interest")
    with pytest.raises(UsageError, match="--rate-unit"):
        reply(history, dataset="funding")
    for unit, column in (("coins", "open_interest"), ("quote", "open_interest_usd")):
        frames = reply(history, dataset="open_interest", volume_units=(("binance", unit),)).frames
        assert frames["open_interest"][column].item() == 1.5
    funding = reply(history, dataset="funding", rate_unit="percent").frames["funding"]
    assert funding["funding_rate"].item() == pytest.approx(0.015)


def test_liquidations_in_a_reply_are_dollars_or_nothing():
    history = [{"t": 1718830800, "l": 10.5, "s": 20}]
    with pytest.raises(UsageError, match="convert_to_usd"):
        reply(history)
    frame = reply(history, volume_units=(("binance", "quote"),)).frames["liquidation_totals"]
    assert dict(zip(frame["side"], frame["notional_usd"], strict=True)) == {
        "long": 10.5,
        "short": 20,
    }


def test_a_ratio_is_told_from_liquidations_by_its_own_key():
    frame = reply([{"t": 1718830800, "r": 2.5, "l": 71, "s": 29}]).frames["long_short_ratio"]
    assert frame["ratio"].item() == 2.5


def test_an_unknown_exchange_code_asks_for_the_venue():
    bar = {"t": 1718830800, "o": 1, "h": 1, "l": 1, "c": 1, "v": 3}
    with pytest.raises(UsageError, match="--venue"):
        reply([bar], symbol="BTCUSDT_PERP.Q")
    frame = reply([bar], symbol="BTCUSDT_PERP.Q", venue="gate").frames["klines"]
    assert frame["venue"].item() == "gate"


@pytest.mark.parametrize("data", [b"{}", b"[1]", b'[{"symbol":"BTCUSDT_PERP.A","history":3}]'])
def test_a_broken_reply_is_damage(data):
    with pytest.raises(DamagedFileError):
        read_coinalyze(Path("reply.json"), data, ImportOptions())
