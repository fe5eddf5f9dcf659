"""What Binance is asked: addresses, parameters, weights, and how the past is cut into pieces."""

import msgspec
import pytest

from forcedflow.errors import NotThereError, UsageError
from forcedflow.instruments import Instrument
from forcedflow.venues.binance import BinanceConnector
from forcedflow.venues.binance.contract import contract_of
from forcedflow.venues.binance.history import History
from forcedflow.venues.binance.spec import ENDPOINTS, RATE_LIMIT

LINEAR = Instrument("binance", "BTC", "USDT", "USDT", 0.1)
INVERSE = Instrument("binance", "BTC", "USD", "BTC", 0.1, 100.0)
SPOT = Instrument("binance", "BTC", "USDT", None, 0.01)
DAY, HOUR, FIVE = 86_400_000, 3_600_000, 300_000
TODAY = 1_791_331_200_000  # 2026-10-07
NOON = TODAY + DAY // 2


def nothing(_url, _params):
    return []


class FakeHttp:
    """Answers from a function of path and parameters, and remembers what was asked."""

    def __init__(self, answer=nothing):
        self.answer, self.asked = answer, []

    def get(self, url, params=None, *, weight=1):
        self.asked.append((url, dict(params or {}), weight))
        body = self.answer(url, params or {})
        if body is None:
            raise NotThereError("binance", "not there")
        return body if isinstance(body, bytes) else msgspec.json.encode(body)


def history(http, instrument=LINEAR, now_ms=NOON, interval_ms=FIVE):
    return History(http, ENDPOINTS, contract_of(instrument), now_ms, interval_ms)


def days(pieces):
    return [(piece.start_ms - TODAY) / DAY for piece in pieces]


def bars_answer(_url, params):
    step = FIVE if params["interval"] == "5m" else 60_000
    return [
        [start, "1", "2", "1", "2", "5", start + step - 1, "6", 3, "1", "1", "0"]
        for start in range(params["startTime"], params["endTime"] + 1, step)
    ][: params["limit"]]


def test_a_day_of_bars_is_one_request_and_holds_both_midnights():
    http = FakeHttp(bars_answer)
    last, mark, index = history(http).pieces("klines", TODAY - DAY, TODAY)
    assert history(FakeHttp(bars_answer)).pieces("klines", TODAY - DAY, TODAY, "mark")[0].name == (
        mark.name
    )
    rows = last.read()["klines"]
    assert (http.asked[0][0], http.asked[0][2]) == ("https://fapi.binance.com/fapi/v1/klines", 2)
    assert rows["event_time"].cast(int)[0] == TODAY - DAY
    assert rows["event_time"].cast(int)[-1] == TODAY
    assert rows.height == 289
    mark.read()
    index.read()
    assert [("pair" in asked[1], "symbol" in asked[1]) for asked in http.asked] == [
        (False, True),
        (False, True),
        (True, False),
    ]
    assert last.lasting
    assert len({last.name, mark.name, index.name}) == 3


def test_a_day_under_way_ends_at_the_present_and_does_not_last():
    http = FakeHttp(bars_answer)
    pieces = history(http).pieces("klines", TODAY, TODAY + DAY)
    assert {(piece.end_ms, piece.lasting) for piece in pieces} == {(NOON, False)}
    assert pieces[0].read()["klines"]["event_time"].cast(int)[-1] == NOON


def test_a_day_just_over_may_still_gain_rows():
    (piece,) = history(FakeHttp(), now_ms=TODAY + 60_000).pieces(
        "open_interest", TODAY - DAY, TODAY
    )
    assert not piece.lasting


def test_spot_bars_come_a_thousand_at_a_time_from_the_spot_host():
    http = FakeHttp(bars_answer)
    (piece,) = history(http, SPOT, interval_ms=60_000).pieces("klines", TODAY - DAY, TODAY)
    assert piece.read()["klines"].height == 1441
    assert [asked[1]["limit"] for asked in http.asked] == [1000, 441]
    assert {asked[0] for asked in http.asked} == {"https://api.binance.com/api/v3/klines"}


def test_statistics_reach_back_thirty_days():
    pieces = history(FakeHttp()).pieces("open_interest", TODAY - 40 * DAY, NOON)
    assert days(pieces) == [*range(-29, 1)]
    pieces = history(FakeHttp()).pieces("long_short_ratio", TODAY - 40 * DAY, NOON)
    assert days(pieces) == [*range(-29, 1)]


def test_futures_trades_reach_back_two_days_and_spot_trades_for_ever():
    pieces = history(FakeHttp()).pieces("trades", TODAY - 5 * DAY, NOON)
    assert days(pieces) == [-1, 0]
    pieces = history(FakeHttp(), SPOT).pieces("trades", TODAY - 5 * DAY, NOON)
    assert days(pieces) == [-5, -4, -3, -2, -1, 0]


def test_a_flow_is_asked_for_one_period_earlier_than_a_snapshot():
    http = FakeHttp()
    (piece,) = history(http).pieces("long_short_ratio", TODAY - DAY, TODAY)
    assert piece.read() == {}
    starts = {asked[0].rpartition("/")[2]: asked[1]["startTime"] for asked in http.asked}
    assert starts == {
        "globalLongShortAccountRatio": TODAY - DAY,
        "topLongShortAccountRatio": TODAY - DAY,
        "topLongShortPositionRatio": TODAY - DAY,
        "takerlongshortRatio": TODAY - DAY - FIVE,
    }


def test_coin_margined_statistics_go_by_pair():
    http = FakeHttp()
    (piece,) = history(http, INVERSE).pieces("open_interest", TODAY - DAY, TODAY)
    piece.read()
    url, params, weight = http.asked[0]
    assert url == "https://dapi.binance.com/futures/data/openInterestHist"
    assert (params["pair"], params["contractType"], weight) == ("BTCUSD", "PERPETUAL", 12)


def test_funding_comes_by_the_month_with_the_settlement_before():
    http = FakeHttp()
    pieces = history(http).pieces("funding", TODAY - 20 * DAY, NOON)
    assert [piece.name.rpartition("/")[2] for piece in pieces] == ["2026-09", "2026-10"]
    assert [piece.lasting for piece in pieces] == [True, False]
    pieces[1].read()
    assert http.asked[0][1]["startTime"] == pieces[1].start_ms - 8 * HOUR


def test_brackets_are_todays_or_none():
    plan = history(FakeHttp())
    (piece,) = plan.pieces("leverage_brackets", TODAY - 9 * DAY, NOON)
    assert (piece.start_ms, piece.lasting) == (TODAY, False)
    assert plan.pieces("leverage_brackets", TODAY - 9 * DAY, TODAY) == ()
    assert history(FakeHttp(), INVERSE).pieces("leverage_brackets", TODAY, NOON) == ()


@pytest.mark.parametrize("table", ["open_interest", "long_short_ratio", "funding"])
def test_spot_has_no_derivatives(table):
    assert history(FakeHttp(), SPOT).pieces(table, TODAY - DAY, NOON) == ()


def test_trades_are_followed_by_id_from_the_first_hour_that_has_any():
    first_ms = TODAY - DAY + 3 * HOUR + 5

    def answer(_url, params):
        if "fromId" in params:
            start = params["fromId"]
        elif params["startTime"] <= first_ms <= params["endTime"]:
            start = 0
        else:
            return []
        return [
            {"a": number, "p": "5", "q": "1", "T": first_ms + number * HOUR, "m": True}
            for number in range(start, min(start + 4, 30))
        ]

    http = FakeHttp(answer)
    (piece,) = history(http).pieces("trades", TODAY - DAY, TODAY)
    rows = piece.read()["trades"]
    assert rows["trade_id"].to_list() == [str(number) for number in range(21)]
    assert [asked[1].get("fromId") for asked in http.asked] == [None] * 4 + [4, 8, 12, 16, 20]
    assert {asked[2] for asked in http.asked} == {20}


def test_a_day_without_trades_holds_none():
    (piece,) = history(FakeHttp()).pieces("trades", TODAY - DAY, TODAY)
    assert piece.read() == {}


def test_the_archive_goes_first_and_http_stands_in():
    http = FakeHttp()
    pieces = BinanceConnector().pieces(
        http, ["open_interest", "leverage_brackets"], LINEAR, TODAY - 2 * DAY, NOON, NOON, FIVE
    )
    past = [piece for piece in pieces if piece.end_ms <= TODAY]
    assert past
    assert all("metrics" in piece.name for piece in past)
    assert all("openInterestHist" in piece.instead[0].name for piece in past)
    present = [piece.name for piece in pieces if piece.end_ms > TODAY]
    assert sorted(name.split("/")[2] for name in present) == ["brackets", "openInterestHist"]
    assert http.asked == [], "planning asks for nothing"


def test_a_length_without_a_name_is_refused():
    with pytest.raises(UsageError, match="no bars of 7 ms"):
        BinanceConnector().feeds(["klines"], [LINEAR], 7)


def test_liquidations_share_their_connection_with_a_pulse():
    feeds, polls = BinanceConnector().feeds(["liquidations"], [LINEAR, INVERSE], 60_000)
    (feed,) = feeds
    assert feed.url == (
        "wss://fstream.binance.com/market/stream?streams="
        "btcusdt@forceOrder/btcusdt@markPrice@1s/btcusd_perp@forceOrder/btcusd_perp@markPrice@1s"
    )
    assert feed.carries == {"liquidations"}
    assert (feed.subscribe, polls) == ((), ())
    assert feed.lifetime_s < 24 * 3600


def test_every_table_has_its_connection():
    connector = BinanceConnector()
    tables = sorted(connector.capabilities.streamed)
    feeds, polls = connector.feeds(tables, [LINEAR, INVERSE, SPOT], 60_000)
    carried = {feed.name: feed.carries for feed in feeds}
    assert carried == {
        "market:0": {
            *("liquidations", "trades", "klines", "funding", "open_interest", "leverage_brackets"),
        },
        "public:0": {"order_book", "depth_bands"},
        "spot:0": {"trades", "klines"},
    }
    assert [feed.droppable for feed in feeds] == [False, True, False]
    assert feeds[1].url.endswith(
        "public/stream?streams=btcusdt@depth@100ms/btcusd_perp@depth@100ms"
    )
    assert feeds[2].url == (
        "wss://stream.binance.com:9443/stream?streams=btcusdt@aggTrade/btcusdt@kline_1m"
    )
    assert "!contractInfo" in feeds[0].url
    every = {poll.request.connection: poll.every_s for poll in polls}
    assert every["rest:um:openInterest:BTCUSDT"] == 60.0
    assert every["rest:um:takerlongshortRatio:BTCUSDT"] == 300.0
    assert every["rest:cm:takerBuySellVol:BTCUSD_PERP"] == 300.0
    assert every["rest:cm:indexPriceKlines:BTCUSD_PERP:1m"] == 30.0
    assert set(tables) <= {table for each in (*feeds, *polls) for table in each.carries}


def test_what_is_polled_for_fifty_contracts_stays_below_half_of_the_limit():
    connector = BinanceConnector()
    many = [Instrument("binance", f"C{number}", "USDT", "USDT") for number in range(50)]
    tables = sorted(connector.capabilities.streamed)
    feeds, polls = connector.feeds(tables, many, 60_000)
    assert max(len(feed.url) for feed in feeds) < 8000
    http = FakeHttp()
    per_minute = 0.0
    for poll in polls:
        poll.request.send(http)
        per_minute += http.asked[-1][2] * 60 / poll.every_s
    assert per_minute < RATE_LIMIT.weight / 2


def test_instruments_and_clock_are_asked_of_their_hosts():
    def answer(url, _params):
        return {"serverTime": NOON} if url.endswith("time") else {"symbols": []}

    http = FakeHttp(answer)
    connector = BinanceConnector()
    assert connector.instruments(http) == ()
    assert connector.server_time_ms(http) == NOON
    assert [asked[0] for asked in http.asked] == [
        "https://fapi.binance.com/fapi/v1/exchangeInfo",
        "https://dapi.binance.com/dapi/v1/exchangeInfo",
        "https://api.binance.com/api/v3/exchangeInfo",
        "https://fapi.binance.com/fapi/v1/time",
    ]
