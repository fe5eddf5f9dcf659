"""On a narrow terminal columns and lines give way, never figures."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from forcedflow.asof import read_market
from forcedflow.pipeline import build_map
from forcedflow.report.terminal import heading, sigma_words, zone_table
from forcedflow.sandbox.market import SandboxMarket, join
from forcedflow.sandbox.simulate import START_MS
from forcedflow.sandbox.venue import SandboxVenue
from forcedflow.store import Lake
from forcedflow.units import DAY_MS, format_price, format_usd


@pytest.fixture(scope="module")
def mapped(tmp_path_factory):
    simulated = SandboxMarket("calm", 1_000, 1)
    venue = SandboxVenue(simulated)
    instrument = venue.instruments()[0]
    end_ms = simulated.opened_ms + DAY_MS
    wanted = sorted(venue.capabilities.backfilled)
    lake = Lake(tmp_path_factory.mktemp("narrow") / "lake", create=True)
    lake.write(join(list(venue.backfill(wanted, instrument.symbol, START_MS, end_ms))))
    return build_map(read_market(lake, instrument, end_ms - 1))


def printed(renderable, width):
    out = io.StringIO()
    Console(file=out, width=width, color_system=None).print(renderable)
    return out.getvalue()


@pytest.mark.parametrize("width", range(40, 110, 3))
def test_the_heading_breaks_between_facts(mapped, width):
    lines = [line.strip() for line in printed(heading(mapped, width), width).splitlines()]
    assert max(map(len, lines)) <= width
    tick = mapped.market.instrument.tick_size
    for fact in (
        f"mark {format_price(mapped.mark, tick)}",
        f"open interest {format_usd(mapped.open_interest_usd)} a side",
        f"σ 24 h {sigma_words(mapped)}",
        "before the moment asked about",
    ):
        assert any(fact in line for line in lines), (fact, lines)


def test_a_wide_terminal_keeps_the_heading_in_its_lines(mapped):
    assert heading(mapped, 200).plain == heading(mapped).plain
    assert heading(mapped).plain.count("\n") == 3  # the banner above three lines


@pytest.mark.parametrize("width", [40, 60, 70, 80, 91, 100])
def test_prices_of_zones_are_whole_at_any_width(mapped, width):
    zones = mapped.zones()
    assert zones
    table = zone_table(zones, mapped, width=width)
    text = printed(table, width)
    assert "…" not in text
    tick = mapped.market.instrument.tick_size
    for zone in sorted(zones, key=lambda zone: abs(zone.distance_pct))[:12]:
        low, high = format_price(zone.low, tick), format_price(zone.high, tick)
        assert any(low in line and high in line for line in text.splitlines())
    names = [column.header for column in table.columns]
    assert names[:4] == ["side", "from", "to", "distance"]
    assert ("age" in names) <= ("σ 24 h" in names) <= ("range" in names) <= ("of OI" in names)


def test_all_columns_show_where_there_is_room(mapped):
    assert len(zone_table(mapped.zones(), mapped, width=100).columns) == 10
