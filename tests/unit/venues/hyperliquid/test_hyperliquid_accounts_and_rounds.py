"""Accounts are found in trades, asked in rounds, and their forced closes have the right side."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.venues.hyperliquid.hyperliquid_frames import (
    ALICE,
    BOB,
    CAROL,
    ROOT,
    SYMBOLS,
    T0,
    Asked,
    account,
    fill,
    message,
    opened,
    position,
    raw,
    read,
    reader,
    response,
    trade,
)

from forcedflow.errors import UsageError
from forcedflow.positions.measured import latest_positions
from forcedflow.venues.hyperliquid import (
    HyperliquidConnector,
    WalletBook,
    read_accounts,
    share_of_open_interest,
)
from forcedflow.venues.hyperliquid.parse_accounts import AccountState, parse_account, parse_fills
from forcedflow.venues.hyperliquid.wallets import ANSWER_WITHIN_MS
from forcedflow.venues.row_buffer import RowBuffer

POSITIONS = "trades+positions"
EMPTY = AccountState(None, ())


def _at(ms):
    return datetime.fromtimestamp(ms / 1000, tz=UTC)


def _names(requests):
    return [request.connection.removeprefix("rest:clearinghouseState:") for request in requests]


def _liquidations(fills, user):
    rows = RowBuffer("hyperliquid")
    parse_fills(raw(fills), user, SYMBOLS, rows)
    taken = rows.take()
    return taken["liquidations"].to_dicts() if taken else []


def test_the_sign_of_a_position_is_its_side_and_a_missing_price_stays_missing():
    state = parse_account(
        raw(
            account(
                position("-2.0"),
                position("1.5", "kPEPE", None, "3.0", "isolated"),
                position("7", "ETH"),
                position("0.0"),
            )
        ),
        SYMBOLS,
    )
    short, long = state.positions
    assert (short.side, short.amount, short.liquidation_price) == ("short", 2.0, 80_000.0)
    assert (short.entry_price, short.notional_usd, short.leverage) == (65_000.0, 128_000.0, 20)
    assert (short.margin_mode, short.account_value_usd) == ("cross", 10_000.5)
    assert (long.side, long.symbol, long.margin_mode) == ("long", "kPEPE/USDC:USDC", "isolated")
    assert long.liquidation_price is None


def test_a_price_that_is_not_positive_liquidates_nobody():
    (held,) = parse_account(raw(account(position(liquidation_price="-5.0"))), SYMBOLS).positions
    assert held.liquidation_price is None


@pytest.mark.parametrize(
    ("order_side", "fills_of", "position_side"),
    [("A", ALICE, "long"), ("B", ALICE, "short"), ("A", BOB, "short"), ("B", BOB, "long")],
)
def test_a_forced_fill_has_the_side_of_the_position_it_closed(order_side, fills_of, position_side):
    (row,) = _liquidations([fill(order_side, user=ALICE.upper().replace("X", "x"))], fills_of)
    assert row["side"] == position_side
    assert (row["price"], row["price_kind"], row["amount"]) == (60_000.0, "fill", 0.25)
    assert (row["notional_usd"], row["event_id"]) == (15_000.0, "99")
    assert row["completeness"] == "sampled lower bound"
    assert row["event_time"] == row["available_time"] == _at(T0)


def test_both_parties_of_a_forced_trade_print_the_same_key():
    ours, theirs = _liquidations([fill("A")], ALICE), _liquidations([fill("B")], BOB)
    key = ("symbol", "event_time", "side", "price", "amount", "event_id")
    assert [ours[0][name] for name in key] == [theirs[0][name] for name in key]


def test_fills_by_choice_are_no_liquidations():
    plain = {name: value for name, value in fill().items() if name != "liquidation"}
    assert _liquidations([plain, {**plain, "liquidation": None}], ALICE) == []


def test_streamed_fills_say_whose_they_are():
    data = {"isSnapshot": True, "user": BOB, "fills": [fill("A", user=ALICE)]}
    rows, _ = read(reader(), message("userFills", data, connection="fills"))
    assert [(row["side"], row["precedence"]) for row in rows["liquidations"]] == [("short", 8)]


def test_parties_of_a_trade_are_asked_for_and_their_answers_close_a_round():
    own = reader()
    _, requests = read(own, message("trades", [trade()], connection=POSITIONS))
    (first,) = _names(requests)
    assert first in {ALICE, BOB}
    _, requests = read(own, message("trades", [], T0 + 200, POSITIONS))
    assert {first, *_names(requests)} == {ALICE, BOB}
    rows, _ = read(
        own, response(f"clearinghouseState:{ALICE}", account(position(), time=T0 + 300), T0 + 310)
    )
    assert rows == {}
    rows, _ = read(
        own,
        response(f"clearinghouseState:{BOB}", account(position("3"), time=T0 + 400), T0 + 440),
    )
    found = {row["account"]: row for row in rows["positions"]}
    assert {name: row["side"] for name, row in found.items()} == {ALICE: "short", BOB: "long"}
    for row in found.values():
        assert (row["event_time"], row["available_time"]) == (_at(T0 + 400), _at(T0 + 440))
        assert (row["source"], row["precedence"]) == ("hyperliquid:clearinghouseState", 9)


def test_the_request_asks_for_that_account_at_its_weight():
    _, (request, *_) = read(reader(), message("trades", [trade()], connection=POSITIONS))
    http = Asked(account())
    assert request.send(http) == raw(account())
    (body,) = http.bodies
    assert body == {"type": "clearinghouseState", "user": _names([request])[0]}
    assert http.weights == [2]


def test_nobody_is_asked_where_positions_were_not_wanted():
    own = reader()
    _, requests = read(own, message("trades", [trade()], connection="trades"))
    assert (requests, len(own.wallets)) == ([], 0)


def test_named_accounts_are_asked_for_before_any_trade():
    own = reader(WalletBook([CAROL]))
    _, requests = read(own, opened(POSITIONS))
    assert _names(requests) == [CAROL]


def test_a_closed_position_is_gone_from_the_next_snapshot():
    own = reader(WalletBook([ALICE, BOB]))
    frames = []
    for at_ms, held in ((T0, [position()]), (T0 + 60_000, [])):
        read(own, opened(POSITIONS, at_ms), opened(POSITIONS, at_ms + 500))
        for name, positions in ((ALICE, held), (BOB, [position("1")])):
            rows, _ = read(
                own,
                response(
                    f"clearinghouseState:{name}",
                    account(*positions, time=at_ms + 600),
                    at_ms + 600,
                ),
            )
        frames.append(pl.DataFrame(rows["positions"], infer_schema_length=None))
    kept = latest_positions(pl.concat(frames))
    assert kept["account"].to_list() == [BOB]


def test_accounts_are_asked_largest_first_within_the_rate():
    book = WalletBook(per_minute=60)
    for number in range(50):
        book.saw_trade(f"0x{number:040x}", float(number), T0)
    first = [name for second in range(5) for name in book.due(T0 + 1000 * second)]
    assert [int(name, 16) for name in first] == [49, 48, 47, 46, 45]
    # A pause earns no more than a short burst.
    assert len(book.due(T0 + 600_000)) == 10


def test_an_account_found_empty_sinks_until_it_trades_again():
    book = WalletBook()
    book.saw_trade(ALICE, 5_000.0, T0)
    book.saw_trade(BOB, 1_000.0, T0)
    book.answered(ALICE, EMPTY, T0)
    assert book.ranking() == [BOB, ALICE]
    book.saw_trade(ALICE, 2_000.0, T0)
    assert book.ranking() == [ALICE, BOB]


def test_a_round_keeps_room_for_the_newest_of_those_never_asked():
    book = WalletBook(per_minute=60_000, per_round=10)
    for number in range(100):
        book.saw_trade(f"0x{number:040x}", 1_000.0 + number, T0 + number)
    tiny = f"0x{999:040x}"
    book.saw_trade(tiny, 1.0, T0 + 5000)
    asked = [name for step in range(20) for name in book.due(T0 + 6000 + step)]
    assert len(asked) == 10
    assert asked[-1] == tiny


def test_memory_is_bounded_and_forgets_the_smallest_but_never_the_named():
    book = WalletBook([CAROL], known=100)
    for number in range(1_000):
        book.saw_trade(f"0x{number:040x}", float(number), T0)
    assert len(book) <= 126
    ranking = book.ranking()
    assert ranking[0] == CAROL
    assert int(ranking[1], 16) == 999
    assert int(ranking[50], 16) == 950


def test_a_round_that_misses_many_answers_is_dropped():
    book = WalletBook([ALICE, BOB])
    asked = [*book.due(T0), *book.due(T0 + 200)]
    assert asked == [ALICE, BOB]
    held = parse_account(raw(account(position())), SYMBOLS)
    book.answered(ALICE, held, T0 + 300)
    assert book.snapshot(T0 + 200 + ANSWER_WITHIN_MS - 1) is None
    assert book.snapshot(T0 + 200 + ANSWER_WITHIN_MS) is None
    # The next round stands on its own.
    later = T0 + 120_000
    assert book.due(later) == [ALICE, BOB]
    for name in (ALICE, BOB):
        book.answered(name, held, later + 100)
    snapshot = book.snapshot(later + 100)
    assert [name for name, _ in snapshot.positions] == [ALICE, BOB]


def test_a_round_that_took_too_long_is_dropped():
    book = WalletBook([ALICE])
    assert book.due(T0) == [ALICE]
    book.answered(ALICE, parse_account(raw(account(position())), SYMBOLS), T0 + 20 * 60_000)
    assert book.snapshot(T0 + 20 * 60_000) is None


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(st.integers(0, 30), st.floats(0, 1e6), st.integers(0, 2_000)),
        min_size=1,
        max_size=80,
    )
)
def test_the_same_frames_ask_the_same_accounts_and_never_above_the_rate(steps):
    def run():
        book, now, asked = WalletBook(per_minute=120, per_round=8), T0, []
        for number, notional, wait in steps:
            now += wait
            book.saw_trade(f"0x{number:040x}", notional, now)
            due = book.due(now)
            asked += [(now, name) for name in due]
            for name in due:
                book.answered(name, EMPTY, now)
            book.snapshot(now)
        return asked

    asked = run()
    assert asked == run()
    times = [now for now, _ in asked]
    for first, start in enumerate(times):
        within = sum(start <= now <= start + 60_000 for now in times[first:])
        assert within <= 120 + 10


def test_accounts_are_read_from_a_file_with_comments(tmp_path):
    path = tmp_path / "accounts.txt"
    path.write_text(f"# whales\n{ALICE.upper().replace('X', 'x')}  # the first\n\n{BOB}\n{BOB}\n")
    assert read_accounts(path) == (ALICE, BOB)


@pytest.mark.parametrize("text", ["0x12", "alice", "0x" + "g" * 40, "a" * 42])
def test_what_is_no_address_is_refused(tmp_path, text):
    path = tmp_path / "accounts.txt"
    path.write_text(text)
    with pytest.raises(UsageError, match="no account"):
        read_accounts(path)
    with pytest.raises(UsageError, match="no account"):
        HyperliquidConnector(accounts=[text])


def test_a_missing_file_of_accounts_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match="cannot be read"):
        read_accounts(tmp_path / "none.txt")


def _held(at, *rows, symbol="BTC/USDC:USDC"):
    return pl.DataFrame(
        [
            {"symbol": symbol, "event_time": at, "account": name, "side": side, "amount": amount}
            for name, side, amount in rows
        ]
    )


def _interest(*rows):
    return pl.DataFrame(
        [{"symbol": "BTC/USDC:USDC", "event_time": at, "open_interest": oi} for at, oi in rows]
    ).cast({"open_interest": pl.Float64})


def test_the_share_is_of_the_newest_snapshot_and_the_open_interest_known_by_then():
    now = _at(T0)
    before = now - timedelta(minutes=5)
    positions = pl.concat(
        [
            _held(before, ("x", "long", 900.0)),
            _held(now, ("x", "long", 30.0), ("y", "long", 20.0), ("z", "short", 10.0)),
        ]
    )
    interest = _interest((before, 200.0), (now + timedelta(minutes=1), 1.0))
    share = share_of_open_interest(positions, interest)
    assert (share.long, share.short, share.open_interest) == (0.25, 0.05, 200.0)
    assert (share.n_accounts, share.positions_ms) == (3, T0)
    assert share.open_interest_ms == T0 - 300_000
    assert str(share) == "3 followed accounts hold 25.0% of the longs and 5.0% of the shorts"


def test_a_share_of_nothing_of_two_symbols_or_of_an_unknown_total_is_refused():
    now = _at(T0)
    one = _held(now, ("x", "long", 1.0))
    with pytest.raises(ValueError, match="at least one position"):
        share_of_open_interest(one.clear(), _interest((now, 1.0)))
    with pytest.raises(ValueError, match="one symbol"):
        share_of_open_interest(_held(now, ("x", "long", 1.0), symbol="E"), _interest((now, 1.0)))
    with pytest.raises(ValueError, match="no open interest"):
        share_of_open_interest(one, _interest((now + timedelta(seconds=1), 1.0)))


def test_the_request_goes_to_the_venue_that_was_configured():
    _, (request, *_) = read(reader(), message("trades", [trade()], connection=POSITIONS))
    assert request.send.keywords["root"] == ROOT


def test_a_clock_that_was_set_back_does_not_end_the_rounds():
    book = WalletBook([ALICE], per_minute=60)
    day = 86_400_000
    assert book.due(T0 + day) == [ALICE]
    book.answered(ALICE, AccountState(None, ()), T0 + day)
    assert book.snapshot(T0 + day) is not None
    assert book.due(T0) == []
    assert book.due(T0 + 10_000) == [ALICE]
    # An answer that was asked for by the wrong clock is not waited for longer than any other.
    book = WalletBook([ALICE], per_minute=60)
    assert book.due(T0 + day) == [ALICE]
    assert book.snapshot(T0) is None
    assert book.due(T0) == []
    assert book.due(T0 + 10_000) == [ALICE]
