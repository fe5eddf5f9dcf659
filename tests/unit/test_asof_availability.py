"""What the lake shows as of a moment: nothing that was not yet known."""

from __future__ import annotations

import polars as pl
import pytest
from tests.reference import markets

from forcedflow.asof import HISTORY_DAYS, read_market
from forcedflow.errors import NoDataError, UsageError
from forcedflow.instruments import parse_symbol
from forcedflow.store import Lake
from forcedflow.units import DAY_MS, MINUTE_MS

FIVE = 5 * MINUTE_MS
T0 = 1_790_800_000_000 // DAY_MS * DAY_MS  # after the shipped brackets were read
BTC = parse_symbol("BTC")


def _published_later(frame, delay_ms):
    return frame.with_columns(
        available_time=pl.col("event_time") + pl.duration(milliseconds=delay_ms)
    )


def _interest(moments, delay_ms=FIVE, contracts=1000.0):
    rows = markets.open_interest_rows([(t, contracts, 100.0) for t in moments])
    return _published_later(rows, delay_ms)


def _klines(moments, price_type):
    return markets.kline_rows(
        [(t, FIVE, 99.0, 101.0, 100.0, 5.0, 2.0) for t in moments], price_type
    )


@pytest.fixture
def lake(tmp_path):
    lake = Lake(tmp_path / "lake", create=True)
    moments = [T0 + i * FIVE for i in range(10)]
    klines = [_klines(moments, kind) for kind in ("last", "mark", "index")]
    lake.write({"open_interest": _interest(moments), "klines": pl.concat(klines)})
    return lake


def _times(frame):
    return frame["event_time"].dt.epoch("ms").to_list()


def test_a_row_published_five_minutes_later_is_not_seen_before(lake):
    just_before = read_market(lake, BTC, T0 + 2 * FIVE - 1)
    assert _times(just_before.open_interest) == [T0]
    then = read_market(lake, BTC, T0 + 2 * FIVE)
    assert _times(then.open_interest) == [T0, T0 + FIVE]


def test_klines_are_seen_when_their_bar_ends_and_only_of_the_prices_needed(lake):
    market = read_market(lake, BTC, T0 + 3 * FIVE)
    for frame, kind in ((market.mark_klines, "mark"), (market.trade_klines, "last")):
        assert _times(frame) == [T0 + i * FIVE for i in range(4)]
        assert frame["price_type"].unique().to_list() == [kind]


def test_rows_that_become_known_later_change_nothing_that_was_seen(lake):
    moment = T0 + 5 * FIVE
    before = read_market(lake, BTC, moment)
    moments = [T0 + i * FIVE + MINUTE_MS for i in range(20)]
    lake.write(
        {
            "open_interest": _interest(moments, delay_ms=DAY_MS, contracts=7.0),
            "klines": _published_later(_klines(moments, "mark"), DAY_MS),
            "funding": markets.funding_rows([(moment + 1, "settled", 0.01)]),
        }
    )
    after = read_market(lake, BTC, moment)
    for name in ("open_interest", "mark_klines", "trade_klines", "funding"):
        assert getattr(after, name).equals(getattr(before, name)), name
    assert after.notes == before.notes


def test_history_begins_on_a_whole_day_that_does_not_move_within_one(lake):
    first_day = T0 - HISTORY_DAYS * DAY_MS
    lake.write({"open_interest": _interest([first_day - FIVE, first_day])})
    for moment in (T0 + FIVE, T0 + 9 * FIVE):
        assert _times(read_market(lake, BTC, moment).open_interest)[0] == first_day


def test_other_symbols_and_venues_are_not_mixed_in(lake):
    other = _interest([T0]).with_columns(symbol=pl.lit("ETH/USDT:USDT"))
    elsewhere = _interest([T0]).with_columns(venue=pl.lit("bybit"))
    lake.write({"open_interest": pl.concat([other, elsewhere])})
    seen = read_market(lake, BTC, T0 + DAY_MS).open_interest
    assert seen.height == 10
    assert seen["symbol"].unique().to_list() == ["BTC/USDT:USDT"]


def test_a_moment_before_the_first_row_is_no_data_and_the_message_says_what_is_held(lake):
    with pytest.raises(NoDataError) as raised:
        read_market(lake, BTC, T0)
    text = str(raised.value)
    assert "no open interest of binance BTC/USDT:USDT known at that time" in text
    assert "the lake has it for binance BTC/USDT:USDT" in text
    assert "hint: forcedflow import" in text
    assert raised.value.exit_code == 3


def test_an_empty_lake_says_that_it_is_empty(tmp_path):
    lake = Lake(tmp_path / "lake", create=True)
    with pytest.raises(NoDataError, match="the lake has none at all"):
        read_market(lake, BTC, T0)


def _brackets(effective, available, rate=0.004):
    rows = markets.rows_of(
        "leverage_brackets",
        [
            {
                "event_time": effective,
                "bracket": 1,
                "notional_floor": 0.0,
                "notional_cap": 1e6,
                "max_leverage": 40.0,
                "maintenance_margin_rate": rate,
                "maintenance_amount": 0.0,
            }
        ],
        source="own reading",
    )
    return rows.with_columns(
        available_time=pl.lit(available).cast(pl.Datetime("ms")).dt.replace_time_zone("UTC")
    )


def test_brackets_in_force_are_used_without_a_note(lake):
    lake.write({"leverage_brackets": _brackets(T0 + FIVE, T0 + FIVE)})
    market = read_market(lake, BTC, T0 + DAY_MS)
    assert market.schedule.source == "own reading"
    assert market.schedule.effective_ms == T0 + FIVE
    assert market.notes == ()


def test_brackets_that_were_read_later_are_not_used_before(lake):
    lake.write({"leverage_brackets": _brackets(T0, T0 + 6 * FIVE)})
    assert read_market(lake, BTC, T0 + 5 * FIVE).schedule.source != "own reading"
    assert read_market(lake, BTC, T0 + 6 * FIVE).schedule.source == "own reading"


def test_shipped_brackets_of_a_later_day_are_used_with_a_note(tmp_path):
    lake = Lake(tmp_path / "lake", create=True)
    early = T0 - 300 * DAY_MS
    lake.write({"open_interest": _interest([early])})
    market = read_market(lake, BTC, early + FIVE)
    assert market.schedule.effective_ms > early
    assert market.notes == (
        "leverage brackets are of a later day than the moment asked about: no older ones known",
    )


def test_a_symbol_without_brackets_says_what_is_assumed(tmp_path):
    lake = Lake(tmp_path / "lake", create=True)
    symbol = parse_symbol("WIFUSDT")
    lake.write({"open_interest": _interest([T0]).with_columns(symbol=pl.lit(symbol.symbol))})
    market = read_market(lake, symbol, T0 + FIVE)
    assert market.notes == (
        "no leverage brackets of binance WIF/USDT:USDT were known by then; 1 % and 50× are assumed",
    )
    assert market.schedule.partial
    (bracket,) = market.schedule.brackets
    assert (bracket.maintenance_margin_rate, bracket.max_leverage) == (0.01, 50.0)


def test_a_venue_without_a_margin_rule_is_refused_by_name(tmp_path):
    lake = Lake(tmp_path / "lake", create=True)
    lake.write({"open_interest": _interest([T0]).with_columns(venue=pl.lit("nowhere"))})
    with pytest.raises(UsageError, match="nowhere"):
        read_market(lake, parse_symbol("BTC/USDT:USDT", "nowhere"), T0 + FIVE)


@pytest.mark.parametrize(
    ("venue", "kind"),
    [("binance", "binance-vision"), ("okx", "coinalyze"), ("hyperliquid", "table")],
)
def test_the_hint_for_no_data_names_files_that_hold_that_venue(tmp_path, venue, kind):
    lake = Lake(tmp_path / "lake", create=True)
    with pytest.raises(NoDataError, match=f"hint: forcedflow import {kind} PATH"):
        read_market(lake, parse_symbol("BTC", venue), 1_760_000_000_000)
