"""Fills of the node: sides told by either party, complete liquidations, each trade once."""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path

import lz4.frame
import pytest

from forcedflow.errors import DamagedFileError, UsageError
from forcedflow.venues.hyperliquid.messages import Fill, Liquidation
from forcedflow.venues.hyperliquid.parse_accounts import add_fills
from forcedflow.venues.importers.hyperliquid_fills import read_hyperliquid_fills
from forcedflow.venues.importers.options import ImportOptions
from forcedflow.venues.importers.registry import discover
from forcedflow.venues.row_buffer import RowBuffer

AT = 1_760_131_200_123
MAKER, CLOSED = "0x" + "1" * 40, "0x" + "AB" * 20
FORCED = {"liquidatedUser": CLOSED.lower(), "markPx": "101.5", "method": "market"}


def fill(side, *, crossed, tid=7, **other):
    told = {
        "coin": "BTC",
        "px": "100.0",
        "sz": "2.5",
        "side": side,
        "time": AT,
        "startPosition": "9.0",
        "dir": "Close Long",
        "closedPnl": "-12.0",
        "hash": "0x0",
        "oid": 1,
        "crossed": crossed,
        "fee": "0.1",
        "tid": tid,
        "feeToken": "USDC",
    }
    return told | other


def block(*events):
    moment = "2025-10-10T21:20:00.123456789"
    return {"local_time": moment, "block_time": moment, "block_number": 1, "events": list(events)}


def read(*lines, data=None, **stated):
    packed = "\n".join(json.dumps(line) for line in lines).encode() if data is None else data
    return read_hyperliquid_fills(Path("20251010/21.lz4"), packed, ImportOptions(**stated))


SOLD_OUT = [CLOSED, fill("A", crossed=True, liquidation=FORCED)]
BOUGHT_IT = [MAKER, fill("B", crossed=False, dir="Open Long", liquidation=FORCED)]


def test_both_parties_of_a_liquidation_are_one_row_with_the_side_of_the_position():
    parsed = read(block(SOLD_OUT, BOUGHT_IT))
    row = parsed.frames["liquidations"].row(0, named=True)
    assert parsed.frames["liquidations"].height == 1
    assert (row["venue"], row["symbol"], row["side"]) == ("hyperliquid", "BTC/USDC:USDC", "long")
    assert (row["price"], row["price_kind"], row["amount"]) == (100.0, "fill", 2.5)
    assert (row["notional_usd"], row["completeness"]) == (250.0, "complete")
    assert row["event_time"].isoformat() == "2025-10-10T21:20:00.123000+00:00"
    assert parsed.warnings == ()


@pytest.mark.parametrize(
    ("event", "side"),
    [
        (SOLD_OUT, "long"),
        (BOUGHT_IT, "long"),
        ([CLOSED, fill("B", crossed=True, liquidation=FORCED)], "short"),
        ([MAKER, fill("A", crossed=False, liquidation=FORCED)], "short"),
    ],
)
def test_either_party_alone_tells_the_side_of_the_position(event, side):
    assert read(block(event)).frames["liquidations"]["side"].to_list() == [side]


@pytest.mark.parametrize("event", [SOLD_OUT, BOUGHT_IT])
def test_a_followed_account_tells_the_same_liquidation_under_the_same_key(event):
    account, told = event
    buffer = RowBuffer("hyperliquid")
    followed = Fill(
        "BTC", 100.0, 2.5, told["side"], AT, 7, Liquidation(CLOSED.lower(), 101.5, "market")
    )
    add_fills([followed], account, {"BTC": "BTC/USDC:USDC"}, buffer, "userFills", 9)
    theirs = buffer.take()["liquidations"].row(0, named=True)
    ours = read(block(event)).frames["liquidations"].row(0, named=True)
    key = ("symbol", "event_time", "side", "price", "amount", "event_id", "notional_usd")
    assert {name: ours[name] for name in key} == {name: theirs[name] for name in key}
    assert ours["precedence"] > theirs["precedence"]


def test_every_trade_stands_once_with_its_taker():
    events = [
        *(SOLD_OUT, BOUGHT_IT),
        [MAKER, fill("A", crossed=False, tid=8, px="100.5")],
        [CLOSED, fill("B", crossed=True, tid=8, px="100.5")],
    ]
    trades = read(block(*events)).frames["trades"]
    told = trades.select("trade_id", "price", "amount", "taker_side").rows()
    assert told == [("7", 100.0, 2.5, "sell"), ("8", 100.5, 2.5, "buy")]


def test_a_trade_without_a_single_taker_is_left_out_and_its_liquidation_is_kept():
    parsed = read(block(SOLD_OUT, [MAKER, fill("B", crossed=True, liquidation=FORCED)]))
    assert set(parsed.frames) == {"liquidations"}
    assert "1 trades name no single taker" in parsed.warnings[0]


def test_spot_pairs_and_markets_of_others_are_passed_over():
    others = [
        [MAKER, fill("B", crossed=True, coin=coin)] for coin in ("@107", "PURR/USDC", "xyz:TSLA")
    ]
    assert read(block(*others, SOLD_OUT)).frames["trades"].height == 1


def test_one_coin_alone_is_kept_where_it_is_stated():
    pepe = [MAKER, fill("B", crossed=True, tid=9, coin="kPEPE")]
    parsed = read(block(SOLD_OUT, pepe), coin="kPEPE")
    assert parsed.frames["trades"]["symbol"].to_list() == ["kPEPE/USDC:USDC"]
    assert "liquidations" not in parsed.frames


def test_the_older_files_hold_one_fill_a_line():
    by_block, by_fill = read(block(SOLD_OUT, BOUGHT_IT)), read(SOLD_OUT, BOUGHT_IT)
    for table, frame in by_block.frames.items():
        assert frame.equals(by_fill.frames[table])


@pytest.mark.parametrize("pack", [lz4.frame.compress, gzip.compress, bytes])
def test_packed_or_not_the_rows_are_the_same(pack):
    plain = json.dumps(block(SOLD_OUT, BOUGHT_IT)).encode()
    assert read(data=pack(plain)).frames["trades"].equals(read(data=plain).frames["trades"])


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b'{"events": []}\n{"events": [["0x1", {}]]}', "row 2"),
        (b'{"coin": "BTC"}', "events"),
        (lz4.frame.compress(b"x" * 99)[:-9], "LZ4"),
        (gzip.compress(b"x" * 99, mtime=0)[:-9], "gzip"),
        (json.dumps([CLOSED, fill("A", crossed=True, px="NaN")]).encode(), "row 1"),
        (json.dumps([CLOSED, fill("A", crossed=True, time=12)]).encode(), "time"),
    ],
)
def test_a_damaged_file_is_refused_whole(data, said):
    with pytest.raises(DamagedFileError, match=said):
        read(data=data)


def test_without_the_library_a_packed_file_says_how_to_unpack_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "lz4.frame", None)
    with pytest.raises(UsageError, match="unlz4"):
        read(data=lz4.frame.compress(b"{}"))


def test_an_hour_is_found_in_its_folder_of_the_archive(tmp_path):
    hour = tmp_path / "node_fills_by_block" / "hourly" / "20251010" / "21.lz4"
    hour.parent.mkdir(parents=True)
    hour.touch()
    assert discover("hyperliquid-fills", [tmp_path]).files == (hour,)
