"""CoinGlass exports and replies, by hand in the documented shapes."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from forcedflow.errors import DamagedFileError, UsageError
from forcedflow.venues.importers.coinglass import read_coinglass
from forcedflow.venues.importers.options import ImportOptions

COMBINED = (
    "timestamp,datetime_utc,price_open,price_high,price_low,price_close,liquidation_long_usd,"
    "liquidation_short_usd,liquidation_total_usd,funding_open,funding_high,funding_low,"
    "funding_close,oi_open,oi_high,oi_low,oi_close\n"
    "1764828000000,2025-12-04T06:00:00.000Z,100,110,90,105,42620.5,1499665.5,1542286,"
    "0.004,0.006,0.004,0.005,1,2,1,8248989576\n"
)
END = datetime(2025, 12, 4, 7, tzinfo=UTC)


def read(name: str, text: str, **options):
    return read_coinglass(Path(name), text.encode(), ImportOptions(**options))


def reply(data, **options):
    document = msgspec.json.encode({"code": "0", "msg": "success", "data": data})
    return read_coinglass(Path("reply.json"), document, ImportOptions(**options))


def test_the_combined_file_fills_four_tables_at_the_end_of_the_bar():
    frames = read("coinglass_BTC_1h.csv", COMBINED).frames
    for frame in frames.values():
        assert set(frame["event_time"]) == {END}
        assert set(frame["available_time"]) == {END}
    totals = frames["liquidation_totals"].sort("side")
    assert totals["notional_usd"].to_list() == [42620.5, 1499665.5]
    assert set(totals["venue"]) == {"binance+bybit+okx"}
    assert set(totals["symbol"]) == {"BTC"}
    assert set(totals["completeness"]) == {"sampled lower bound"}
    interest = frames["open_interest"].row(0, named=True)
    assert (interest["symbol"], interest["open_interest"]) == ("BTC/USDT:USDT", None)
    assert interest["open_interest_usd"] == 8248989576
    funding = frames["funding"].row(0, named=True)
    assert (funding["kind"], funding["funding_rate"]) == ("predicted", 0.00005)
    kline = frames["klines"].row(0, named=True)
    assert (kline["symbol"], kline["price_type"], kline["volume"]) == ("BTC/USDT", "spot", None)


def test_the_liquidation_file_outranks_the_combined_file_and_neither_the_archive():
    text = "timestamp,longUsd,shortUsd,totalUsd\n1764828000000,1,2,3\n"
    alone = read("coinglass_BTC_liquidation_1h.csv", text).frames["liquidation_totals"]
    joined = read("coinglass_BTC_1h.csv", COMBINED).frames
    key = ["venue", "symbol", "interval_ms", "event_time"]
    assert alone.select(key).rows() == joined["liquidation_totals"].select(key).rows()
    ranks = [frame["precedence"][0] for frame in (joined["liquidation_totals"], alone)]
    assert ranks[0] < ranks[1] < 10
    assert joined["open_interest"]["precedence"][0] < 10


def test_half_hours_are_told_by_the_name():
    text = "timestamp,longUsd,shortUsd,totalUsd\n1764828000000,1,2,3\n"
    frame = read("coinglass_BTC_liquidation_30m.csv", text).frames["liquidation_totals"]
    assert set(frame["interval_ms"]) == {1_800_000}


def test_an_export_without_a_coin_in_its_name_asks_for_it():
    text = "timestamp,longUsd,shortUsd,totalUsd\n1764828000000,1,2,3\n"
    with pytest.raises(UsageError, match="--coin"):
        read("liquidation_1h.csv", text)
    frame = read("liquidation_1h.csv", text, coin="ETH").frames["liquidation_totals"]
    assert set(frame["symbol"]) == {"ETH"}


def test_a_quiet_day_is_kept_and_a_day_before_the_feed_is_not():
    text = (
        "symbol,ts_utc,liq_long_usd,liq_short_usd\n"
        "ADA,2020-01-01 00:00:00+00,0.0,0.0\nADA,2020-01-02 00:00:00+00,5,6\n"
        "ADA,2020-01-03 00:00:00+00,0.0,0.0\nSOL,2020-01-01 00:00:00+00,0.0,0.0\n"
    )
    frame = read("liquidation_agg_1d.csv", text).frames["liquidation_totals"]
    assert set(frame["symbol"]) == {"ADA"}
    assert frame["event_time"].unique().sort().to_list() == [
        datetime(2020, 1, 3, tzinfo=UTC),
        datetime(2020, 1, 4, tzinfo=UTC),
    ]


def test_taker_volume_of_zero_is_missing():
    text = (
        "symbol,ts_utc,taker_buy_usd,taker_sell_usd\n"
        "ADA,2019-09-01 00:00:00+00,0.0,0.0\nADA,2020-02-03 00:00:00+00,30,20\n"
    )
    frame = read("taker_vol_agg_futures_1d.csv", text).frames["long_short_ratio"]
    assert frame["ratio"].to_list() == [1.5]
    row = frame.row(0, named=True)
    assert (row["available_time"] - row["event_time"]).total_seconds() == 300


def test_an_empty_ratio_is_left_out_and_the_others_are_kept():
    text = (
        "symbol,ts_utc,lsr_global,lsr_top_accounts,lsr_top_positions\nADA,2020-05-16,,1.14,1.31\n"
    )
    frame = read("long_short_all_1d.csv", text).frames["long_short_ratio"]
    assert dict(zip(frame["kind"], frame["ratio"], strict=True)) == {
        "top_accounts": 1.14,
        "top_positions": 1.31,
    }
    assert set(frame["symbol"]) == {"ADA/USDT:USDT"}


def test_prices_by_the_day_are_spot_or_perpetual_by_their_name():
    text = (
        "symbol,ts_utc,open,high,low,close,volume_usd\n"
        "ADAUSDT,2020-02-03 00:00:00+00:00,1,3,1,2,482\n"
    )
    for name, price_type, symbol in (
        ("spot_ohlcv_1d.csv", "spot", "ADA/USDT"),
        ("futures_ohlcv_1d.csv", "last", "ADA/USDT:USDT"),
    ):
        row = read(name, text).frames["klines"].row(0, named=True)
        assert (row["price_type"], row["symbol"]) == (price_type, symbol)
        assert (row["volume"], row["quote_volume"]) == (None, 482)
    with pytest.raises(UsageError, match="--market"):
        read("ohlcv_1d.csv", text)


def test_open_interest_of_all_venues_leaves_out_days_without_it():
    text = (
        "symbol,ts_utc,oi_total_close,oi_stable_close,oi_coinm_close,unit\n"
        "ADA,2019-09-01 00:00:00+00,,0.0,0.0,\nADA,2023-12-31 00:00:00+00,7,6,1,usd\n"
    )
    row = read("futures_oi_agg_1d.csv", text).frames["open_interest"].row(0, named=True)
    assert (row["venue"], row["symbol"], row["open_interest_usd"]) == ("all", "ADA", 7)
    with pytest.raises(DamagedFileError) as caught:
        read("futures_oi_agg_1d.csv", text.replace("usd", "btc"))
    assert (caught.value.row, caught.value.field) == (2, "unit")


def test_daily_funding_turns_from_percent_into_a_fraction():
    text = "symbol,ts_utc,funding_close\nADA,2020-04-15 00:00:00+00,0.01\n"
    row = read("funding_oi_weight_1d.csv", text).frames["funding"].row(0, named=True)
    assert (row["venue"], row["funding_rate"]) == ("all", 0.0001)


def test_the_panel_ranks_below_the_series_it_was_made_of():
    panel = (
        "symbol,ts_utc,liq_long_usd,liq_short_usd,oi_total_close,open,high,low,close\n"
        "ADA,2020-12-23 00:00:00+00:00,1,2,3,1,3,1,2\n"
    )
    frames = read("coinglass_daily_7coins.csv", panel).frames
    assert set(frames) == {"liquidation_totals", "open_interest", "klines"}
    series = "symbol,ts_utc,liq_long_usd,liq_short_usd\nADA,2020-12-23 00:00:00+00:00,1,2\n"
    alone = read("liquidation_agg_1d.csv", series).frames["liquidation_totals"]
    assert frames["liquidation_totals"]["precedence"][0] < alone["precedence"][0]


def test_a_reply_of_one_venues_liquidations():
    data = [{"time": 1764828000000, "long_liquidation_usd": "1.5", "short_liquidation_usd": 2}]
    frame = reply(data, coin="BTC", venue="Binance", interval="1h").frames["liquidation_totals"]
    assert dict(zip(frame["side"], frame["notional_usd"], strict=True)) == {"long": 1.5, "short": 2}
    assert set(frame["event_time"]) == {END}
    assert set(frame["symbol"]) == {"BTC/USDT:USDT"}


def test_a_reply_summed_over_venues_is_of_the_bare_coin():
    data = [
        {
            "time": 1764828000000,
            "aggregated_long_liquidation_usd": 1,
            "aggregated_short_liquidation_usd": 2,
        }
    ]
    frame = reply(data, coin="BTC", venue="okx,binance,bybit", interval="1h").frames[
        "liquidation_totals"
    ]
    assert set(frame["venue"]) == {"binance+bybit+okx"}
    assert set(frame["symbol"]) == {"BTC"}


def test_open_interest_and_funding_look_alike_so_the_dataset_is_stated():
    data = [{"time": 1764828000000, "open": "1", "high": "2", "low": "1", "close": "1.5"}]
    stated = {"coin": "BTC", "venue": "binance", "interval": "1h"}
    with pytest.raises(UsageError, match="--dataset"):
        reply(data, **stated)
    interest = reply(data, dataset="open_interest", **stated).frames["open_interest"]
    assert interest["open_interest_usd"].item() == 1.5
    funding = reply(data, dataset="funding", **stated).frames["funding"]
    assert funding["funding_rate"].item() == pytest.approx(0.015)


@pytest.mark.parametrize("missing", ["coin", "venue", "interval"])
def test_a_reply_asks_by_name_for_what_it_does_not_say(missing):
    data = [{"time": 1764828000000, "long_liquidation_usd": 1, "short_liquidation_usd": 2}]
    stated = {"coin": "BTC", "venue": "binance", "interval": "1h"}
    del stated[missing]
    with pytest.raises(UsageError, match=f"--{missing}"):
        reply(data, **stated)


def test_a_refusal_of_the_vendor_is_no_data():
    document = msgspec.json.encode({"code": "401", "msg": "Upgrade plan", "data": []})
    with pytest.raises(DamagedFileError, match="Upgrade plan"):
        read_coinglass(Path("reply.json"), document, ImportOptions())


@pytest.mark.parametrize("data", [b"{", b"[1]", b'{"code":"0"}', b'{"code":"0","data":[1]}'])
def test_a_broken_reply_is_damage(data):
    with pytest.raises(DamagedFileError):
        read_coinglass(Path("reply.json"), data, ImportOptions(coin="BTC"))


def test_unknown_columns_are_damage():
    with pytest.raises(DamagedFileError, match="no known export"):
        read("file.csv", "a,b\n1,2\n")
