"""A canary: the next hour's liquidations, written under an earlier hour, never come through."""

from __future__ import annotations

import polars as pl
import pytest
from tests.reference import markets

from forcedflow.asof import read_liquidations, read_market, read_path_klines
from forcedflow.instruments import parse_symbol
from forcedflow.store import Lake
from forcedflow.units import DAY_MS, HOUR_MS

T0 = 1_790_800_000_000 // DAY_MS * DAY_MS
AT = T0 + 30 * HOUR_MS
BTC = parse_symbol("BTC")
HOURS = [T0 + h * HOUR_MS for h in range(48)]
CANARY = 987_654_321.0


def _known_at(frame, delay_ms):
    return frame.with_columns(
        available_time=pl.col("event_time") + pl.duration(milliseconds=delay_ms)
    )


def _totals(times, amounts, **about):
    rows = [
        {
            "event_time": t,
            "side": side,
            "interval_ms": HOUR_MS,
            "notional_usd": usd,
            "completeness": "complete",
        }
        for t, usd in zip(times, amounts, strict=True)
        for side in ("long", "short")
    ]
    return markets.rows_of("liquidation_totals", rows, **about)


def _prints(times, amounts):
    rows = [
        {
            "event_time": t,
            "side": "long",
            "price": 100.0,
            "price_kind": "fill",
            "amount": usd / 100.0,
            "notional_usd": usd,
            "event_id": str(t),
            "completeness": "complete",
        }
        for t, usd in zip(times, amounts, strict=True)
    ]
    return markets.rows_of("liquidations", rows)


def _klines(times, price, price_type, **about):
    rows = markets.kline_rows(
        [(t, HOUR_MS, price, price, price, price, price) for t in times], price_type
    )
    return rows.with_columns(**{name: pl.lit(value) for name, value in about.items()})


def _settled(times, rate):
    return markets.funding_rows([(t, "settled", rate) for t in times])


# What the door lets through, and the same with the canary in it: an hour's own time, but known
# only when the hour it speaks of has passed.
LEAKS = {
    "open_interest": lambda t: markets.open_interest_rows([(t, CANARY, 100.0)]),
    "mark": lambda t: _klines([t], CANARY, "mark"),
    "last": lambda t: _klines([t], CANARY, "last"),
    "spot": lambda t: _klines([t], CANARY, "spot", symbol="BTC/USDT"),
    "funding": lambda t: _settled([t], CANARY),
}
SERIES = {
    "totals": _totals,
    "prints": _prints,
    "aggregate": lambda times, usd: _totals(times, usd, venue="binance+bybit", symbol="BTC"),
}
TABLE = dict.fromkeys(("mark", "last", "spot"), "klines")
HALF_HOUR = HOUR_MS // 2


@pytest.fixture
def lake(tmp_path):
    lake = Lake(tmp_path / "lake", create=True)
    lake.write(
        {
            "open_interest": markets.open_interest_rows([(t, 1e3, 100.0) for t in HOURS]),
            "klines": pl.concat(
                [
                    _klines(HOURS, 100.0, "mark"),
                    _klines(HOURS, 100.0, "last"),
                    _klines(HOURS, 100.0, "spot", symbol="BTC/USDT"),
                ]
            ),
            "funding": _settled(HOURS[::8], 1e-4),
            "liquidation_totals": _totals(HOURS, [1e5] * 48),
        }
    )
    return lake


def _everything_read(lake, at_ms):
    market = read_market(lake, BTC, at_ms)
    frames = [market.open_interest, market.mark_klines, market.trade_klines, market.funding]
    frames.append(read_path_klines(lake, BTC, at_ms))
    frames.append(read_liquidations(lake, BTC, T0, at_ms)[0])
    return frames


def _holds_canary(frames):
    return any(
        (frame.select(pl.col(pl.Float64) == CANARY).fill_null(value=False)).to_numpy().any()
        for frame in frames
    )


@pytest.mark.parametrize("name", LEAKS)
def test_a_row_of_the_past_that_only_the_future_knows_is_not_read(lake, name):
    event = AT - HALF_HOUR  # between two hours: a key of its own
    lake.write({TABLE.get(name, name): _known_at(LEAKS[name](event), HOUR_MS)})
    frames = _everything_read(lake, AT)
    assert not _holds_canary(frames)
    for frame in frames:
        assert frame["available_time"].dt.epoch("ms").max() <= AT
        assert frame["event_time"].dt.epoch("ms").max() <= AT


@pytest.mark.parametrize("name", LEAKS)
def test_the_same_row_is_read_once_it_is_known(lake, name):
    """The canary sings: were the door open, the test above would see it."""
    event = AT - HALF_HOUR
    lake.write({TABLE.get(name, name): _known_at(LEAKS[name](event), HOUR_MS)})
    assert _holds_canary(_everything_read(lake, event + HOUR_MS))


def test_next_hours_liquidations_offered_as_this_hours_are_refused_at_every_hour(lake):
    """A whole series equal to the target shifted, honest only in when it was known."""
    shifted = _totals([t - HOUR_MS for t in HOURS[1:]], [CANARY] * 47)
    lake.write(
        {
            "liquidation_totals": _known_at(
                shifted.with_columns(precedence=pl.lit(1, pl.Int8)), HOUR_MS
            )
        }
    )
    for at_ms in HOURS[5:30:6]:
        rows, _ = read_liquidations(lake, BTC, T0, at_ms)
        known = rows.filter(pl.col("notional_usd") == CANARY)
        assert known["event_time"].dt.epoch("ms").max() <= at_ms - HOUR_MS
        assert rows["available_time"].dt.epoch("ms").max() <= at_ms


@pytest.mark.parametrize("name", SERIES)
def test_liquidations_of_every_kind_are_refused_until_they_are_known(tmp_path, name):
    lake = Lake(tmp_path / "lake", create=True)
    event = AT - HALF_HOUR
    honest, canary = SERIES[name](HOURS, [1e5] * 48), SERIES[name]([event], [CANARY])
    table = "liquidations" if name == "prints" else "liquidation_totals"
    lake.write({table: pl.concat([honest, _known_at(canary, HOUR_MS)])})
    before, whose = read_liquidations(lake, BTC, T0, AT)
    assert not _holds_canary([before])
    assert table in whose
    assert before["available_time"].dt.epoch("ms").max() == AT
    assert _holds_canary([read_liquidations(lake, BTC, T0, event + HOUR_MS)[0]])
