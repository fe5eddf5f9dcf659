"""The signals' page and the scan fit a terminal of any width, and lose no figure that counts."""

from __future__ import annotations

import io
import math
from dataclasses import replace

import pytest
from rich.console import Console
from tests.reference.feature_tables import lay, without

from forcedflow.report.signals_terminal import MarketSignals, scan_table, signals_page
from forcedflow.signals.reading import Reading
from forcedflow.signals.registry import SIGNALS
from forcedflow.signals.score import load

VERDICTS = ("on", "off", "unknown", "on", "off", "unknown", "on", "off")
RISKS = ("down", "none", "none", "up", "none", "none", "both", "none")


def _market(symbol="BTC/USDT:USDT", **changes):
    table = lay(
        {
            "price": 70_208.0,
            "cluster_below_pct": 0.37,
            "cluster_below_sigma": 0.1,
            "mass_below_3pct": 0.1,
            "mass_above_3pct": 0.1,
        }
    )
    readings = tuple(
        Reading(
            signal=signal.name,
            title=signal.title,
            value=math.nan if verdict == "unknown" else 0.183,
            unit=signal.unit,
            threshold=0.17,
            threshold_words=signal.threshold_words,
            verdict=verdict,
            direction=risk,
            why="unknown: no rows of funding were known by then"
            if verdict == "unknown"
            else "below: 18.3 % of open interest, 0.37 % (0.1 σ) away",
            inputs=(("open_interest", 300.0), ("spot klines", None)),
            record="12 of 40, 2026-01-01 to 2026-03-01" if signal.name == "sweeps" else None,
        )
        for signal, verdict, risk in zip(SIGNALS, VERDICTS, RISKS, strict=True)
    )
    made = MarketSignals(
        symbol, "binance", table, readings, load(readings), 77.0, -0.57, "stated prior mixture"
    )
    return replace(made, **changes)


def printed(renderable, width):
    out = io.StringIO()
    Console(file=out, width=width, color_system=None).print(renderable)
    return out.getvalue()


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_every_signal_is_whole_on_any_terminal(width):
    page = printed(signals_page(_market(), width), width)
    assert max(len(line.rstrip()) for line in page.splitlines()) <= width
    flat = " ".join(page.split())
    for signal in SIGNALS:
        assert signal.title in flat
    assert flat.count("no record yet") == len(SIGNALS) - 1
    assert "12 of 40, 2026-01-01 to 2026-03-01" in flat
    assert "spot klines –" in flat
    assert "open_interest 5 min" in flat


def test_verdicts_directions_and_the_score_are_told_by_more_than_colour():
    page = printed(signals_page(_market(), 100), 100)
    assert (page.count("● "), page.count("○ "), page.count("? ")) == (3, 3, 2)
    assert "↓ down" in page
    assert "↑ up" in page
    assert "↕ both" in page
    assert "loading 50 of 100   down 33   up 33" in page
    assert "3 of 6 known signals on; 2 unknown and left out" in page
    assert "███████████████░░░░░ 77 of 100" in page


def test_what_is_unknown_shows_no_figure():
    unknown = _market(gauge=math.nan)
    page = printed(signals_page(unknown, 100), 100)
    assert "pressure unknown" in page
    assert "nan" not in page.replace("binance", "")
    assert page.count("0.183 against 0.17") == 6


def test_simulated_markets_say_so():
    made = _market()
    simulated = replace(made, table=replace(made.table, simulated=True))
    assert "SIMULATED" in printed(signals_page(simulated, 80), 80)
    assert "SIMULATED" in printed(scan_table([made, simulated], 80), 80)
    assert "SIMULATED" not in printed(scan_table([made], 80), 80)


@pytest.mark.parametrize("width", [60, 80, 100, 160])
def test_a_scan_keeps_market_loading_and_clusters_on_any_terminal(width):
    lines = printed(scan_table([_market(), _market("ETH/USDT:USDT")], width), width)
    assert max(len(line.rstrip()) for line in lines.splitlines()) <= width
    for words in ("BTC/USDT:USDT binance", "ETH/USDT:USDT binance", "0.4 % 0.1 σ", "loading"):
        assert words in lines
    assert ("-0.57" in lines) == (width >= 100)


def test_a_scan_tells_no_cluster_from_an_unknown_map():
    row = printed(scan_table([_market()], 160), 160).splitlines()[-1]
    assert "none" in row
    unmapped = _market(table=without(_market().table, "mass_above_3pct"))
    assert "none" not in printed(scan_table([unmapped], 160), 160).splitlines()[-1]


def test_the_nearer_cluster_is_the_one_that_is_known():
    assert _market().nearest_sigma == 0.1
    assert math.isnan(_market(table=without(_market().table, "cluster_below_sigma")).nearest_sigma)
