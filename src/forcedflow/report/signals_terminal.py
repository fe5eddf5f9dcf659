"""The signals of one market, and of several beside each other, as text that fits a terminal.

In:  `Reading`s, `Loading`s. [0–100]   Out: rich text and tables.
Pure: values in, text out; no I/O, no clock.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table
from rich.text import Text

from forcedflow.features.table import FeatureTable
from forcedflow.forecast.forecast import Forecast
from forcedflow.report import palette
from forcedflow.report.forecast_words import head_words
from forcedflow.report.terminal import SIMULATED_LINE, columns_that_fit
from forcedflow.signals.reading import Reading, Risk
from forcedflow.signals.score import Loading
from forcedflow.units import SECOND_MS, format_age, format_price

NO_RECORD = "no record yet"
"""What stands where nobody has counted what readings like this were worth."""

_CLAIMS = (
    "a share of reasons that hold, not a probability; thresholds are this market's own trailing "
    "30 days; not advice"
)
_LOUD = f"bold {palette.BACKGROUND} on {palette.WARNING}"
_MARKS = {"on": ("●", f"bold {palette.WARNING}"), "off": ("○", "dim"), "unknown": ("?", "dim")}
_RISKS: dict[Risk, str] = {"down": "↓ down", "up": "↑ up", "both": "↕ both", "none": ""}
_GAUGE_WIDTH = 20
_INDENT = 4
_GAP = 2
_LEAST_WIDE = 72

# Name, whether figures align right, and when the column gives way on a narrow terminal: the first
# first, those of zero never.
_SCAN_COLUMNS = (
    ("market", False, 0),
    ("loading", True, 0),
    ("down", True, 4),
    ("up", True, 4),
    ("pressure", True, 2),
    ("crowding", True, 3),
    ("cluster below", True, 0),
    ("above", True, 0),
    ("cascade 24 h", True, 6),
    ("unknown", True, 5),
    ("on", False, 1),
)


@dataclass(frozen=True, slots=True)
class MarketSignals:
    """Everything that signals say of one market at one moment.

    Parameters
    ----------
    symbol, venue : str
    table : FeatureTable
        That they were read from.
    readings : tuple of Reading
    loading : Loading
    gauge : float
        Pressure's rank among the trailing thirty days; NaN where unknown. [0–100]
    crowding : float
        Rank of funding's size, below zero where shorts pay; NaN where unknown. [1]
    map_words : str
        What the map's figures rest on.
    loading_record : str, optional
        What scores like this were worth before.
    forecast : Forecast, optional
        What is told of the hours ahead, where it was asked for and could be.
    """

    symbol: str
    venue: str
    table: FeatureTable
    readings: tuple[Reading, ...]
    loading: Loading
    gauge: float
    crowding: float
    map_words: str
    loading_record: str | None = None
    forecast: Forecast | None = None

    @property
    def nearest_sigma(self) -> float:
        """Return the distance of the nearer cluster; NaN where there is none or none known. [σ]"""
        found = [self.table.last(f"cluster_{side}_sigma") for side in ("below", "above")]
        known = [abs(distance) for distance in found if not math.isnan(distance)]
        return min(known, default=math.nan)


def signals_page(market: MarketSignals, width: int, tick_size: float | None = None) -> Text:
    """Return the eight readings, the score above them and what they rest on below.

    Parameters
    ----------
    market : MarketSignals
    width : int
        Characters to fit into.
    tick_size : float, optional
        Of the instrument. [quote per base]
    """
    text = Text()
    if market.table.simulated:
        text.append(SIMULATED_LINE, _LOUD)
        text.append("\n")
    text.append(f"{market.symbol} · {market.venue}", "bold")
    text.append(f"   price {format_price(market.table.last('price'), tick_size)}\n")
    text.append_text(_score(market, width))
    for reading in market.readings:
        text.append_text(_reading(reading, width))
    notes = (
        f"map: {market.map_words}",
        _CLAIMS,
    )
    for note in notes:
        text.append(_filled(f"· {note}", width, "  ") + "\n", "dim")
    text.rstrip()
    return text


def _score(market: MarketSignals, width: int) -> Text:
    loading = market.loading
    text = Text()
    text.append(f"loading {_whole(loading.score)} of 100", "bold")
    text.append(f"   down {_whole(loading.down)}   up {_whole(loading.up)}\n")
    text.append(_filled(loading.words, width, "") + "\n", "dim")
    if market.loading_record is not None:
        text.append(_filled(market.loading_record, width, "") + "\n", "dim")
    if math.isnan(market.gauge):
        return text.append("pressure unknown\n", "dim")
    full = round(_GAUGE_WIDTH * market.gauge / 100)
    text.append(f"pressure {'█' * full}{'░' * (_GAUGE_WIDTH - full)} {market.gauge:.0f}")
    text.append(" of 100, rank in the trailing 30 days\n" if width >= _LEAST_WIDE else "\n", "dim")
    return text


def _reading(reading: Reading, width: int) -> Text:
    mark, style = _MARKS[reading.verdict]
    text = Text()
    text.append(f"{mark} {reading.title}", style)
    if reading.direction != "none":
        color = {"down": palette.LONG, "up": palette.SHORT}.get(reading.direction, "")
        text.append(f"   {_RISKS[reading.direction]}", f"bold {color}".strip())
    text.append("\n")
    text.append(_body(reading.why, width))
    if reading.verdict != "unknown":
        compared = f"{_figure(reading.value)} against {_figure(reading.threshold)}"
        text.append(_body(f"{compared} ({reading.unit}): {reading.threshold_words}", width), "dim")
    ages = ", ".join(
        f"{name} {'–' if age is None else format_age(age * SECOND_MS)}"
        for name, age in reading.inputs
    )
    text.append(_body(f"ages: {ages}; {reading.record or NO_RECORD}", width), "dim")
    return text


def scan_table(markets: Sequence[MarketSignals], width: int) -> Table:
    """Return markets beside each other, in the order they are given.

    Parameters
    ----------
    markets : sequence of MarketSignals
    width : int
        Characters to fit into; columns are left out where not all fit.
    """
    title = Text()
    if any(market.table.simulated for market in markets):
        title.append("SIMULATED", _LOUD)
        title.append(" ")
    title.append("loading and pressure 0–100; distances in percent and σ of a day")
    if any(market.forecast is not None for market in markets):
        title.append("; cascade: chance of one within 24 h, * by the hour of the week alone")
    table = Table(title=title, title_style="dim", title_justify="left", box=None, padding=(0, 1))
    rows = [_scan_cells(market) for market in markets]
    shown = columns_that_fit(_SCAN_COLUMNS, rows, width, _GAP)
    for place in shown:
        name, right, _ = _SCAN_COLUMNS[place]
        table.add_column(name, justify="right" if right else "left", no_wrap=True)
    for cells in rows:
        table.add_row(*(cells[place] for place in shown))
    return table


def _scan_cells(market: MarketSignals) -> list[Text | str]:
    loading = market.loading
    return [
        f"{market.symbol} {market.venue}",
        Text(_whole(loading.score), "bold"),
        Text(_whole(loading.down), palette.LONG),
        Text(_whole(loading.up), palette.SHORT),
        _whole(market.gauge),
        "–" if math.isnan(market.crowding) else f"{market.crowding:+.2f}",
        _cluster(market.table, "below"),
        _cluster(market.table, "above"),
        head_words(market.forecast),
        f"{len(loading.unknown)}" if loading.unknown else "",
        ", ".join(loading.on),
    ]


def _cluster(table: FeatureTable, side: str) -> str:
    distance, sigma = table.last(f"cluster_{side}_pct"), table.last(f"cluster_{side}_sigma")
    if math.isnan(distance):
        # None is a finding, unknown is not.
        return "none" if not math.isnan(table.last(f"mass_{side}_3pct")) else "–"
    words = f"{abs(distance):.1f} %"
    return words if math.isnan(sigma) else f"{words} {abs(sigma):.1f} σ"


def _body(words: str, width: int) -> str:
    return _filled(words, width, " " * _INDENT, " " * _INDENT) + "\n"


def _filled(words: str, width: int, later: str, first: str = "") -> str:
    return textwrap.fill(
        words,
        max(width, 24),
        initial_indent=first,
        subsequent_indent=later,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _whole(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.0f}"


def _figure(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3g}"
