"""Bybit's public files of trades: which day is where, and what a row means."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forcedflow.errors import DamagedFileError, NotThereError
from forcedflow.instruments import Instrument, parse_symbol
from forcedflow.venues.bybit.archive import archive_pieces, parse_trades
from forcedflow.venues.connector import Piece

DAY_MS = 86_400_000
LINEAR = parse_symbol("BTCUSDT", "bybit")
INVERSE = Instrument("bybit", "BTC", "USD", "BTC")
HEADER = (
    "timestamp,symbol,side,size,price,tickDirection,trdMatchID,"
    "grossValue,homeNotional,foreignNotional"
)


def ms(text):
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def file_of(*lines, header=HEADER):
    return gzip.compress("\n".join([header, *lines]).encode())


def parse(*lines, instrument=LINEAR, header=HEADER):
    return parse_trades("file.csv.gz", file_of(*lines, header=header), instrument).frames["trades"]


def tail(table, start_ms, end_ms):
    return (Piece(f"rest:{start_ms}:{end_ms}", frozenset({table}), start_ms, end_ms, dict),)


class Shelf:
    def __init__(self, files=()):
        self.files = dict(files)

    def get(self, url, params=None, *, weight=1):
        assert (params, weight) == (None, 0)
        if url not in self.files:
            raise NotThereError("bybit", url)
        return self.files[url]


def plan(instrument, start, end, now="2026-03-20T10:00", tables=("trades",), http=None):
    return archive_pieces(
        http or Shelf(), tables, instrument, ms(start), ms(end), ms(now), 300_000, tail
    )


def test_days_that_ended_are_files_and_today_comes_over_http():
    pieces = plan(LINEAR, "2026-03-18", "2026-03-21")
    assert [piece.name for piece in pieces] == [
        "trading/BTCUSDT/BTCUSDT2026-03-18.csv.gz",
        "trading/BTCUSDT/BTCUSDT2026-03-19.csv.gz",
        f"rest:{ms('2026-03-20')}:{ms('2026-03-20T10:00')}",
    ]
    assert pieces[0].lasting
    assert pieces[0].fingerprint is None
    assert [rest.name for rest in pieces[0].instead] == [
        f"rest:{ms('2026-03-18')}:{ms('2026-03-19')}"
    ]


def test_spot_and_usdc_contracts_have_folders_of_their_own_names():
    (spot,) = plan(parse_symbol("BTC/USDT", "bybit"), "2026-03-18", "2026-03-19")
    (usdc,) = plan(parse_symbol("BTCPERP", "bybit"), "2026-03-18", "2026-03-19")
    assert spot.name == "spot/BTCUSDT/BTCUSDT_2026-03-18.csv.gz"
    assert usdc.name == "trading/BTCPERP/BTCPERP2026-03-18.csv.gz"


def test_nothing_but_trades_is_there():
    assert plan(LINEAR, "2026-03-18", "2026-03-19", tables=("klines", "open_interest")) == ()


def test_a_piece_reads_its_file_from_the_archive():
    url = "https://public.bybit.com/trading/BTCUSDT/BTCUSDT2026-03-18.csv.gz"
    line = "1773792000.5,BTCUSDT,Buy,0.5,70000,PlusTick,a-b,1,0.5,35000"
    (piece,) = plan(LINEAR, "2026-03-18", "2026-03-19", http=Shelf({url: file_of(line)}))
    (row,) = piece.read()["trades"].to_dicts()
    assert row["event_time"] == datetime(2026, 3, 18, 0, 0, 0, 500_000, tzinfo=UTC)
    assert row["available_time"] == row["event_time"]
    assert (row["venue"], row["symbol"]) == ("bybit", "BTC/USDT:USDT")
    assert (row["trade_id"], row["price"], row["amount"]) == ("a-b", 70_000.0, 0.5)
    assert (row["taker_side"], row["precedence"]) == ("buy", 10)


def test_sizes_of_inverse_contracts_are_dollars():
    rows = parse(
        "1585180700.0647,BTCUSD,Sell,1400,7000.0,PlusTick,x,2e7,0.2,1400", instrument=INVERSE
    )
    assert rows["amount"].to_list() == [0.2]
    assert rows["taker_side"].to_list() == ["sell"]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("1585180700.0647", 1_585_180_700_064),
        ("1747612800.074", 1_747_612_800_074),
        ("1747612800.0799", 1_747_612_800_079),
        ("1747612800.1", 1_747_612_800_100),
        ("1747612800", 1_747_612_800_000),
    ],
)
def test_seconds_are_cut_to_milliseconds_digit_by_digit(written, read):
    rows = parse(f"{written},BTCUSDT,Buy,1,1,PlusTick,x,1,1,1")
    assert rows["event_time"].dt.epoch("ms").to_list() == [read]


@given(st.integers(1_500_000_000_000, 2_500_000_000_000))
@settings(deadline=None, max_examples=50)
def test_every_millisecond_survives_being_written_as_seconds(moment):
    written = f"{moment // 1000}.{moment % 1000:03d}"
    rows = parse(f"{written},BTCUSDT,Buy,1,1,PlusTick,x,1,1,1")
    assert rows["event_time"].dt.epoch("ms").to_list() == [moment]


def test_a_further_column_changes_nothing():
    plain = parse("1747612800.1,BTCUSDT,Buy,1,2,PlusTick,x,1,1,1")
    more = parse("1747612800.1,BTCUSDT,Buy,1,2,PlusTick,x,1,1,1,0", header=f"{HEADER},RPI")
    assert plain.equals(more)


def test_spot_files_count_milliseconds_and_write_sides_in_small_letters():
    rows = parse(
        "7,1747612800074,106453.8,0.003718,sell,0",
        instrument=parse_symbol("BTC/USDT", "bybit"),
        header="id,timestamp,price,volume,side,rpi",
    )
    (row,) = rows.to_dicts()
    assert (row["symbol"], row["trade_id"]) == ("BTC/USDT", "7")
    assert (row["amount"], row["taker_side"]) == (0.003718, "sell")
    assert rows["event_time"].dt.epoch("ms").to_list() == [1_747_612_800_074]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("1747612800.1,ETHUSDT,Buy,1,1,P,x,1,1,1", "is not BTCUSDT"),
        ("1747612800.1,BTCUSDT,Hold,1,1,P,x,1,1,1", "neither Buy nor Sell"),
        ("1747612800.1,BTCUSDT,Buy,1,0,P,x,1,1,1", "not above zero"),
        ("yesterday,BTCUSDT,Buy,1,1,P,x,1,1,1", "is no time"),
        (",BTCUSDT,Buy,1,1,P,x,1,1,1", "a value is required"),
    ],
)
def test_a_row_that_cannot_be_read_is_named(line, problem):
    with pytest.raises(DamagedFileError, match=problem):
        parse(line)


def test_a_day_without_trades_gives_no_rows():
    assert parse_trades("file.csv.gz", file_of(), LINEAR).frames == {}


@given(st.binary(max_size=300), st.booleans())
@settings(deadline=None, max_examples=100)
def test_arbitrary_bytes_are_refused_and_never_anything_else(data, packed):
    content = gzip.compress(data) if packed else data
    with pytest.raises(DamagedFileError):
        parse_trades("file.csv.gz", content, LINEAR)


@given(st.data())
@settings(deadline=None, max_examples=150)
def test_a_damaged_file_is_read_or_refused_and_never_anything_else(data):
    sound = f"{HEADER}\n1747612800.1,BTCUSDT,Buy,1,2,PlusTick,x,1,1,1\n".encode()
    place = data.draw(st.integers(0, len(sound) - 1))
    content = bytearray(sound)
    content[place] = data.draw(st.integers(0, 255))
    try:
        frames = parse_trades("file.csv.gz", gzip.compress(bytes(content)), LINEAR).frames
    except DamagedFileError:
        return
    assert all(frame.height == 1 for frame in frames.values())
