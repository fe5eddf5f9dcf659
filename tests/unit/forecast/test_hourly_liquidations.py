"""Whole hours of liquidations: summed, complete on both sides, and told in time."""

import polars as pl

from forcedflow import tables
from forcedflow.asof.liquidated import hourly
from forcedflow.units import HOUR_MS, MINUTE_MS


def totals(rows):
    """Rows of (end, length, side, USD, minutes late)."""
    return tables.empty("liquidation_totals").vstack(
        pl.DataFrame(
            [
                {
                    "venue": "binance",
                    "symbol": "BTC/USDT:USDT",
                    "side": side,
                    "event_time": end,
                    "available_time": end + late * MINUTE_MS,
                    "interval_ms": length,
                    "notional_usd": usd,
                    "amount": None,
                    "completeness": "complete",
                    "source": "binance:test",
                    "precedence": 1,
                }
                for end, length, side, usd, late in rows
            ]
        )
        .with_columns(
            pl.from_epoch("event_time", "ms").cast(tables.TIME),
            pl.from_epoch("available_time", "ms").cast(tables.TIME),
        )
        .select(tables.empty("liquidation_totals").columns)
        .cast(tables.empty("liquidation_totals").schema)
    )


def an_hour(end, usd=1.0, length=5 * MINUTE_MS, sides=("long", "short"), late=0):
    ends = range(end - HOUR_MS + length, end + 1, length)
    return [(one, length, side, usd, late) for one in ends for side in sides]


def test_steps_add_up_to_their_hour():
    found = hourly(totals([*an_hour(2 * HOUR_MS), *an_hour(3 * HOUR_MS, 2.0, HOUR_MS)]))
    assert found.end_ms.tolist() == [2 * HOUR_MS, 3 * HOUR_MS]
    assert found.usd.tolist() == [[12, 12], [2, 2]]
    assert not found.simulated


def test_an_hour_with_holes_or_one_side_is_none():
    holes = an_hour(2 * HOUR_MS)[:-6]
    one_side = an_hour(4 * HOUR_MS, sides=("long",))
    found = hourly(totals([*holes, *one_side, *an_hour(6 * HOUR_MS)]))
    assert found.end_ms.tolist() == [6 * HOUR_MS]


def test_what_was_told_after_the_hour_is_no_news_of_it():
    late = an_hour(2 * HOUR_MS, length=HOUR_MS, late=1)
    assert hourly(totals([*late, *an_hour(3 * HOUR_MS)])).end_ms.tolist() == [3 * HOUR_MS]


def test_days_say_nothing_of_hours():
    day = [(24 * HOUR_MS, 24 * HOUR_MS, side, 5.0, 0) for side in ("long", "short")]
    assert hourly(totals(day)).end_ms.size == 0
