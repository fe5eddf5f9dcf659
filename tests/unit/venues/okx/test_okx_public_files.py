"""OKX's public files: a day of UTC whichever day the file keeps, contracts in coins."""

from __future__ import annotations

import io
import zipfile

import pytest
from tests.unit.venues.okx.okx_frames import DAY, HOUR, INVERSE, LINEAR, NOON, Answers, plain

from forcedflow.errors import DamagedFileError, NotThereError
from forcedflow.venues.okx import OkxConnector
from forcedflow.venues.okx.archive import parse_funding, parse_trades

HEADER = "instrument_name,trade_id,side,price,size,created_time"
TODAY = NOON - NOON % DAY
YESTERDAY = TODAY - DAY


def zipped(text: str | bytes, name: str = "whatever.csv") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, text)
    return buffer.getvalue()


def trades(*times: int, symbol: str = "BTC-USDT-SWAP") -> bytes:
    lines = [f"{symbol},{at % 10**6},sell,60000,50,{at}" for at in times]
    return zipped("\n".join([HEADER, *lines]) + "\n")


def day_piece(http, table="trades", instrument=LINEAR, now=NOON, day=YESTERDAY):
    (piece,) = OkxConnector().pieces(http, [table], instrument, day, day + DAY, now, 300_000)
    return piece


def test_trades_are_in_coins_with_the_takers_side():
    (row,) = plain(parse_trades("f", trades(NOON), LINEAR).frames["trades"])
    assert (row["price"], row["amount"], row["taker_side"]) == (60_000, 0.5, "sell")
    assert row["event_time"] == row["available_time"] == NOON
    data = zipped(f"{HEADER}\nBTC-USD-SWAP,1,BUY,60000,300,{NOON}\n")
    (row,) = plain(parse_trades("f", data, INVERSE).frames["trades"])
    assert (row["amount"], row["taker_side"]) == (0.5, "buy")


def test_names_of_columns_in_chinese_beside_the_english_ones_are_passed_over():
    names = HEADER.split(",")
    header = ",".join(f"{name}/撮合" for name in names).encode("gb18030")
    data = zipped(header + f"\nBTC-USDT-SWAP,1,buy,60000,50,{NOON}\n".encode())
    assert parse_trades("f", data, LINEAR).frames["trades"].height == 1


def test_a_file_of_the_day_of_utc_is_enough_by_itself():
    http = Answers(trades(YESTERDAY, YESTERDAY + 20 * HOUR))
    rows = plain(day_piece(http).read()["trades"])
    assert [row["event_time"] for row in rows] == [YESTERDAY, YESTERDAY + 20 * HOUR]
    ((url, _),) = http.asked
    assert url.startswith("https://static.okx.com/cdn/okex/traderecords/trades/daily/")
    assert http.weights == [0]


def test_a_file_of_the_day_of_hong_kong_is_completed_by_the_next_and_cut_to_utc():
    first = [YESTERDAY - 5 * HOUR, YESTERDAY, YESTERDAY + 15 * HOUR]
    second = [YESTERDAY + 16 * HOUR, YESTERDAY + DAY - 1, YESTERDAY + DAY]
    http = Answers(trades(*first), trades(*second))
    rows = plain(day_piece(http).read()["trades"])
    assert [row["event_time"] for row in rows] == [*first[1:], *second[:2]]
    assert len({url for url, _ in http.asked}) == 2


def test_a_day_whose_second_half_is_not_published_yet_is_asked_for_over_http():
    http = Answers(trades(YESTERDAY), NotThereError("okx", "404"))
    piece = day_piece(http)
    with pytest.raises(NotThereError):
        piece.read()
    old = day_piece(Answers(), day=YESTERDAY - 9 * DAY)
    assert old.instead == (), "of a day long over the last trades hold nothing"


def test_today_is_asked_for_over_http():
    (piece,) = OkxConnector().pieces(Answers(), ["trades"], LINEAR, TODAY, NOON, NOON, 300_000)
    assert (piece.host, piece.lasting) == ("rest", False)


def test_settlements_older_than_three_months_are_in_files_of_all_swaps():
    long_ago = TODAY - 200 * DAY
    lines = ["instrument_name,funding_rate,funding_time"]
    for hours in (0, 8, 16):
        lines += [f"{name},0.0001,{long_ago + hours * HOUR}" for name in ("BTC-USDT-SWAP", "X-Y")]
    http = Answers(zipped("\n".join(lines) + "\n"))
    rows = plain(day_piece(http, "funding", day=long_ago).read()["funding"])
    assert [row["event_time"] - long_ago for row in rows] == [0, 8 * HOUR, 16 * HOUR]
    assert {(row["kind"], row["interval_hours"]) for row in rows} == {("settled", None)}
    assert "allswap-fundingrates-" in http.asked[0][0]


@pytest.mark.parametrize(
    "data",
    [
        b"no zip",
        zipped("", "a.txt"),
        zipped(HEADER.replace("price", "cost") + "\n"),
        trades(NOON, symbol="ETH-USDT-SWAP"),
        zipped(f"{HEADER}\nBTC-USDT-SWAP,1,both,60000,50,{NOON}\n"),
        zipped(f"{HEADER}\nBTC-USDT-SWAP,1,buy,0,50,{NOON}\n"),
        zipped(f"{HEADER}\nBTC-USDT-SWAP,1,buy,60000,nan,{NOON}\n"),
    ],
    ids=["no zip", "no csv", "no price", "other symbol", "no side", "price zero", "nan"],
)
def test_a_damaged_file_is_refused_whole(data):
    with pytest.raises(DamagedFileError):
        parse_trades("f", data, LINEAR)


def test_a_file_without_the_contract_gives_no_settlements():
    data = zipped(f"instrument_name,funding_rate,funding_time\nX-Y,0.1,{NOON}\n")
    assert parse_funding("f", data, LINEAR).frames == {}
