"""Maps of others as of a moment: of the market and of sums that hold it, known in the span."""

from __future__ import annotations

import polars as pl

from forcedflow.asof import read_peer_maps
from forcedflow.instruments import parse_symbol
from forcedflow.store import Lake
from forcedflow.tables import TIME
from forcedflow.units import DAY_MS

START = 20_000 * DAY_MS
BTC = parse_symbol("BTC")


def level(venue, symbol, known_ms=0):
    return {
        "venue": venue,
        "symbol": symbol,
        "event_time": START,
        "available_time": START + known_ms,
        "provider": "coinglass",
        "model": "map",
        "side": "unknown",
        "price_low": 90.0 + known_ms,
        "price_high": 95.0 + known_ms,
        "size": 1.0,
        "source": "coinglass:map",
        "precedence": 3,
    }


def held(tmp_path, *levels):
    lake = Lake(tmp_path / "lake", create=True)
    frame = pl.DataFrame(levels).with_columns(
        pl.col("event_time", "available_time").cast(TIME), pl.col("precedence").cast(pl.Int8)
    )
    lake.write({"peer_maps": frame})
    return lake


def test_maps_of_the_market_and_of_sums_that_hold_its_venue_are_read(tmp_path):
    lake = held(
        tmp_path,
        level("binance", "BTC/USDT:USDT"),
        level("all", "BTC"),
        level("binance+okx", "BTC"),
        level("bybit+okx", "BTC"),
        level("bybit", "BTC/USDT:USDT"),
        level("binance", "ETH/USDT:USDT"),
        level("all", "ETH"),
    )
    rows = read_peer_maps(lake, BTC, START, START)
    assert sorted(rows["venue"]) == ["all", "binance", "binance+okx"]
    assert set(rows["symbol"]) == {"BTC", "BTC/USDT:USDT"}


def test_a_map_is_read_if_it_became_known_in_the_span(tmp_path):
    lake = held(tmp_path, *(level("all", "BTC", known) for known in (0, 5, 9)))
    rows = read_peer_maps(lake, BTC, START + 5, START + 8)
    assert (rows["available_time"].dt.epoch("ms") - START).to_list() == [5]


def test_a_lake_without_maps_gives_no_rows(tmp_path):
    lake = Lake(tmp_path / "lake", create=True)
    assert read_peer_maps(lake, BTC, START, START + DAY_MS).is_empty()
