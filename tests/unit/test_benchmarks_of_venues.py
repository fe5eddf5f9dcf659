"""The venues' benchmarks compare like with like, and look for everything that was sent."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import pytest
from benchmarks import against_ccxt, decode, recording
from benchmarks.measure import Result, read_budgets, table
from benchmarks.recording_sender import SYMBOLS, Market


@pytest.mark.parametrize("case", decode.cases(500), ids=lambda case: case.venue)
def test_typed_decoding_rows_and_peer_say_the_same(case):
    decode.assert_same(case)
    sides = {side for raw in case.frames for _, side, *_ in case.typed(raw)}
    assert sides == {"long", "short"}


def test_a_peer_that_takes_the_order_for_the_position_is_refused():
    case = decode.cases(10)[0]

    def mistaken(raw):
        (row,) = case.peer(raw)
        return [row | {"side": "short" if row["side"] == "long" else "long"}]

    with pytest.raises(AssertionError, match="binance forceOrder"):
        decode.assert_same(dataclasses.replace(case, peer=mistaken))


def test_every_decoding_and_the_recording_have_goals():
    budgets = read_budgets()
    names = {
        f"{case.name}, {what}" for case in decode.cases(1) for what in ("typed decoding", "to rows")
    }
    assert set(budgets["decode"]) == names
    assert set(budgets["recording"]) == {recording.NAME}


def test_the_market_mixes_trades_deltas_liquidations_and_mark_prices_as_it_says():
    market = Market()
    market.say(20_000, 1_791_391_081_000_000_000)
    liquidations = sum(market.liquidations.values())
    assert sum(market.trades.values()) == 16_000
    assert sum(market.update.values()) == len(SYMBOLS) * 1_000 + 3 * 3_000
    assert len(market.marks) == len(SYMBOLS)
    assert liquidations + len(SYMBOLS) == 1_000
    assert market.market + market.public == 20_000
    assert set(market.trades) == set(SYMBOLS)


def test_a_short_recording_finds_every_message_and_every_row():
    found = recording.measure(2_000, 4.0)
    assert found["sent"] == 8_000
    assert (found["lost"], found["dropped"], found["refused"], found["reconnects"]) == (0, 0, 0, 0)
    assert found["rows"] == found["rows_due"] > 6_400
    assert 0 < found["lag_p50_ms"] <= found["lag_p99_ms"]
    assert found["cpu_per_message_s"] > 0
    assert recording._notes(found)[0].startswith("sent 8,000 messages; lost 0")


def test_a_contestant_is_judged_by_what_was_told():
    told = [SimpleNamespace(time_ms=n, price=100.0, side="long", size=1.0) for n in range(4)]
    rows = [[0, 100.0, "long", 1.0], [1, 100.0, "short", 1.0], [2, 100.0, "long", 0.5]]
    found = against_ccxt._judged("bybit", "someone", 2, told, [*rows, rows[0]])
    assert (found.told, found.delivered, found.twice) == (4, 3, 1)
    assert (found.wrong_side, found.wrong_size) == (1, 1)
    assert "3 of 4 delivered (75.0%)" in against_ccxt._sentence(found)
    with pytest.raises(AssertionError, match="nobody told"):
        against_ccxt._judged("bybit", "someone", 2, told, [[9, 100.0, "long", 1.0]])


def test_addresses_of_another_library_are_led_to_this_machine():
    urls = {"public": "https://api.{hostname}/v5", "ws": {"linear": "wss://fstream.binance.com/ws"}}
    assert against_ccxt._redirected(urls, "8080") == {
        "public": "http://127.0.0.1:8080/v5",
        "ws": {"linear": "ws://127.0.0.1:8080/ws"},
    }


def test_notes_stand_below_the_table():
    counted = Result("against_ccxt", "binance", "5,000 liquidations", notes=("ours: all of them",))
    assert table([counted]).endswith("\n\n- binance: ours: all of them")
    assert "| 5,000 liquidations |" in table([counted])
