"""Messages of Binance's streams become rows with the sides and units that the tables declare."""

import msgspec
import pytest

from forcedflow.errors import FrameError, UsageError
from forcedflow.instruments import Instrument
from forcedflow.store.raw_log import Frame
from forcedflow.venues.binance import BinanceConnector
from forcedflow.venues.row_buffer import RowBuffer

LINEAR = Instrument("binance", "BTC", "USDT", "USDT", 0.1)
INVERSE = Instrument("binance", "BTC", "USD", "BTC", 0.1, 100.0)
SPOT = Instrument("binance", "BTC", "USDT", None, 0.01)
NOON = 1_791_374_400_000


def message(data, connection="market:0", received_ms=NOON):
    raw = msgspec.json.encode({"stream": "any", "data": data})
    return Frame(received_ms * 1_000_000, connection, "message", raw)


def read(*frames, reader=None):
    """Return rows by table and the requests that came back."""
    reader = reader or BinanceConnector().reader([LINEAR, INVERSE, SPOT])
    rows, requests = RowBuffer("binance"), []
    for frame in frames:
        requests += reader.read(frame, rows)
    return {table: frame.to_dicts() for table, frame in rows.take().items()}, requests


def ms(moment):
    return round(moment.timestamp() * 1000)


def forced(side, st=1, name="BTCUSDT", **order):
    fields = {"s": name, "S": side, "o": "LIMIT", "f": "IOC", "q": "0.020", "p": "79000.0"}
    fields |= {"ap": "80000.0", "X": "FILLED", "l": "0.001", "z": "0.020", "T": NOON, "st": st}
    return message({"e": "forceOrder", "E": NOON + 5, "o": fields | order})


def trade(**fields):
    base = {"e": "aggTrade", "E": NOON, "a": 7, "s": "BTCUSDT", "p": "80000.0", "q": "0.5"}
    return base | {"nq": "0.5", "f": 1, "l": 2, "T": NOON - 3, "m": True, "st": 1} | fields


def kline(name="BTCUSDT", *, closed=True, **bar):
    fields = {"t": NOON, "T": NOON + 59_999, "s": name, "i": "1m", "f": 1, "L": 9}
    fields |= {"o": "100", "c": "102", "h": "104", "l": "99", "v": "30", "n": 9, "x": closed}
    fields |= {"q": "3000", "V": "10", "Q": "1000", "B": "0"}
    return {"e": "kline", "E": NOON + 60_000, "s": name, "k": fields | bar}


def mark(at_ms, price="80000", rate="0.0001", name="BTCUSDT", st=1):
    data = {"e": "markPriceUpdate", "E": at_ms, "s": name, "p": price, "i": price, "P": price}
    return message(data | {"r": rate, "T": NOON + 9_999_999, "st": st})


def test_a_sell_order_liquidates_a_long_and_a_buy_order_a_short():
    rows, _ = read(forced("SELL"), forced("BUY"))
    assert [row["side"] for row in rows["liquidations"]] == ["long", "short"]


def test_a_liquidation_is_what_was_filled_in_all_at_the_average_price():
    rows, _ = read(forced("SELL"))
    (row,) = rows["liquidations"]
    assert (row["price"], row["price_kind"]) == (80_000.0, "fill")
    assert (row["amount"], row["notional_usd"]) == (0.02, 1600.0)
    assert (row["completeness"], row["event_id"]) == ("sampled lower bound", "")
    assert ms(row["event_time"]) == ms(row["available_time"]) == NOON
    assert row["source"] == "binance:forceOrder"


def test_a_coin_margined_liquidation_counts_contracts_of_its_dollar_size():
    rows, _ = read(forced("BUY", st=2, name="BTCUSD_PERP", z="40", ap="50000"))
    (row,) = rows["liquidations"]
    assert (row["symbol"], row["side"]) == ("BTC/USD:BTC", "short")
    assert (row["notional_usd"], row["amount"]) == (4000.0, 0.08)


def test_a_liquidation_of_the_other_market_or_of_another_symbol_is_not_taken():
    rows, _ = read(forced("SELL", st=2), forced("SELL", name="ETHUSDT"))
    assert rows == {}


def test_the_market_may_stand_beside_the_order_as_the_documents_have_it():
    order = {"s": "BTCUSDT", "S": "SELL", "ap": "9910", "z": "0.014", "T": NOON}
    rows, _ = read(message({"e": "forceOrder", "E": NOON, "o": order, "st": 2}))
    assert rows == {}
    rows, _ = read(message({"e": "forceOrder", "E": NOON, "o": order, "ps": "BTCUSDT", "st": 1}))
    assert len(rows["liquidations"]) == 1


def test_an_order_that_has_filled_nothing_closed_nothing():
    rows, _ = read(forced("SELL", X="NEW", z="0", ap="0"))
    assert rows == {}


def test_a_liquidation_delivered_twice_keeps_one_key():
    rows, _ = read(forced("SELL"), forced("SELL"))
    first, again = rows["liquidations"]
    assert first == again


def test_a_trade_whose_buyer_waited_was_sold_by_the_taker():
    rows, _ = read(message(trade()), message(trade(a=8, m=False)))
    sold, bought = rows["trades"]
    assert (sold["trade_id"], sold["taker_side"], sold["amount"]) == ("7", "sell", 0.5)
    assert (bought["trade_id"], bought["taker_side"]) == ("8", "buy")
    assert ms(sold["event_time"]) == NOON - 3


def test_a_coin_margined_trade_is_in_coins():
    rows, _ = read(message(trade(s="BTCUSD_PERP", q="8", p="80000", st=2)))
    assert rows["trades"][0]["amount"] == 0.01


def test_one_name_on_the_spot_connection_is_the_spot_pair_and_may_count_microseconds():
    rows, _ = read(message(trade(T=(NOON - 3) * 1000 + 7, M=True), "spot:0"))
    (row,) = rows["trades"]
    assert (row["symbol"], ms(row["event_time"])) == ("BTC/USDT", NOON - 3)


def test_only_closed_bars_become_rows_and_are_stamped_with_their_end():
    rows, _ = read(message(kline(closed=False)), message(kline()))
    (row,) = rows["klines"]
    assert ms(row["event_time"]) == ms(row["available_time"]) == NOON + 60_000
    assert (row["price_type"], row["interval_ms"]) == ("last", 60_000)
    assert (row["open"], row["high"], row["low"], row["close"]) == (100, 104, 99, 102)
    assert (row["volume"], row["quote_volume"]) == (30, 3000)
    assert (row["taker_buy_volume"], row["trade_count"]) == (10, 9)


def test_a_coin_margined_bar_carries_its_coins_where_others_carry_value():
    rows, _ = read(message(kline("BTCUSD_PERP", v="30", q="0.06", V="10", Q="0.02")))
    (row,) = rows["klines"]
    assert (row["volume"], row["quote_volume"], row["taker_buy_volume"]) == (0.06, 3000.0, 0.02)


def test_a_bar_of_a_spot_pair_says_so():
    rows, _ = read(message(kline(), "spot:0"))
    assert (rows["klines"][0]["symbol"], rows["klines"][0]["price_type"]) == ("BTC/USDT", "spot")


def test_a_bar_whose_high_is_below_its_close_is_refused():
    with pytest.raises(FrameError, match=r"kline: the high 101 is below"):
        read(message(kline(h="101")))


def test_a_bar_of_a_length_without_a_name_is_refused():
    with pytest.raises(FrameError, match="'7m' is no bar length"):
        read(message(kline(i="7m")))


def test_the_funding_estimate_is_kept_once_a_minute():
    start = NOON + 500
    rows, _ = read(*(mark(start + 1000 * second) for second in range(180)))
    stamps = [ms(row["event_time"]) - NOON for row in rows["funding"]]
    assert stamps == [500, 60_500, 120_500]
    assert {row["kind"] for row in rows["funding"]} == {"predicted"}
    assert {row["funding_rate"] for row in rows["funding"]} == {0.0001}


def test_the_interval_of_funding_is_unknown_until_it_was_asked_for():
    reader = BinanceConnector().reader([LINEAR])
    rows, requests = read(mark(NOON), mark(NOON + 1000), reader=reader)
    assert [request.connection for request in requests] == ["rest:um:fundingInfo"]
    assert rows["funding"][0]["interval_hours"] is None
    answer = msgspec.json.encode([{"symbol": "OTHERUSDT", "fundingIntervalHours": 4}])
    asked = Frame(NOON * 1_000_000, "rest:um:fundingInfo", "response", answer)
    rows, _ = read(asked, mark(NOON + 60_000), reader=reader)
    assert rows["funding"][0]["interval_hours"] == 8.0
    answer = msgspec.json.encode([{"symbol": "BTCUSDT", "fundingIntervalHours": 4}])
    asked = Frame(NOON * 1_000_000, "rest:um:fundingInfo", "response", answer)
    rows, _ = read(asked, mark(NOON + 120_000), reader=reader)
    assert rows["funding"][0]["interval_hours"] == 4.0


def test_a_funding_rate_that_is_no_number_is_refused():
    with pytest.raises(FrameError, match="its funding rate is no rate"):
        read(mark(NOON, rate="much"))


@pytest.mark.parametrize(
    "raw",
    [
        b'{"result":null,"id":1}',
        b'{"stream":"btcusdt@bookTicker","data":{"e":"bookTicker","s":"BTCUSDT"}}',
        b'{"stream":"!ticker@arr","data":[{"e":"24hrTicker","s":"BTCUSDT"}]}',
        b'[{"e":"markPriceUpdate","s":"BTCUSDT"}]',
        b'{"e":"24hrTicker","s":"BTCUSDT"}',
    ],
)
def test_what_nobody_asked_for_gives_no_rows_and_no_error(raw):
    assert read(Frame(1, "market:0", "message", raw)) == ({}, [])


@pytest.mark.parametrize(
    "raw",
    [
        b'{"error":{"code":2,"msg":"Invalid request: unknown stream"},"id":1}',
        b'{"code":3,"msg":"Invalid JSON"}',
    ],
)
def test_a_failed_subscription_is_an_error(raw):
    with pytest.raises(FrameError, match="subscription: the venue says 'Invalid"):
        read(Frame(1, "market:0", "message", raw))


def test_an_event_by_itself_is_read_like_one_of_a_combined_stream():
    raw = msgspec.json.encode(trade())
    rows, _ = read(Frame(1, "market:0", "message", raw))
    assert rows["trades"][0]["price"] == 80_000.0


def test_the_error_quotes_the_message_and_names_the_field():
    with pytest.raises(FrameError, match=r"aggTrade: .*\$\.p.*the message reads: .*-5"):
        read(message(trade(p="-5")))


def test_brackets_that_are_pushed_become_rows_of_that_day():
    first = {"bs": 1, "bnf": 0, "bnc": 5000, "mmr": 0.01, "cf": 0, "mi": 21, "ma": 50}
    second = {"bs": 2, "bnf": 5000, "bnc": 9000, "mmr": 0.02, "cf": 50, "mi": 1, "ma": 20}
    data = {"e": "contractInfo", "E": NOON, "s": "BTCUSDT", "ct": "PERPETUAL", "st": 1}
    rows, _ = read(message(data | {"bks": [second, first]}), message(data))
    brackets = rows["leverage_brackets"]
    assert [row["bracket"] for row in brackets] == [1, 2]
    assert brackets[1]["maintenance_amount"] == 50.0
    assert brackets[1]["max_leverage"] == 20.0
    assert brackets[0]["event_time"].isoformat() == "2026-10-07T00:00:00+00:00"


def test_a_coin_margined_contract_without_its_size_is_refused():
    unsized = Instrument("binance", "BTC", "USD", "BTC")
    with pytest.raises(UsageError, match="contract size of BTC/USD:BTC is not known"):
        BinanceConnector().reader([unsized])


def test_the_same_frames_give_the_same_rows_again():
    frames = [forced("SELL"), message(trade()), message(kline()), mark(NOON), mark(NOON + 60_000)]
    assert read(*frames)[0] == read(*frames)[0]
