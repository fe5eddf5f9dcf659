"""Replies of Binance over HTTP become rows that meet those of its archive."""

from pathlib import Path

import msgspec
import pytest

from forcedflow.errors import FrameError
from forcedflow.instruments import Instrument
from forcedflow.store.raw_log import Frame
from forcedflow.tables import TABLES
from forcedflow.venues.binance import BinanceConnector
from forcedflow.venues.binance.contract import contract_of
from forcedflow.venues.binance.parse_history import (
    last_trade,
    parse_agg_trades,
    parse_funding_rates,
    parse_klines,
)
from forcedflow.venues.binance.parse_listing import parse_instruments
from forcedflow.venues.binance.parse_statistics import parse_open_interest_history, parse_ratios
from forcedflow.venues.importers.binance_vision import read_binance_vision
from forcedflow.venues.importers.options import ImportOptions
from forcedflow.venues.row_buffer import RowBuffer

LINEAR = contract_of(Instrument("binance", "BTC", "USDT", "USDT", 0.1))
INVERSE = contract_of(Instrument("binance", "BTC", "USD", "BTC", 0.1, 100.0))
NOON = 1_791_374_400_000
FIVE = 300_000


def rows_of(table, parse, body, *args, **kwargs):
    rows = RowBuffer("binance")
    parse(msgspec.json.encode(body), rows, *args, **kwargs)
    return rows.take().get(table, None)


def bar(open_ms, **change):
    fields = {"o": "100", "h": "104", "l": "99", "c": "102", "v": "30", "end": open_ms + FIVE - 1}
    fields |= {"q": "3000", "n": 9, "V": "10", "Q": "1000"} | change
    order = (fields[key] for key in ("o", "h", "l", "c", "v", "end", "q", "n", "V", "Q"))
    return [open_ms, *order, "0"]


def ms(moment):
    return round(moment.timestamp() * 1000)


def test_bars_under_way_are_left_out():
    bars = [bar(NOON), bar(NOON + FIVE)]
    frame = rows_of("klines", parse_klines, bars, LINEAR, "last", FIVE, NOON + 2 * FIVE - 1)
    assert [ms(end) for end in frame["event_time"]] == [NOON + FIVE]
    assert frame["available_time"][0] == frame["event_time"][0]
    assert frame["volume"][0] == 30.0


def test_nothing_is_traded_at_a_mark_price():
    bars = [bar(NOON, v="0", q="0", V="0", Q="0")]
    frame = rows_of("klines", parse_klines, bars, LINEAR, "mark", FIVE, NOON + FIVE)
    assert (frame["volume"][0], frame["trade_count"][0]) == (None, None)
    assert (frame["price_type"][0], frame["source"][0]) == ("mark", "binance:markPriceKlines")


def test_a_bar_cut_short_by_a_halt_keeps_its_place():
    frame = rows_of(
        "klines", parse_klines, [bar(NOON, end=NOON + 1000)], LINEAR, "last", FIVE, NOON + FIVE
    )
    assert ms(frame["event_time"][0]) == NOON + FIVE


@pytest.mark.parametrize("wrong", [bar(NOON, end=NOON + FIVE), bar(NOON + 60_000)])
def test_a_bar_of_another_length_is_refused(wrong):
    with pytest.raises(FrameError, match="is not of 300000 ms"):
        rows_of("klines", parse_klines, [wrong], LINEAR, "last", FIVE, NOON + 9 * FIVE)


def test_a_settlement_is_the_whole_second_below_and_tells_its_interval():
    body = [
        {"symbol": "BTCUSDT", "fundingTime": NOON + hours * 3_600_000 + 7, "fundingRate": rate}
        for hours, rate in ((-8, "0.0001"), (0, "-0.0002"), (4, "0.0003"), (16, "0.0004"))
    ]
    frame = rows_of("funding", parse_funding_rates, body, LINEAR, NOON)
    assert [ms(time) - NOON for time in frame["event_time"]] == [0, 4 * 3_600_000, 16 * 3_600_000]
    assert frame["funding_rate"].to_list() == [-0.0002, 0.0003, 0.0004]
    # Twelve hours are more than any interval: a settlement is missing between.
    assert frame["interval_hours"].to_list() == [8.0, 4.0, None]
    assert set(frame["kind"]) == {"settled"}


def test_open_interest_is_of_its_own_moment_and_known_five_minutes_later():
    body = [
        {
            "symbol": "BTCUSDT",
            "sumOpenInterest": "100.5",
            "sumOpenInterestValue": "8040000.0",
            "CMCCirculatingSupply": "1.0",
            "timestamp": NOON,
        },
        {
            "symbol": "BTCUSDT",
            "sumOpenInterest": "0",
            "sumOpenInterestValue": "0",
            "timestamp": NOON + FIVE,
        },
    ]
    frame = rows_of("open_interest", parse_open_interest_history, body, LINEAR)
    assert frame.height == 1, "a zero is an outage"
    assert (frame["open_interest"][0], frame["open_interest_usd"][0]) == (100.5, 8_040_000.0)
    assert ms(frame["event_time"][0]) == NOON
    assert ms(frame["available_time"][0]) == NOON + FIVE


def test_archive_and_http_meet_in_one_key():
    # One fact as both stated it on 1 October 2026: the archive's 23:55 is HTTP's midnight.
    midnight = 1_790_812_800_000
    header = "create_time,symbol,sum_open_interest,sum_open_interest_value,"
    header += "count_toptrader_long_short_ratio,sum_toptrader_long_short_ratio,"
    header += "count_long_short_ratio,sum_taker_long_short_vol_ratio\n"
    file = Path("data/futures/um/daily/metrics/BTCUSDT/BTCUSDT-metrics-2026-09-30.csv")
    line = b"2026-09-30 23:55:00,BTCUSDT,100.5,8040000.0,1.1,1.2,1.3,0.8\n"
    archived = read_binance_vision(file, header.encode() + line, ImportOptions()).frames
    rows = RowBuffer("binance")
    reading = {"symbol": "BTCUSDT", "timestamp": midnight}
    interest = reading | {"sumOpenInterest": "100.5", "sumOpenInterestValue": "8040000.0"}
    parse_open_interest_history(msgspec.json.encode([interest]), rows, LINEAR)
    for kind, ratio in (("top_accounts", 1.1), ("top_positions", 1.2), ("accounts", 1.3)):
        body = msgspec.json.encode([reading | {"longShortRatio": ratio}])
        parse_ratios(body, rows, LINEAR, kind)
    taker = {"buySellRatio": "0.8", "timestamp": midnight - FIVE}
    parse_ratios(msgspec.json.encode([taker]), rows, LINEAR, "taker_volume")
    for table, frame in rows.take().items():
        key = [*TABLES[table].key, "available_time"]
        value = "ratio" if table == "long_short_ratio" else "open_interest"
        assert (
            frame.select(*key, value)
            .sort(key)
            .equals(archived[table].select(*key, value).sort(key))
        )


def test_coin_margined_open_interest_is_contracts_and_coins():
    reading = {"pair": "BTCUSD", "contractType": "PERPETUAL", "timestamp": NOON}
    reading |= {"sumOpenInterest": "800000", "sumOpenInterestValue": "1000.0"}
    frame = rows_of("open_interest", parse_open_interest_history, [reading], INVERSE)
    assert (frame["open_interest"][0], frame["open_interest_usd"][0]) == (1000.0, 80_000_000.0)


def test_account_ratios_are_of_their_moment_and_a_taker_period_ends_after_its_stamp():
    accounts = [{"symbol": "BTCUSDT", "longShortRatio": "1.5", "timestamp": NOON}]
    frame = rows_of("long_short_ratio", parse_ratios, accounts, LINEAR, "accounts")
    assert (ms(frame["event_time"][0]), frame["ratio"][0]) == (NOON, 1.5)
    taker = [{"buySellRatio": "0.8", "buyVol": "8", "sellVol": "10", "timestamp": NOON}]
    frame = rows_of("long_short_ratio", parse_ratios, taker, LINEAR, "taker_volume")
    assert (ms(frame["event_time"][0]), frame["ratio"][0]) == (NOON + FIVE, 0.8)
    assert ms(frame["available_time"][0]) == NOON + 2 * FIVE


def test_a_coin_margined_taker_ratio_is_made_of_its_volumes():
    taker = {"pair": "BTCUSD", "contractType": "PERPETUAL", "timestamp": NOON}
    body = [
        taker | {"takerBuyVol": "30", "takerSellVol": "20"},
        taker | {"takerBuyVol": "30", "takerSellVol": "0", "timestamp": NOON + FIVE},
    ]
    frame = rows_of("long_short_ratio", parse_ratios, body, INVERSE, "taker_volume")
    assert frame["ratio"].to_list() == [1.5], "a ratio to nothing is no ratio"


def test_statistics_of_another_contract_are_refused():
    body = [{"symbol": "ETHUSDT", "longShortRatio": "1.5", "timestamp": NOON}]
    with pytest.raises(FrameError, match="is not of BTCUSDT"):
        rows_of("long_short_ratio", parse_ratios, body, LINEAR, "accounts")


def test_a_row_without_its_ratio_is_refused():
    body = [{"symbol": "BTCUSDT", "timestamp": NOON}]
    with pytest.raises(FrameError, match="a row has no ratio"):
        rows_of("long_short_ratio", parse_ratios, body, LINEAR, "accounts")


def test_trades_outside_the_span_are_left_out_and_the_last_one_leads_on():
    body = [
        {"a": number, "p": "10", "q": "2", "f": 1, "l": 1, "T": NOON + number, "m": False}
        for number in range(4)
    ]
    frame = rows_of("trades", parse_agg_trades, body, LINEAR, NOON + 1, NOON + 3)
    assert frame["trade_id"].to_list() == ["1", "2"]
    assert last_trade(msgspec.json.encode(body)) == (3, NOON + 3)
    assert last_trade(b"[]") is None


def listed(symbol, base, quote, **more):
    tick = {"filterType": "PRICE_FILTER", "tickSize": "0.10", "minPrice": "1"}
    return {"symbol": symbol, "baseAsset": base, "quoteAsset": quote, "filters": [tick], **more}


def test_only_perpetuals_that_trade_are_instruments():
    usdt = {"contractType": "PERPETUAL", "status": "TRADING", "marginAsset": "USDT"}
    body = {
        "symbols": [
            listed("BTCUSDT", "BTC", "USDT", **usdt),
            listed("OLDUSDT", "OLD", "USDT", **usdt | {"status": "SETTLING"}),
            listed("BTCUSDT_261225", "BTC", "USDT", **usdt | {"contractType": "CURRENT_QUARTER"}),
            listed("TSLAUSDT", "TSLA", "USDT", **usdt | {"contractType": "TRADIFI_PERPETUAL"}),
            listed("ODDUSDT", "EVEN", "USDT", **usdt),
        ]
    }
    assert parse_instruments(msgspec.json.encode(body), "um") == (
        Instrument("binance", "BTC", "USDT", "USDT", 0.1, 1.0),
    )


def test_coin_margined_instruments_carry_their_dollar_size():
    coin = {"contractType": "PERPETUAL", "contractStatus": "TRADING", "marginAsset": "BTC"}
    body = {"symbols": [listed("BTCUSD_PERP", "BTC", "USD", contractSize=100, **coin)]}
    (instrument,) = parse_instruments(msgspec.json.encode(body), "cm")
    assert (instrument.symbol, instrument.contract_size) == ("BTC/USD:BTC", 100.0)
    assert instrument.venue_symbol == "BTCUSD_PERP"


def test_spot_pairs_have_no_margin():
    body = {"symbols": [listed("BTCUSDT", "BTC", "USDT", status="TRADING")]}
    (instrument,) = parse_instruments(msgspec.json.encode(body), "spot")
    assert (instrument.symbol, instrument.kind) == ("BTC/USDT", "spot")


def respond(reader, name, body, received_ms=NOON):
    rows = RowBuffer("binance")
    raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
    requests = reader.read(Frame(received_ms * 1_000_000, name, "response", raw), rows)
    return rows.take(), [request.connection for request in requests]


def reader():
    instruments = [
        Instrument("binance", "BTC", "USDT", "USDT", 0.1),
        Instrument("binance", "BTC", "USD", "BTC", 0.1, 100.0),
    ]
    return BinanceConnector().reader(instruments)


def test_live_open_interest_lacks_its_value_until_a_mark_price_is_known():
    own = reader()
    body = {"symbol": "BTCUSDT", "openInterest": "100", "time": NOON - 40}
    rows, asked = respond(own, "rest:um:openInterest:BTCUSDT", body)
    (row,) = rows["open_interest"].to_dicts()
    assert (row["open_interest"], row["open_interest_usd"]) == (100.0, None)
    assert (ms(row["event_time"]), ms(row["available_time"])) == (NOON - 40, NOON)
    assert asked == ["rest:um:premiumIndex:BTCUSDT"]
    premium = {"symbol": "BTCUSDT", "markPrice": "80000", "indexPrice": "80001", "time": NOON}
    rows, _ = respond(own, asked[0], premium | {"lastFundingRate": "0.0001"})
    assert rows["funding"]["kind"].to_list() == ["predicted"]
    rows, asked = respond(own, "rest:um:openInterest:BTCUSDT", body)
    assert rows["open_interest"]["open_interest_usd"].to_list() == [8_000_000.0]
    assert asked == []


def test_coin_margined_open_interest_counts_contracts_and_its_price_comes_in_a_list():
    own = reader()
    premium = {"symbol": "BTCUSD_PERP", "markPrice": "80000", "time": NOON}
    other = {"symbol": "BTCUSD_261225", "markPrice": "1", "time": NOON, "lastFundingRate": ""}
    answer = [other, premium | {"lastFundingRate": "0.0001"}]
    respond(own, "rest:cm:premiumIndex:BTCUSD_PERP", answer)
    body = {"symbol": "BTCUSD_PERP", "openInterest": "8000", "time": NOON, "pair": "BTCUSD"}
    rows, _ = respond(own, "rest:cm:openInterest:BTCUSD_PERP", body)
    (row,) = rows["open_interest"].to_dicts()
    assert (row["open_interest"], row["open_interest_usd"]) == (10.0, 800_000.0)


def test_polled_ratios_become_rows_once_and_count_as_known_when_they_came():
    own = reader()
    name = "rest:um:topLongShortPositionRatio:BTCUSDT"
    ratio = {"symbol": "BTCUSDT", "longShortRatio": "1.5", "timestamp": NOON}
    rows, _ = respond(own, name, [ratio], NOON + 9)
    (row,) = rows["long_short_ratio"].to_dicts()
    assert (row["kind"], ms(row["available_time"])) == ("top_positions", NOON + 9)
    later = ratio | {"timestamp": NOON + FIVE}
    rows, _ = respond(own, name, [ratio, later], NOON + FIVE + 9)
    assert [ms(time) for time in rows["long_short_ratio"]["event_time"]] == [NOON + FIVE]


def test_a_polled_bar_is_closed_once_the_next_has_begun():
    own = reader()
    name = "rest:um:markPriceKlines:BTCUSDT:5m"
    rows, _ = respond(own, name, [bar(NOON - FIVE), bar(NOON)], NOON + 10 * FIVE)
    assert [ms(end) for end in rows["klines"]["event_time"]] == [NOON]
    assert ms(rows["klines"]["available_time"][0]) == NOON + 10 * FIVE
    rows, _ = respond(own, name, [bar(NOON - FIVE), bar(NOON)], NOON + 11 * FIVE)
    assert rows == {}


def test_an_error_of_the_venue_in_place_of_a_reply_is_refused():
    with pytest.raises(FrameError, match="openInterest"):
        respond(reader(), "rest:um:openInterest:BTCUSDT", {"code": -1121, "msg": "Invalid symbol."})
