"""Recorded tape: sides, made ids, repeated books, open interest counted once."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from forcedflow.errors import DamagedFileError, UsageError
from forcedflow.venues.importers.hyperliquid_tape import read_hyperliquid_tape
from forcedflow.venues.importers.options import ImportOptions
from forcedflow.venues.importers.registry import discover

AT = 1_781_999_998_762
BOUGHT = {"ts": AT, "px": 64275.0, "sz": 0.5, "side": "B"}
SOLD = {"ts": AT + 3, "px": 64274, "sz": 2, "side": "A"}
BOOK = {"ts": AT, "bids": [[9, 1], [8, 2.5]], "asks": [[10, 3], [11, 0.5], [12, 4]]}
CONTEXT = {"ts": AT, "funding": -2e-6, "oi": 30_000.0, "mark": 64_000.0, "oracle": 64_010.0}


def read(dataset, *lines, coin="BTC", stated=None):
    data = "\n".join(json.dumps(line) for line in lines).encode()
    path = Path(f"{dataset}_{coin}_20260621.jsonl.gz")
    return read_hyperliquid_tape(path, gzip.compress(data), stated or ImportOptions())


def test_a_trade_keeps_its_taker_its_size_and_its_time():
    bought, sold = read("trades", BOUGHT, SOLD).frames["trades"].rows(named=True)
    assert (bought["venue"], bought["symbol"]) == ("hyperliquid", "BTC/USDC:USDC")
    assert (bought["taker_side"], sold["taker_side"]) == ("buy", "sell")
    assert (bought["price"], bought["amount"]) == (64275.0, 0.5)
    assert bought["event_time"].isoformat() == "2026-06-20T23:59:58.762000+00:00"
    assert bought["available_time"] == bought["event_time"]
    assert (bought["source"], bought["precedence"]) == ("hyperliquid-tape:trades", 5)


def test_equal_fills_of_one_moment_stay_apart():
    trades = read("trades", BOUGHT, BOUGHT, SOLD).frames["trades"]
    assert trades["amount"].to_list() == [0.5, 0.5, 2.0]
    assert trades["trade_id"].n_unique() == 3


def test_a_trade_has_the_same_id_in_files_that_overlap():
    first = read("trades", BOUGHT, SOLD).frames["trades"]
    second = read("trades", SOLD | {"px": 64274.0, "sz": 2.0}).frames["trades"]
    assert second["trade_id"].item() == first["trade_id"][1]


def test_the_case_of_a_coin_is_kept():
    trades = read("trades", BOUGHT, coin="kPEPE").frames["trades"]
    assert trades["symbol"].item() == "kPEPE/USDC:USDC"


def test_a_book_becomes_one_row_per_level_counted_from_the_best():
    book = read("l2", BOOK).frames["order_book"]
    told = book.select("side", "level", "price", "amount").rows()
    assert told == [
        ("bid", 0, 9.0, 1.0),
        ("bid", 1, 8.0, 2.5),
        ("ask", 0, 10.0, 3.0),
        ("ask", 1, 11.0, 0.5),
        ("ask", 2, 12.0, 4.0),
    ]


def test_a_book_recorded_several_times_is_kept_once_without_a_word():
    parsed = read("l2", BOOK, BOOK, BOOK | {"ts": AT + 2_000})
    assert parsed.frames["order_book"].height == 10
    assert parsed.warnings == ()


def test_of_books_of_one_time_that_differ_the_last_is_kept_whole():
    parsed = read("l2", BOOK, BOOK | {"asks": [[10.5, 7]]})
    book = parsed.frames["order_book"].filter(side="ask")
    assert book.select("price", "amount").rows() == [(10.5, 7.0)]
    assert "1 books repeat a time" in parsed.warnings[0]


def test_open_interest_is_halved_to_one_side_and_valued_at_the_mark_price():
    row = read("ctx", CONTEXT).frames["open_interest"].row(0, named=True)
    assert (row["open_interest"], row["open_interest_usd"]) == (15_000.0, 960_000_000.0)


def test_the_rate_of_a_context_is_the_running_estimate_for_one_hour():
    row = read("ctx", CONTEXT).frames["funding"].row(0, named=True)
    assert (row["kind"], row["funding_rate"], row["interval_hours"]) == ("predicted", -2e-6, 1.0)


@pytest.mark.parametrize(
    ("dataset", "line", "field"),
    [
        ("trades", SOLD | {"side": "S"}, "side"),
        ("trades", SOLD | {"sz": 0}, "sz"),
        ("trades", SOLD | {"px": "dear"}, "px"),
        ("trades", SOLD | {"ts": 12}, "ts"),
        ("ctx", CONTEXT | {"oi": -1}, "oi"),
        ("ctx", CONTEXT | {"mark": None}, "mark"),
    ],
)
def test_a_value_that_cannot_be_is_named_by_row_and_field(dataset, line, field):
    sound = BOUGHT if dataset == "trades" else CONTEXT
    with pytest.raises(DamagedFileError) as caught:
        read(dataset, sound, line)
    assert (caught.value.row, caught.value.field) == (2, field)


@pytest.mark.parametrize(
    "bad",
    [
        {"bids": [[10, 1]]},  # crossed: a bid at the best ask
        {"bids": [[8, 1], [9, 1]]},  # the best is not first
        {"asks": [[10, 0]]},
        {"asks": [[10]]},
        {"ts": "now"},
    ],
)
def test_a_book_that_cannot_be_is_named_by_its_row(bad):
    with pytest.raises(DamagedFileError) as caught:
        read("l2", BOOK, BOOK | bad)
    assert caught.value.row == 2


def test_a_gzip_that_was_cut_short_is_refused():
    whole = gzip.compress(json.dumps(BOUGHT).encode())
    with pytest.raises(DamagedFileError, match="is no readable gzip"):
        read_hyperliquid_tape(Path("trades_BTC_20260621.jsonl.gz"), whole[:-9], ImportOptions())


def test_a_file_without_lines_holds_no_rows_and_says_so():
    for dataset in ("trades", "l2", "ctx"):
        parsed = read(dataset)
        assert parsed.frames == {}
        assert "holds no rows" in parsed.warnings[0]


def test_what_the_name_does_not_say_is_asked_for():
    data = json.dumps(BOUGHT).encode()
    with pytest.raises(UsageError, match="--dataset trades"):
        read_hyperliquid_tape(Path("recorded.jsonl"), data, ImportOptions(coin="BTC"))
    stated = ImportOptions(coin="BTC", dataset="trades")
    assert read_hyperliquid_tape(Path("recorded.jsonl"), data, stated).frames["trades"].height == 1


def test_a_folder_gives_its_tapes_and_names_what_it_passed_over(tmp_path):
    for name in ("l2_BTC_20260621.jsonl.gz", "ctx_BTC_20260621.jsonl", "other.jsonl", "README.md"):
        (tmp_path / name).touch()
    found = discover("hyperliquid-tape", [tmp_path])
    assert [path.name for path in found.files] == [
        "ctx_BTC_20260621.jsonl",
        "l2_BTC_20260621.jsonl.gz",
    ]
    assert len(found.warnings) == 1
    assert "other.jsonl" in found.warnings[0]
