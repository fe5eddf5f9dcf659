"""The live screen fits the terminal it is drawn on."""

from __future__ import annotations

import io

import polars as pl
import pytest
from rich.console import Console

from forcedflow import tables
from forcedflow.asof import read_market
from forcedflow.pipeline import build_map
from forcedflow.report.screen import live_screen
from forcedflow.sandbox.market import SandboxMarket, join
from forcedflow.sandbox.simulate import START_MS
from forcedflow.sandbox.venue import SandboxVenue
from forcedflow.store import Lake
from forcedflow.units import DAY_MS


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """A map of three simulated days, its zones and the liquidations of those days."""
    market = SandboxMarket("calm", 1_500, 2)
    venue = SandboxVenue(market)
    instrument = venue.instruments()[0]
    end_ms = market.opened_ms + 3 * DAY_MS
    wanted = sorted(venue.capabilities.backfilled)
    rows = join(list(venue.backfill(wanted, instrument.symbol, START_MS, end_ms)))
    lake = Lake(tmp_path_factory.mktemp("screen") / "lake", create=True)
    lake.write(rows)
    mapped = build_map(read_market(lake, instrument, end_ms - 1), picture_span_ms=DAY_MS)
    return mapped, mapped.zones(), rows["liquidations"]


def _lines(shown, width, height, liquidations=None):
    mapped, zones, printed = shown
    out = io.StringIO()
    console = Console(file=out, width=width, height=height, color_system=None)
    rows = printed if liquidations is None else liquidations
    console.print(
        live_screen(mapped, zones, rows, "the end", width=width, height=height, color=False)
    )
    return [line.rstrip() for line in out.getvalue().splitlines()]


@pytest.mark.parametrize(("width", "height"), [(80, 30), (100, 40), (120, 50), (200, 80)])
def test_the_screen_is_no_taller_and_no_wider_than_the_terminal(shown, width, height):
    lines = _lines(shown, width, height)
    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    assert lines[0].strip().startswith("SIMULATED")
    assert lines[-1] == "the end"


def test_a_small_terminal_still_shows_a_picture(shown):
    lines = _lines(shown, 80, 20)
    assert sum("•" in line for line in lines) >= 1
    assert sum("░" in line or "▒" in line for line in lines) >= 6


def test_the_latest_liquidations_come_newest_first_with_what_their_feed_is_worth(shown):
    lines = _lines(shown, 120, 60)
    (title,) = (n for n, line in enumerate(lines) if "latest liquidations" in line)
    assert lines[title].startswith("SIMULATED")
    listed = lines[title + 2 : -1]
    assert len(listed) == 6
    newest = shown[2].tail(6)["event_time"].dt.strftime("%m-%d %H:%M:%S").reverse().to_list()
    assert [line.strip()[:14] for line in listed] == newest
    assert all(" complete " in line for line in listed)


def test_before_the_first_liquidation_the_table_is_empty(shown):
    lines = _lines(shown, 120, 60, tables.empty("liquidations"))
    (title,) = (n for n, line in enumerate(lines) if "latest liquidations" in line)
    assert len(lines) == title + 3


def test_a_side_is_named_as_the_position_was(shown):
    long_only = shown[2].filter(pl.col("side") == "long").tail(3)
    lines = _lines(shown, 120, 60, long_only)
    (title,) = (n for n, line in enumerate(lines) if "latest liquidations" in line)
    assert [line.split()[2] for line in lines[title + 2 : -1]] == ["long"] * 3
