"""What is not known yet is a dash, and what had to be assumed stands on the picture itself."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest
from matplotlib.figure import Figure

from forcedflow.asof import read_market
from forcedflow.integrations.levels import levels_csv
from forcedflow.pipeline import build_map
from forcedflow.report.heatmap_png import draw_heatmap
from forcedflow.report.terminal import heading, zone_table
from forcedflow.sandbox.market import SandboxMarket, join
from forcedflow.sandbox.simulate import START_MS
from forcedflow.sandbox.venue import SandboxVenue
from forcedflow.store import Lake
from forcedflow.units import DAY_MS


@pytest.fixture(scope="module")
def mapped(tmp_path_factory):
    """A map of one simulated day on which something had to be assumed."""
    simulated = SandboxMarket("calm", 1_000, 1)
    venue = SandboxVenue(simulated)
    instrument = venue.instruments()[0]
    end_ms = simulated.opened_ms + DAY_MS
    wanted = sorted(venue.capabilities.backfilled)
    lake = Lake(tmp_path_factory.mktemp("notes") / "lake", create=True)
    lake.write(join(list(venue.backfill(wanted, instrument.symbol, START_MS, end_ms))))
    market = replace(read_market(lake, instrument, end_ms - 1), notes=("brackets are assumed",))
    return build_map(market, picture_span_ms=DAY_MS)


def test_a_volatility_that_is_not_known_is_a_dash(mapped):
    unknown = replace(mapped, sigma_day=float("nan"))
    assert "σ 24 h –" in heading(unknown).plain
    assert "σ 24 h –" not in heading(mapped).plain
    zones = unknown.zones()
    assert zones
    table = zone_table(zones, unknown, width=120)
    sigma = next(column for column in table.columns if column.header == "σ 24 h")
    assert set(sigma.cells) == {"–"}


def test_the_picture_carries_its_assumptions_inside_its_borders(mapped, tmp_path, monkeypatch):
    drawn = []
    save = Figure.savefig
    monkeypatch.setattr(
        Figure, "savefig", lambda figure, *a, **k: (drawn.append(figure), save(figure, *a, **k))
    )
    draw_heatmap(mapped, mapped.zones(), tmp_path / "map.png")
    words = drawn[0].texts
    assert any("brackets are assumed" in text.get_text() for text in words)
    assert min(text.get_position()[1] for text in words) > 0.008


def test_a_distance_that_is_not_known_is_empty_in_csv(mapped):
    unknown = replace(mapped, sigma_day=float("nan"))
    rows = list(
        csv.DictReader(io.StringIO(levels_csv(unknown.zones(), unknown, "2026-01-01T00:00:00Z")))
    )
    assert rows
    assert {row["distance_sigma"] for row in rows} == {""}
    assert "nan" not in {value for row in rows for value in row.values()}
