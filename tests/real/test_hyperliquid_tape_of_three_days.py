"""The recorded tape: every line is accounted for, and its kinds of file agree with each other."""

from __future__ import annotations

import gzip
import json
from itertools import pairwise

import polars as pl
import pytest

from forcedflow.tables import TABLES, check
from forcedflow.venues.importers.options import ImportOptions
from forcedflow.venues.importers.registry import KINDS, discover

pytestmark = pytest.mark.real_data

COINS = ("AVAX", "BTC", "DOGE")
FOLDER = "hyperliquid/tape"


@pytest.fixture(scope="module")
def tape(real_data):
    """Return frames by coin and table."""
    found: dict[str, dict[str, pl.DataFrame]] = {coin: {} for coin in COINS}
    for file in discover("hyperliquid-tape", [real_data / FOLDER]).files:
        parsed = KINDS["hyperliquid-tape"].reader(file, file.read_bytes(), ImportOptions())
        assert parsed.warnings == ()
        found[file.name.split("_")[1]] |= parsed.frames
    return found


def lines_of(real_data, dataset, coin):
    (path,) = (real_data / FOLDER).glob(f"{dataset}_{coin}_*.jsonl.gz")
    with gzip.open(path) as lines:
        return [json.loads(line) for line in lines]


@pytest.mark.parametrize("coin", COINS)
def test_every_frame_passes_its_tables_check_with_unique_keys_in_order(tape, coin):
    assert set(tape[coin]) == {"trades", "order_book", "open_interest", "funding"}
    for table, frame in tape[coin].items():
        assert check(table, frame).equals(frame)
        assert not frame.select(pl.struct(TABLES[table].key).is_duplicated().any()).item()
        assert frame["event_time"].is_sorted()


@pytest.mark.parametrize("coin", COINS)
def test_every_trade_is_one_row_and_every_book_forty(tape, real_data, coin):
    written = lines_of(real_data, "trades", coin)
    trades = tape[coin]["trades"]
    assert trades.height == len(written)
    bought = sum(line["sz"] for line in written if line["side"] == "B")
    assert trades.filter(taker_side="buy")["amount"].sum() == pytest.approx(bought, rel=1e-12)
    books = {line["ts"] for line in lines_of(real_data, "l2", coin)}
    assert tape[coin]["order_book"].height == 40 * len(books)


@pytest.mark.parametrize("coin", COINS)
def test_takers_bought_above_and_sold_below_the_mid_price_of_a_moment_before(tape, coin):
    best = tape[coin]["order_book"].filter(level=0)
    mid = best.group_by("event_time").agg(mid=pl.col("price").mean(), seen=pl.first("event_time"))
    joined = (
        tape[coin]["trades"]
        .join_asof(mid.sort("event_time"), on="event_time", allow_exact_matches=False)
        .filter(pl.col("event_time") - pl.col("seen") < pl.duration(milliseconds=300))
    )
    assert joined.height > 1_000
    right = (pl.col("price") > pl.col("mid")) == (pl.col("taker_side") == "buy")
    assert joined.select(right.mean()).item() > 0.98


@pytest.mark.parametrize("coin", ["AVAX", "DOGE"])
def test_a_minute_with_one_trade_moves_open_interest_by_nothing_or_by_that_trade(tape, coin):
    interest = tape[coin]["open_interest"].select("event_time", "open_interest").rows()
    trades = tape[coin]["trades"].select("event_time", "amount").rows()
    moves = []
    for (start, before), (end, after) in pairwise(interest):
        between = [amount for moment, amount in trades if start <= moment < end]
        if len(between) == 1:
            moves.append(abs(after - before) / between[0])
    assert len(moves) > 100
    as_a_whole = sum(abs(move - 1) < 0.01 for move in moves) / len(moves)
    not_at_all = sum(move < 0.01 for move in moves) / len(moves)
    assert as_a_whole > 0.4
    assert as_a_whole + not_at_all > 0.96
