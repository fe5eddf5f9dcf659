"""OKX's past over HTTP, its contracts and their tiers: rows, spans and what is asked for."""

from __future__ import annotations

import json

import pytest
from tests.unit.venues.okx.okx_frames import (
    DAY,
    HOUR,
    INVERSE,
    LINEAR,
    MINUTE,
    NOON,
    SPOT,
    Answers,
    frame,
    plain,
    reader,
    reply,
    taken,
)

from forcedflow.errors import (
    FrameError,
    LeftAloneError,
    NotThereError,
    RateLimitedError,
    UsageError,
    VenueError,
)
from forcedflow.instruments import Instrument
from forcedflow.venues.okx import OkxConnector
from forcedflow.venues.okx.parse import Asked
from forcedflow.venues.okx.parse_history import (
    parse_account_ratio,
    parse_funding,
    parse_klines,
    parse_open_interest,
    parse_reference_klines,
)
from forcedflow.venues.okx.parse_listing import parse_instruments, parse_position_tiers, parse_time
from forcedflow.venues.row_buffer import RowBuffer

OKX = OkxConnector()


def rows_of(parse, data, instrument=LINEAR, *more, span=(0, 2**42), received_ms=0):
    rows = RowBuffer("okx")
    parse(reply(data), Asked(instrument, *span, 9, received_ms), *more, rows)
    return [row for found in taken(rows).values() for row in found]


def bar(start, volume="700", coins="7", quote="420000", confirm="1"):
    return [str(start), "60000", "60010", "59990", "60005", volume, coins, quote, confirm]


@pytest.mark.parametrize(
    ("instrument", "volume"), [(LINEAR, 7.0), (INVERSE, 7.0), (SPOT, 700.0)], ids=str
)
def test_volumes_of_swaps_are_in_their_second_column_and_of_spot_in_the_first(instrument, volume):
    (row,) = rows_of(parse_klines, [bar(NOON)], instrument, MINUTE)
    assert (row["volume"], row["quote_volume"]) == (volume, 420_000)
    assert row["event_time"] == NOON + MINUTE


def test_bars_not_confirmed_or_outside_the_span_are_left_out():
    data = [bar(NOON + 2 * MINUTE, confirm="0"), bar(NOON + MINUTE), bar(NOON), bar(NOON - MINUTE)]
    rows = rows_of(parse_klines, data, LINEAR, MINUTE, span=(NOON + MINUTE, NOON + 2 * MINUTE))
    assert [row["event_time"] for row in rows] == [NOON + MINUTE]


@pytest.mark.parametrize("price_type", ["mark", "index"])
def test_bars_of_mark_and_index_have_no_volume(price_type):
    data = [[str(NOON), "5", "7", "4", "6", "1"], [str(NOON + MINUTE), "5", "7", "4", "6", "0"]]
    (row,) = rows_of(parse_reference_klines, data, LINEAR, price_type, MINUTE)
    assert (row["price_type"], row["close"], row["volume"]) == (price_type, 6, None)


def test_history_of_open_interest_is_in_coins_and_known_five_minutes_later():
    (row,) = rows_of(parse_open_interest, [[str(NOON), "2800476", "28006.5", "2360916466.9"]])
    assert (row["open_interest"], row["open_interest_usd"]) == (28_006.5, 2_360_916_466.9)
    assert row["available_time"] - row["event_time"] == 5 * MINUTE


def test_settlements_are_what_was_paid_and_as_long_as_the_time_since_the_one_before():
    data = [
        {"fundingRate": "0.0002", "realizedRate": "", "fundingTime": str(NOON + 4 * HOUR)},
        {"fundingRate": "0.0002", "realizedRate": "0.0001", "fundingTime": str(NOON)},
        {"fundingRate": "0.0002", "realizedRate": "0.0003", "fundingTime": str(NOON - 8 * HOUR)},
    ]
    rows = rows_of(parse_funding, data, span=(NOON, NOON + DAY))
    assert [(row["funding_rate"], row["interval_hours"]) for row in rows] == [
        (0.0001, 8),
        (0.0002, 4),
    ]
    assert all(row["kind"] == "settled" for row in rows)


def test_account_ratios_of_history_are_known_late_and_polled_ones_when_they_came():
    data = [[str(NOON), "0.94"]]
    (old,) = rows_of(parse_account_ratio, data)
    (live,) = rows_of(parse_account_ratio, data, received_ms=NOON + 70_000)
    assert (old["kind"], old["ratio"], old["interval_ms"]) == ("accounts", 0.94, 5 * MINUTE)
    assert (old["available_time"], live["available_time"]) == (NOON + 5 * MINUTE, NOON + 70_000)


def contract(name="BTC-USDT-SWAP", **more):
    family = name.removesuffix("-SWAP")
    base, _, quote = family.partition("-")
    body = {
        "instType": "SWAP",
        "instId": name,
        "instFamily": family,
        "settleCcy": base if quote == "USD" else quote,
        "ctType": "inverse" if quote == "USD" else "linear",
        "ctVal": "100" if quote == "USD" else "0.01",
        "ctMult": "1",
        "ctValCcy": "USD" if quote == "USD" else base,
        "tickSz": "0.1",
        "state": "live",
    }
    return body | more


def test_swaps_are_listed_with_their_tick_and_what_a_contract_is_worth():
    spot = {"instType": "SPOT", "instId": "BTC-USDT", "baseCcy": "BTC", "quoteCcy": "USDT"}
    spot |= {"tickSz": "0.1", "state": "live", "ctVal": ""}
    data = [contract(), contract("BTC-USD-SWAP"), contract("ETH-USDC-SWAP", ctMult="10"), spot]
    assert parse_instruments(reply(data)) == (
        LINEAR,
        INVERSE,
        Instrument("okx", "ETH", "USDC", "USDC", 0.1, 0.1),
        SPOT,
    )


@pytest.mark.parametrize(
    "other",
    [
        contract(state="suspend"),
        contract(instType="FUTURES", instId="BTC-USDT-261225"),
        contract(ctValCcy="USDT"),
        contract("BTC-USD_UM-SWAP", settleCcy="USDC", ctType="linear", ctValCcy="BTC"),
        contract(instId="BTC-USDT-SWAP-OLD"),
    ],
    ids=["suspended", "with expiry", "sized in quote", "other grammar", "other name"],
)
def test_contracts_that_are_not_ours_are_left_out(other):
    assert parse_instruments(reply([other])) == ()


@pytest.mark.parametrize("value", ["", "0", "nan", "-1"])
def test_a_live_swap_without_a_size_is_refused(value):
    with pytest.raises(FrameError, match="BTC-USDT-SWAP"):
        parse_instruments(reply([contract(ctVal=value)]))


def tiers(instrument, *listed, mark="60000", name=None, family="BTC-USDT"):
    data = [
        {"maxSz": cap, "mmr": rate, "maxLever": leverage, "instFamily": family, "tier": "1"}
        for cap, rate, leverage in listed
    ]
    marks = [{"instId": name or instrument.venue_symbol, "markPx": mark, "ts": str(NOON)}]
    return b'{"tiers":' + reply(data) + b',"mark":' + reply(marks) + b"}"


def test_tiers_in_contracts_become_quote_at_the_mark_price_and_margin_stays_continuous():
    rows = RowBuffer("okx")
    raw = tiers(LINEAR, ("2000", "0.005", "75"), ("1000", "0.004", "100"))
    parse_position_tiers(raw, LINEAR, 9, rows)
    first, second = taken(rows)["leverage_brackets"]
    assert (first["notional_floor"], first["notional_cap"]) == (0, 600_000)
    assert (second["notional_floor"], second["notional_cap"]) == (600_000, 1_200_000)
    assert (first["maintenance_margin_rate"], first["max_leverage"]) == (0.004, 100)
    edge = first["notional_cap"]
    below = edge * first["maintenance_margin_rate"] - first["maintenance_amount"]
    above = edge * second["maintenance_margin_rate"] - second["maintenance_amount"]
    assert below == pytest.approx(above)
    assert first["event_time"] == first["available_time"] == NOON - 12 * HOUR


def test_tiers_of_an_inverse_contract_are_in_base_coins():
    rows = RowBuffer("okx")
    raw = tiers(INVERSE, ("6000", "0.004", "100"), family="BTC-USD")
    parse_position_tiers(raw, INVERSE, 9, rows)
    (row,) = taken(rows)["leverage_brackets"]
    assert row["notional_cap"] == 10


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        (tiers(LINEAR, ("1000", "0.004", "100"), name="ETH-USDT-SWAP"), "no mark price"),
        (tiers(LINEAR, ("1000", "0.005", "9"), ("2000", "0.004", "9")), "rates must rise"),
        (tiers(LINEAR, ("1000", "0.005", "9"), ("1000", "0.006", "9")), "rates must rise"),
        (reply([]), "tiers"),
    ],
)
def test_tiers_that_cannot_be_true_are_refused(raw, problem):
    rows = RowBuffer("okx")
    with pytest.raises(FrameError, match=problem):
        parse_position_tiers(raw, LINEAR, 9, rows)
    assert not len(rows)


def test_the_clock_is_the_venues():
    assert parse_time(reply([{"ts": str(NOON)}])) == NOON
    with pytest.raises(FrameError, match="expected one"):
        parse_time(reply([]))


def test_refusals_are_the_venues_words_and_too_fast_is_told_apart():
    http = Answers(b'{"code":"50011","msg":"Too Many Requests","data":[]}')
    with pytest.raises(RateLimitedError, match="Too Many Requests"):
        OKX.server_time_ms(http)
    http = Answers(b'{"code":"51001","msg":"Instrument ID does not exist","data":[]}')
    with pytest.raises(VenueError, match=r"does not exist \(code 51001\)"):
        OKX.server_time_ms(http)


def pieces(tables, instrument=LINEAR, days=1, http=None, back=0, interval_ms=5 * MINUTE):
    today = NOON - NOON % DAY
    start = today - back * DAY
    http = http or Answers()
    return OKX.pieces(http, tables, instrument, start, start + days * DAY, NOON, interval_ms)


def test_bars_are_asked_for_between_the_starts_around_a_page():
    http = Answers(*[reply([])] * 10)
    (piece,) = [one for one in pieces(["klines"], http=http) if "/candles-5m/" in one.name]
    assert piece.read() == {}
    ((url, params),) = http.asked
    assert url == "https://www.okx.com/api/v5/market/history-candles"
    first = NOON - NOON % DAY - 5 * MINUTE
    assert (params["before"], params["after"]) == (first - 1, NOON - 5 * MINUTE)
    assert (params["instId"], params["bar"], params["limit"]) == ("BTC-USDT-SWAP", "5m", 300)
    assert not piece.lasting


def test_index_bars_are_those_of_the_pair():
    http = Answers(*[reply([])] * 10)
    (piece,) = [one for one in pieces(["klines"], http=http) if "index" in one.name]
    piece.read()
    assert {params["instId"] for _, params in http.asked} == {"BTC-USDT"}
    assert len(http.asked) == 2


def test_what_the_venue_no_longer_tells_is_not_asked_for():
    assert pieces(["open_interest", "long_short_ratio"], back=30) == ()
    assert [one.host for one in pieces(["funding"], back=200)] == ["archive"]
    assert [one.host for one in pieces(["funding"], back=20)] == ["rest"]
    assert pieces(["leverage_brackets"], back=1) == ()
    tables = ["open_interest", "funding", "leverage_brackets", "long_short_ratio", "liquidations"]
    assert pieces(tables, SPOT) == ()


def test_statistics_are_asked_for_in_windows_of_a_page():
    http = Answers(*[reply([])] * 5)
    (piece,) = pieces(["open_interest"], http=http)
    piece.read()
    assert len(http.asked) == 2
    assert all(params["period"] == "5m" for _, params in http.asked)
    assert set(http.weights) == {8}


def test_brackets_are_read_with_the_mark_price_and_dated_today():
    raw = json.loads(tiers(LINEAR, ("1000", "0.004", "100")))
    http = Answers(*(json.dumps(raw[name]).encode() for name in ("tiers", "mark")))
    (piece,) = pieces(["leverage_brackets"], http=http)
    (row,) = plain(piece.read()["leverage_brackets"])
    assert row["notional_cap"] == 600_000
    assert [url.rpartition("/")[2] for url, _ in http.asked] == ["position-tiers", "mark-price"]


def test_amounts_of_a_contract_whose_size_was_not_fetched_are_not_asked_for():
    unsized = Instrument("okx", "BTC", "USDT", "USDT")
    http = Answers()
    for piece in pieces(["trades", "leverage_brackets"], unsized, http=http):
        with pytest.raises(LeftAloneError, match="nobody told how much a contract is"):
            piece.read()
    assert http.asked == []
    assert pieces(["klines"], unsized)
    assert pieces(["open_interest"], unsized), "told in coins beside contracts"
    assert pieces(["trades"], Instrument("okx", "BTC", "USDT", None))


def test_a_bar_length_that_the_venue_lacks_is_refused():
    with pytest.raises(UsageError, match="no bars of 7 min"):
        pieces(["klines"], interval_ms=7 * MINUTE)


def trade(number, at):
    body = {"instId": "BTC-USDT-SWAP", "tradeId": str(number), "px": "60000", "sz": "5"}
    return body | {"side": "buy", "ts": str(at)}


def test_trades_of_a_few_seconds_are_paged_back_to_by_ids():
    http = Answers(
        reply([trade(9, NOON + 3_000), trade(8, NOON + 2_000)]),
        reply([trade(7, NOON + 1_000), trade(6, NOON - 1)]),
    )
    rows = plain(OKX.trades_between(http, LINEAR, NOON, NOON + 2_500)["trades"])
    assert [row["trade_id"] for row in rows] == ["8", "7"]
    assert rows[0]["amount"] == pytest.approx(0.05)
    assert http.asked[1][1]["after"] == "8"


@pytest.mark.parametrize("last", [[], [trade(7, NOON + 1_000)]])
def test_trades_that_are_no_longer_told_are_said_not_to_be_there(last):
    http = Answers(reply([trade(9, NOON + 3_000)]), *[reply(last)] * 40)
    with pytest.raises(NotThereError, match="do not reach back"):
        OKX.trades_between(http, LINEAR, NOON, NOON + 2_500)


def test_one_channel_carries_the_liquidations_of_all_swaps_and_none_of_spot():
    feeds, _ = OKX.feeds(["liquidations", "trades"], [LINEAR, INVERSE, SPOT], MINUTE)
    public, business = feeds
    (said,) = map(json.loads, public.subscribe)
    assert said["args"] == [{"channel": "liquidation-orders", "instType": "SWAP"}]
    assert business.url == "wss://ws.okx.com:8443/ws/v5/business"
    (said,) = map(json.loads, business.subscribe)
    assert [arg["instId"] for arg in said["args"]] == ["BTC-USDT-SWAP", "BTC-USD-SWAP", "BTC-USDT"]
    assert OKX.feeds(["liquidations", "funding"], [SPOT], MINUTE) == ((), ())


def test_books_have_connections_of_their_own_that_may_lose_messages():
    feeds, _ = OKX.feeds(["order_book", "depth_bands", "open_interest"], [LINEAR], MINUTE)
    assert [(feed.name, feed.droppable) for feed in feeds] == [
        ("public:1", False),
        ("book:1", True),
    ]
    assert feeds[1].carries == {"order_book", "depth_bands"}
    assert all((feed.ping, feed.ping_every_s) == ("ping", 20) for feed in feeds)


def test_many_channels_are_spread_over_requests_and_connections():
    many = [Instrument("okx", f"C{i}", "USDT", "USDT", 0.1, 1.0) for i in range(120)]
    feeds, _ = OKX.feeds(["trades"], many, MINUTE)
    assert [len(feed.subscribe) for feed in feeds] == [2, 1]
    assert [feed.name for feed in feeds] == ["business:1", "business:2"]


def test_polls_are_read_by_the_name_that_they_are_asked_under():
    tables = ["klines", "long_short_ratio", "funding", "leverage_brackets"]
    _, polls = OKX.feeds(tables, [LINEAR, SPOT], MINUTE)
    raw = json.loads(tiers(LINEAR, ("1000", "0.004", "100")))
    bars = [[str(NOON), "5", "7", "4", "6", "1"]]
    answers = {
        "mark-price-candles-1m": (reply(bars),),
        "index-candles-1m": (reply(bars),),
        "account-ratio": (reply([[str(NOON), "0.94"]]),),
        "funding": (reply([{"realizedRate": "0.1", "fundingTime": str(NOON)}]),),
        "position-tiers": tuple(json.dumps(raw[name]).encode() for name in ("tiers", "mark")),
    }
    okx, tables_read = reader(), {}
    for poll in polls:
        _, name, symbol = poll.request.connection.split(":")
        assert symbol == "BTC-USDT-SWAP"
        rows = RowBuffer("okx")
        body = poll.request.send(Answers(*answers.pop(name)))
        okx.read(frame(body, poll.request.connection, "response"), rows)
        tables_read[name] = set(taken(rows))
        assert tables_read[name] == set(poll.carries)
    assert not answers


def test_the_answer_to_a_poll_of_another_contract_gives_nothing():
    rows = RowBuffer("okx")
    reader().read(frame(reply([]), "rest:funding:ETH-USDT-SWAP", "response"), rows)
    assert not len(rows)
