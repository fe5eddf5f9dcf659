"""What dYdX says, one convention a test: liquidations on trades, oracle price, positions, past."""

from __future__ import annotations

import json

import pytest
from tests.unit.venues.dydx.dydx_messages import (
    ADDRESS,
    BTC,
    DAY,
    ETH,
    MINUTE,
    NOON,
    all_markets,
    candle,
    data,
    frame,
    iso,
    market,
    match,
    oracle,
    plain,
    read,
)

from forcedflow.errors import FrameError, UsageError
from forcedflow.instruments import Instrument, parse_symbol
from forcedflow.venues.dydx import DydxConnector
from forcedflow.venues.dydx.accounts import read_accounts
from forcedflow.venues.dydx.parse import parse_instruments, parse_time
from forcedflow.venues.network import read_piece


def raw(body: object) -> bytes:
    return json.dumps(body).encode()


@pytest.mark.parametrize(("taker", "position"), [("SELL", "long"), ("BUY", "short")])
def test_a_flagged_match_is_a_liquidation_of_the_takers_position_and_a_trade(taker, position):
    told = match(type="LIQUIDATED", side=taker, size="3.9", price="22.87")
    rows = read(frame(data("v4_trades", {"trades": [told]})))
    (row,) = rows["liquidations"]
    assert (row["side"], row["price"], row["price_kind"]) == (position, 22.87, "fill")
    assert (row["amount"], row["completeness"], row["event_id"]) == (3.9, "complete", "0165e5e4")
    assert row["notional_usd"] == pytest.approx(3.9 * 22.87)
    assert (row["event_time"], row["available_time"]) == (NOON, NOON)
    assert rows["trades"][0]["taker_side"] == taker.lower()


def test_deleveraging_and_plain_matches_are_trades_alone():
    told = [match(), match(id="2", type="DELEVERAGED"), match(id="3", type="OFFSETTING")]
    rows = read(frame(data("v4_trades", {"trades": told})))
    assert set(rows) == {"trades"}
    assert [row["amount"] for row in rows["trades"]] == [0.002] * 3


def test_a_candle_is_a_row_once_the_next_has_begun():
    def at(start, **more):
        return frame(data("v4_candles", candle(start, **more), "BTC-USD/1MIN"), "candles:1")

    assert read(at(NOON), at(NOON, close="106")) == {}
    rows = read(at(NOON), at(NOON, close="106"), at(NOON + MINUTE), at(NOON))
    (row,) = rows["klines"]
    assert (row["event_time"], row["close"], row["volume"]) == (NOON + MINUTE, 106, 3.5)
    assert (row["quote_volume"], row["trade_count"], row["price_type"]) == (350, 4, "last")
    assert set(rows) == {"klines"}
    gone = frame(b"cut", "candles:1", "closed")
    assert read(at(NOON), gone, at(NOON + MINUTE)) == {}


def test_a_minute_of_a_market_is_what_held_when_it_began():
    changed = data("v4_markets", {"trading": {"BTC-USD": {"openInterest": "401"}}}, "")
    rows = read(
        all_markets(),
        oracle(NOON - 30_000, 49_000.0),
        frame(changed, "markets"),
        oracle(NOON + 200, 51_000.0, received_ms=NOON + 900),
    )
    (interest,) = rows["open_interest"]
    assert (interest["event_time"], interest["available_time"]) == (NOON, NOON + 900)
    assert interest["open_interest"] == 401
    assert interest["open_interest_usd"] == pytest.approx(401 * 49_000)
    (funding,) = rows["funding"]
    assert (funding["kind"], funding["funding_rate"]) == ("predicted", 0.0001)
    assert funding["interval_hours"] == 1.0


def test_whole_minutes_of_the_oracle_become_bars_of_the_mark_price():
    moments = [NOON - 1000, *range(NOON, NOON + MINUTE + 1000, 1000)]
    frames = [oracle(at, 50_000 + (at - NOON) / 1000) for at in moments]
    bars = read(all_markets(), *frames)["klines"]
    (bar,) = bars
    assert (bar["price_type"], bar["event_time"]) == ("mark", NOON + MINUTE)
    assert [bar[name] for name in ("open", "high", "low", "close")] == [
        50_000,
        50_059,
        50_000,
        50_059,
    ]


def test_changes_before_the_first_state_say_nothing():
    changed = data("v4_markets", {"trading": {"BTC-USD": {"openInterest": "401"}}}, "")
    assert read(frame(changed, "markets"), oracle(NOON - 1), oracle(NOON)) == {}


def test_the_past_that_a_subscription_begins_with_is_left_to_http():
    first = {"type": "subscribed", "channel": "v4_trades", "id": "BTC-USD"}
    assert read(frame(first | {"contents": {"trades": [match()]}})) == {}


def test_a_refusal_is_quoted_and_a_greeting_is_not():
    assert read(frame({"type": "connected", "connection_id": "c", "message_id": 0})) == {}
    with pytest.raises(FrameError, match="channel 'x' not found"):
        read(frame({"type": "error", "message": "channel 'x' not found"}))
    with pytest.raises(FrameError, match="unknown type"):
        read(frame({"type": "channel_batch_data"}))


def holding(positions, equity="10000", number=0):
    held = {
        ticker: {
            "market": ticker,
            "status": "OPEN",
            "side": "LONG" if float(size) > 0 else "SHORT",
            "size": size,
            "entryPrice": entry,
            "unrealizedPnl": "5",
        }
        for ticker, (size, entry) in positions.items()
    }
    account = {"address": ADDRESS, "subaccountNumber": number, "equity": equity}
    body = {"subaccounts": [account | {"openPerpetualPositions": held}]}
    return frame(body, f"rest:address:{ADDRESS}", "response", NOON + 1_500)


def test_a_long_is_closed_where_its_equity_meets_its_maintenance():
    (row,) = read(all_markets(), holding({"BTC-USD": ("2", "48000")}))["positions"]
    assert (row["account"], row["side"], row["amount"]) == (f"{ADDRESS}/0", "long", 2.0)
    assert (row["event_time"], row["available_time"]) == (NOON, NOON + 1_500)
    assert (row["notional_usd"], row["entry_price"]) == (100_000, 48_000)
    assert (row["leverage"], row["margin_mode"], row["account_value_usd"]) == (
        None,
        "cross",
        10_000,
    )
    price = row["liquidation_price"]
    # There the equity is what is left after the fall, and just the margin.
    assert 10_000 - 2 * (50_000 - price) == pytest.approx(2 * price * 0.012)


def test_a_short_beside_another_position_is_closed_with_the_others_held_still():
    eth = market(ticker="ETH-USD", oraclePrice="2000", maintenanceMarginFraction="0.02")
    markets = all_markets(BTC_USD=market(), ETH_USD=eth)
    rows = read(markets, holding({"BTC-USD": ("-1", "48000"), "ETH-USD": ("3", "1900")}))
    short = next(row for row in rows["positions"] if row["symbol"] == BTC.symbol)
    price = short["liquidation_price"]
    margin = price * 0.012 + 3 * 2000 * 0.02
    assert short["side"] == "short"
    assert 10_000 - (price - 50_000) == pytest.approx(margin)


def test_what_no_price_closes_has_none_and_isolated_accounts_are_told_apart():
    (row,) = read(all_markets(), holding({"BTC-USD": ("0.1", "48000")}, number=128))["positions"]
    assert (row["liquidation_price"], row["margin_mode"]) == (None, "isolated")


def test_an_account_whose_markets_are_not_known_is_left_out():
    unknown = holding({"BTC-USD": ("1", "48000"), "SOL-USD": ("3", "100")})
    assert read(all_markets(), unknown) == {}
    assert read(holding({"BTC-USD": ("1", "48000")})) == {}


def test_what_an_account_holds_waits_for_what_its_markets_are_worth():
    early = holding({"BTC-USD": ("2", "48000")})
    later = all_markets()
    (row,) = read(early, later)["positions"]
    assert row["available_time"] == later.received_ms
    assert row["notional_usd"] == 100_000


def test_a_position_whose_side_contradicts_its_size_is_refused():
    body = json.loads(holding({"BTC-USD": ("1", "48000")}).raw)
    body["subaccounts"][0]["openPerpetualPositions"]["BTC-USD"]["side"] = "SHORT"
    with pytest.raises(FrameError, match="SHORT of 1"):
        read(all_markets(), frame(body, f"rest:address:{ADDRESS}", "response"))


def test_accounts_are_named_in_a_file(tmp_path):
    named = tmp_path / "accounts.txt"
    named.write_text(f"# big ones\n{ADDRESS}  # one\n{ADDRESS}\n\n", encoding="utf-8")
    assert read_accounts(named) == (ADDRESS,)
    follows = DydxConnector().with_accounts(named)
    assert "positions" in follows.capabilities.streamed
    assert "positions" not in DydxConnector().capabilities.streamed
    named.write_text("0x1234\n", encoding="utf-8")
    with pytest.raises(UsageError, match="no address"):
        read_accounts(named)
    with pytest.raises(UsageError, match="cannot be read"):
        read_accounts(tmp_path / "absent.txt")
    _, polls = follows.feeds(["positions"], (BTC,), MINUTE)
    assert [poll.request.connection for poll in polls] == [f"rest:address:{ADDRESS}"]


def test_markets_are_listed_in_usdc_and_pools_of_their_own_are_left_out():
    markets = {
        "BTC-USD": market(),
        "ETH-USD": market(ticker="ETH-USD", status="PAUSED"),
        "FART,RAY,9BB6-USD": market(ticker="FART,RAY,9BB6-USD"),
    }
    assert parse_instruments(raw({"markets": markets})) == (BTC,)
    assert (BTC.symbol, BTC.venue_symbol, BTC.kind) == ("BTC/USDC:USDC", "BTC-USD", "linear")
    assert [parse_symbol(name, "dydx").symbol for name in ("BTC", "btc-usd", "BTCUSD")] == [
        BTC.symbol
    ] * 3
    assert parse_time(raw({"iso": "x", "epoch": 1753024333.466})) == 1_753_024_333_466


class Answers:
    """An HTTP client that answers by the end of an address and notes what it was asked."""

    def __init__(self, **answers) -> None:
        self.answers = {name: list(pages) for name, pages in answers.items()}
        self.asked: list[dict[str, str | int]] = []

    def get(self, url, params=None, *, weight=1):
        assert weight == 1
        self.asked.append(dict(params or {}))
        name = url.split("/v4/")[1].split("/")[0]
        return raw(self.answers[name].pop(0))

    def post(self, url, body, *, weight=1):
        raise AssertionError(f"posted to {url}: {body}, {weight}")


def pieces(http, *tables, days=1):
    day = NOON - NOON % DAY
    span = (day, day + days * DAY)
    return DydxConnector().pieces(http, tables, BTC, *span, day + 40 * DAY, 5 * MINUTE)


def test_matches_are_paged_by_block_back_to_the_beginning_of_their_day():
    early = NOON - NOON % DAY - 1
    first = [match(id="c"), match(id="b", createdAtHeight="70", type="LIQUIDATED", side="SELL")]
    second = [match(id="b", createdAtHeight="70", type="LIQUIDATED", side="SELL")]
    second.append(match(id="a", createdAt=iso(early), createdAtHeight="9"))
    http = Answers(trades=[{"trades": first}, {"trades": second}])
    (piece,) = pieces(http, "trades", "liquidations")
    (rows,) = read_piece(piece)
    assert http.asked[1] == {"limit": 1000, "createdBeforeOrAtHeight": 70}
    assert sorted(set(rows["trades"]["trade_id"])) == ["b", "c"]
    assert set(rows["liquidations"]["event_id"]) == {"b"}
    assert piece.tables == {"trades", "liquidations"}


def test_a_block_that_fills_a_page_does_not_hold_up_the_next():
    full = {"trades": [match(createdAtHeight="70")]}
    http = Answers(trades=[full, full, {"trades": []}])
    (piece,) = pieces(http, "trades")
    list(read_piece(piece))
    assert [asked.get("createdBeforeOrAtHeight") for asked in http.asked] == [None, 70, 69]


def test_bars_hold_open_interest_known_when_they_are_over():
    day = NOON - NOON % DAY
    bars = {"candles": [candle(NOON, resolution="5MINS")]}
    http = Answers(candles=[bars, bars, bars, bars])
    for piece in pieces(http, "klines", "open_interest"):
        for rows in read_piece(piece):
            ((table, found),) = rows.items()
            (row,) = plain(found)
            if table == "klines":
                assert (row["event_time"], row["volume"]) == (NOON + 5 * MINUTE, 3.5)
            else:
                assert (row["event_time"], row["open_interest"]) == (NOON, 381.7)
                assert row["available_time"] == NOON + 5 * MINUTE
    assert http.asked[0]["fromISO"] <= iso(day)


def test_funding_is_paid_by_the_hour_and_the_bracket_is_that_of_today():
    paid = {
        "ticker": "BTC-USD",
        "rate": "0.000002375",
        "price": "1",
        "effectiveAt": iso(NOON + 219),
    }
    http = Answers(historicalFunding=[{"historicalFunding": [paid]}])
    (piece,) = pieces(http, "funding")
    (rows,) = read_piece(piece)
    (row,) = plain(rows["funding"])
    assert (row["kind"], row["funding_rate"], row["event_time"]) == (
        "settled",
        2.375e-06,
        NOON + 219,
    )
    assert row["interval_hours"] == 1.0
    http = Answers(perpetualMarkets=[{"markets": {"BTC-USD": market()}}])
    today = NOON - NOON % DAY
    made = DydxConnector().pieces(http, ["leverage_brackets"], BTC, today, NOON, NOON, MINUTE)
    (rows,) = read_piece(made[0])
    (bracket,) = plain(rows["leverage_brackets"])
    assert (bracket["max_leverage"], bracket["maintenance_margin_rate"]) == (50, 0.012)
    assert (bracket["event_time"], bracket["maintenance_amount"]) == (today, 0)


def test_liquidations_are_complete_and_positions_public_and_books_not_read():
    capabilities = DydxConnector().capabilities
    assert (capabilities.liquidations, capabilities.public_positions) == ("complete", True)
    assert "liquidations" in capabilities.backfilled & capabilities.streamed
    assert not {"order_book", "depth_bands"} & capabilities.streamed


def test_thirty_markets_share_a_connection():
    many = [Instrument("dydx", f"C{number}", "USDC", "USDC", 1.0) for number in range(31)]
    feeds, _ = DydxConnector().feeds(["liquidations", "funding"], many, MINUTE)
    assert [feed.name for feed in feeds] == ["markets", "trades:1", "trades:2"]
    assert [len(feed.subscribe) for feed in feeds] == [1, 30, 1]
    assert ETH.venue_symbol == "ETH-USD"
