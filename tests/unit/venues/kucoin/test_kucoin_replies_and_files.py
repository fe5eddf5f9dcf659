"""What KuCoin answers over HTTP and keeps in its archive: units, brackets, addresses, files."""

from __future__ import annotations

import hashlib
import io
import zipfile

import pytest
from tests.unit.venues.kucoin.kucoin_messages import BTC, DAY, MINUTE, NOON, plain, reply

from forcedflow.errors import (
    DamagedFileError,
    FrameError,
    NotThereError,
    RateLimitedError,
    VenueError,
)
from forcedflow.instruments import Instrument, parse_symbol
from forcedflow.venues.kucoin import KucoinConnector
from forcedflow.venues.kucoin.archive import parse_file
from forcedflow.venues.kucoin.parse_history import (
    Asked,
    parse_funding,
    parse_klines,
    parse_open_interest,
    parse_recent_trades,
    parse_reference_klines,
)
from forcedflow.venues.kucoin.parse_listing import (
    parse_address,
    parse_instruments,
    parse_risk_limits,
    parse_time,
)
from forcedflow.venues.network import read_piece
from forcedflow.venues.row_buffer import RowBuffer

ALL = Asked(BTC, 0, 1 << 42, 1 << 42, 9)
FIVE = 5 * MINUTE
STREAM = "wss://ws-api-futures.kucoin.com"


def rows_of(parse, raw, *more, asked=ALL):
    rows = RowBuffer("kucoin")
    parse(raw, asked, *more, rows)
    return [row for found in rows.take().values() for row in plain(found)]


def contract(**other):
    return {
        "symbol": "XBTUSDTM",
        "type": "FFWCSX",
        "baseCurrency": "XBT",
        "quoteCurrency": "USDT",
        "settleCurrency": "USDT",
        "tickSize": 0.1,
        "multiplier": 0.001,
        "isInverse": False,
        "status": "Open",
    } | other


def test_bars_over_http_are_in_contracts_and_one_under_way_is_left_out():
    bars = reply([[NOON, 1.0, 4.0, 0.5, 2.0, 5000], [NOON + FIVE, 2, 2, 2, 2, 0, 77.0]])
    (row,) = rows_of(parse_klines, bars, FIVE, asked=Asked(BTC, 0, 1 << 42, NOON + FIVE, 9))
    assert (row["event_time"], row["volume"]) == (NOON + FIVE, pytest.approx(5.0))
    assert [row[name] for name in ("open", "high", "low", "close")] == [1, 4, 0.5, 2]


def test_reference_bars_count_seconds_and_have_close_before_high():
    data = {"list": [[str(NOON // 1000), "1", "2", "4", "0.5", "0", "0"]]}
    (row,) = rows_of(parse_reference_klines, reply(data), "index", FIVE)
    assert [row[name] for name in ("open", "high", "low", "close")] == [1, 4, 0.5, 2]
    assert (row["event_time"], row["price_type"], row["volume"]) == (NOON + FIVE, "index", None)


def test_open_interest_history_is_contracts_known_five_minutes_later():
    data = [{"symbol": "XBTUSDTM", "openInterest": "8053960", "ts": NOON}]
    data.append({"symbol": "ETHUSDTM", "openInterest": "1", "ts": NOON})
    (row,) = rows_of(parse_open_interest, reply(data))
    assert row["open_interest"] == pytest.approx(8_053.96)
    assert (row["open_interest_usd"], row["available_time"]) == (None, NOON + FIVE)


def test_settlements_know_their_interval_from_the_one_before():
    hour = 3_600_000
    data = [
        {"symbol": "XBTUSDTM", "fundingRate": rate, "timepoint": NOON + at * hour}
        for rate, at in ((0.0002, 8), (0.0001, 0))
    ]
    first, second = rows_of(parse_funding, reply(data))
    assert (first["funding_rate"], first["interval_hours"]) == (0.0001, None)
    assert (second["funding_rate"], second["interval_hours"]) == (0.0002, 8.0)


def test_the_last_trades_are_in_coins_at_milliseconds():
    data = [{"tradeId": "5", "ts": NOON * 1_000_000 + 7, "size": 3, "price": "2", "side": "sell"}]
    (row,) = rows_of(parse_recent_trades, reply(data))
    assert (row["event_time"], row["taker_side"]) == (NOON, "sell")
    assert row["amount"] == pytest.approx(0.003)


def test_only_open_linear_perpetuals_are_listed_and_bitcoin_is_btc():
    raw = reply(
        [
            contract(),
            contract(
                symbol="XBTUSDM",
                quoteCurrency="USD",
                settleCurrency="XBT",
                isInverse=True,
                multiplier=-1,
            ),
            contract(symbol="XBTMU26", type="FFICSX"),
            contract(symbol="ETHUSDTM", baseCurrency="ETH", status="Paused"),
            contract(symbol="ODDNAME", baseCurrency="SOL"),
        ]
    )
    (found,) = parse_instruments(raw)
    assert found == Instrument("kucoin", "BTC", "USDT", "USDT", 0.1, 0.001)
    assert found.venue_symbol == "XBTUSDTM"
    assert parse_symbol("XBTUSDTM", "kucoin").symbol == found.symbol


def limit(level, floor, cap, leverage, rate):
    return {
        "symbol": "XBTUSDTM",
        "level": level,
        "minRiskLimit": floor,
        "maxRiskLimit": cap,
        "maxLeverage": leverage,
        "initialMargin": 1 / leverage,
        "maintainMargin": rate,
    }


def test_brackets_are_dated_their_day_and_their_margin_is_continuous():
    raw = reply([limit(2, 100_000, 500_000, 100, 0.005), limit(1, 0, 100_000, 125, 0.004)])
    rows = RowBuffer("kucoin")
    parse_risk_limits(raw, BTC, NOON, 9, rows)
    first, second = plain(rows.take()["leverage_brackets"])
    assert (first["event_time"], first["available_time"]) == (NOON - NOON % DAY,) * 2
    assert (first["bracket"], first["notional_cap"], first["max_leverage"]) == (1, 100_000, 125)
    assert second["maintenance_amount"] == pytest.approx(100_000 * 0.001)
    at_edge = [
        100_000 * row["maintenance_margin_rate"] - row["maintenance_amount"]
        for row in (first, second)
    ]
    assert at_edge[0] == pytest.approx(at_edge[1])


@pytest.mark.parametrize(
    "limits",
    [
        [limit(1, 0, 100, 100, 0.005), limit(2, 200, 300, 50, 0.01)],
        [limit(1, 0, 100, 100, 0.01), limit(2, 100, 300, 50, 0.005)],
        [limit(1, 0, 100, 100, 1.5)],
    ],
)
def test_brackets_that_do_not_join_or_fall_are_refused(limits):
    with pytest.raises(FrameError, match="risk-limit"):
        parse_risk_limits(reply(limits), BTC, NOON, 9, RowBuffer("kucoin"))


def token(endpoint):
    return reply({"token": "a=b&c", "instanceServers": [{"endpoint": endpoint}]})


def test_a_socket_is_opened_with_its_token_at_the_host_that_the_venue_names():
    found = parse_address(token("wss://ws-api-2.kucoin.com/endpoint"), STREAM)
    assert found == "wss://ws-api-2.kucoin.com/endpoint?token=a%3Db%26c"


def test_an_address_of_numbers_has_no_others_beside_it():
    local = "ws://127.0.0.1:8000"
    assert parse_address(token(f"{local}/endpoint"), local).startswith(f"{local}/endpoint?token=")
    with pytest.raises(FrameError, match="stranger"):
        parse_address(token("ws://10.0.0.1:8000/endpoint"), local)


@pytest.mark.parametrize("host", ["wss://kucoin.com.evil.example/", "ws://ws-api.kucoin.com/"])
def test_a_socket_of_a_stranger_or_in_the_clear_is_refused(host):
    with pytest.raises(FrameError, match="stranger"):
        parse_address(token(host), STREAM)
    with pytest.raises(FrameError, match="no server"):
        parse_address(reply({"token": "x", "instanceServers": []}), STREAM)


def test_refusals_are_told_apart_by_their_code():
    with pytest.raises(RateLimitedError):
        parse_time(b'{"code":"429000","msg":"Too many requests"}')
    with pytest.raises(NotThereError):
        parse_time(b'{"code":"404000","msg":"Url Not Found"}')
    with pytest.raises(VenueError, match="code 400100"):
        parse_time(b'{"code":"400100","msg":"Parameter Error"}')
    assert parse_time(reply(NOON)) == NOON


def zipped(name, text):
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr(f"{name}.csv", text)
    return held.getvalue()


def rows_in(name, text, dataset):
    found = parse_file(f"https://x/{name}.zip", zipped(name, text), dataset, BTC, FIVE)
    return [row for table in found.frames.values() for row in plain(table)]


def test_trades_of_the_archive_are_contracts_under_the_name_that_the_archive_uses():
    text = f"trade_id,trade_time,price,size,side\n17,{NOON},50000,250,BUY\n"
    (row,) = rows_in("BTCUSDTM-trades-2026-01-01", text, "trades")
    assert (row["trade_id"], row["event_time"], row["taker_side"]) == ("17", NOON, "buy")
    assert row["amount"] == pytest.approx(0.25)


@pytest.mark.parametrize("unit", [1, 1000])
def test_bars_of_the_archive_may_count_seconds_or_milliseconds(unit):
    text = f"time,open,high,low,close,volume\n{NOON // unit},1,4,0.5,2,5000\n"
    (row,) = rows_in("BTCUSDTM-5m-2026-01-01", text, "klines")
    assert (row["event_time"], row["price_type"]) == (NOON + FIVE, "last")
    assert row["volume"] == pytest.approx(5.0)


def test_mark_bars_have_no_volume_and_settlements_are_of_this_contract():
    (bar,) = rows_in(
        "BTCUSDTM-5m-2026-01-01", f"time,open,high,low,close\n{NOON},1,4,0.5,2\n", "mark"
    )
    assert (bar["price_type"], bar["volume"]) == ("mark", None)
    text = f"symbol,time,fundingRate\nXBTUSDTM,{NOON},0.0001\n"
    (paid,) = rows_in("BTCUSDTM-fundingRates-2026-01-01", text, "fundingRates")
    assert (paid["kind"], paid["funding_rate"], paid["event_time"]) == ("settled", 0.0001, NOON)
    with pytest.raises(DamagedFileError, match="is not XBTUSDTM"):
        rows_in("BTCUSDTM-fundingRates-2026-01-01", text.replace("XBT", "ETH"), "fundingRates")


class Files:
    """An HTTP client that holds files by the end of their address."""

    def __init__(self, **held: bytes) -> None:
        self.held, self.asked = held, []

    def get(self, url, params=None, *, weight=1):
        del params
        self.asked.append((url, weight))
        name = url.rpartition("/")[2].replace("-", "_").replace(".", "_")
        if name not in self.held:
            raise NotThereError("kucoin", f"{url}: 404")
        return self.held[name]

    def post(self, url, body, *, weight=1):
        raise AssertionError(f"posted to {url}: {body}, {weight}")


def first_day_of_trades(http):
    day = NOON - NOON % DAY
    span = (day, day + DAY)
    return KucoinConnector().pieces(http, ["trades"], BTC, *span, day + 40 * DAY, FIVE)


def test_a_file_is_taken_only_if_its_md5_is_the_one_beside_it():
    day = "2026_09_21"
    name = f"BTCUSDTM_trades_{day}_zip"
    text = f"trade_id,trade_time,price,size,side\n17,{NOON},50000,250,buy\n"
    data = zipped("BTCUSDTM-trades-2026-09-21", text)
    stated = hashlib.md5(data, usedforsecurity=False).hexdigest().encode()
    http = Files(**{name: data, f"{name}_CHECKSUM": stated + b"  x.zip\n"})
    (piece,) = first_day_of_trades(http)
    assert piece.name == "data/futures/daily/trades/BTCUSDTM/BTCUSDTM-trades-2026-09-21.zip"
    (rows,) = read_piece(piece)
    assert rows["trades"].height == 1
    assert {weight for _, weight in http.asked} == {0}
    http.held[f"{name}_CHECKSUM"] = b"0" * 32
    with pytest.raises(VenueError, match="MD5"):
        piece.read()


def test_a_day_that_the_archive_lacks_is_asked_for_over_http():
    http = Files()
    day = NOON - NOON % DAY
    tables = ["klines", "funding", "open_interest"]
    pieces = KucoinConnector().pieces(http, tables, BTC, day, day + DAY, day + 40 * DAY, FIVE)
    archived = [piece for piece in pieces if piece.host == "archive"]
    assert {piece.name.split("/")[3] for piece in archived} == {
        "klines",
        "mark",
        "index",
        "fundingRates",
    }
    assert all(piece.instead for piece in archived)
    assert [piece.name.split("/")[2] for piece in pieces if piece.host == "rest"] == [
        "open-interest"
    ]


def test_a_contract_known_by_its_name_alone_gives_prices_but_no_amounts():
    day = NOON - NOON % DAY
    guessed = parse_symbol("BTC", "kucoin")
    tables = ["klines", "trades", "open_interest"]
    http = Files()
    pieces = KucoinConnector().pieces(http, tables, guessed, day, day + DAY, day + 40 * DAY, FIVE)
    for piece in pieces:
        if "/mark/" in piece.name or "/index/" in piece.name:
            with pytest.raises(NotThereError):
                piece.read()
        else:
            with pytest.raises(VenueError, match="how many coins a contract is"):
                piece.read()
