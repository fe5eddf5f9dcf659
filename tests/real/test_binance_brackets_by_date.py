"""Binance's published brackets of 2022 to 2026: amounts by recursion, schedules by date."""

from __future__ import annotations

import calendar
import json
from datetime import UTC, datetime

import pytest

from forcedflow.margin import schedule_as_of, schedule_from_rows

pytestmark = pytest.mark.real_data


def known_from_ms(key):
    """A key names a day, or a month whose last day is the first on which it was surely known."""
    year, month, *day = (int(part) for part in key.replace(".", "-").split("-"))
    at = datetime(year, month, day[0] if day else calendar.monthrange(year, month)[1], tzinfo=UTC)
    return int(at.timestamp() * 1000)


@pytest.fixture(scope="module")
def published(real_data):
    path = real_data / "brackets" / "binance_leverage_brackets_by_date.json"
    return json.loads(path.read_text())


@pytest.fixture(scope="module")
def schedules(published):
    return {
        (key, symbol): schedule_from_rows(
            "binance",
            symbol,
            known_from_ms(key),
            [(r["maxNotional"], r["maintenanceMarginRate"], r["maxLeverage"]) for r in rows],
            source=key,
        )
        for key, by_symbol in published.items()
        for symbol, rows in by_symbol.items()
    }


def test_the_recursion_reproduces_every_published_maintenance_amount(published, schedules):
    compared, wrong = 0, []
    for (key, symbol), schedule in schedules.items():
        for row, bracket in zip(published[key][symbol], schedule.brackets, strict=True):
            compared += 1
            if bracket.maintenance_amount != pytest.approx(row["cum"], rel=1e-9, abs=1e-6):
                wrong.append((key, symbol, row, bracket.maintenance_amount))
            assert bracket.notional_floor == row["minNotional"]
    assert not wrong, f"{len(wrong)} of {compared} amounts differ, first {wrong[0]}"
    assert len(schedules) == 143
    assert compared == sum(len(rows) for day in published.values() for rows in day.values())


def test_each_schedule_holds_from_its_date_until_the_next(published, schedules):
    dates = sorted(published, key=known_from_ms)
    assert dates[0] == "2022-06"
    assert dates[-1] == "2026.9"
    listed = [key for key in dates if "BTC/USDT:USDT" in published[key]]
    everything = list(schedules.values())
    for key, following in zip(listed, [*listed[1:], None], strict=True):
        start = known_from_ms(key)
        end = known_from_ms(following) if following else start + 1
        for moment in (start, end - 1):
            held = schedule_as_of(everything, "BTC/USDT:USDT", moment)
            assert held.source == key
    with pytest.raises(ValueError, match="no brackets of BTC/USDT:USDT"):
        schedule_as_of(everything, "BTC/USDT:USDT", known_from_ms("2022-06") - 1)
