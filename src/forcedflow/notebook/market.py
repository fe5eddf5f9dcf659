"""What the commands answer, as values for a notebook.

In:  a lake, a symbol, a venue, a moment.   Out: `Shown` values, a `Market` with its figures.
Asks `forcedflow.answers` and computes nothing of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from forcedflow.answers import cascade as cascade_answer
from forcedflow.answers import ladder as ladder_answer
from forcedflow.answers import playbook as playbook_answer
from forcedflow.answers import zones as zones_answer
from forcedflow.answers.cascade import CascadeOptions
from forcedflow.answers.instrument import choose_instrument
from forcedflow.answers.model import read_map
from forcedflow.answers.playbook import PlaybookOptions
from forcedflow.answers.times import parse_duration
from forcedflow.liquidation_map import LiquidationMap
from forcedflow.notebook.rows import LakeLike, TimeLike, open_lake, to_ms
from forcedflow.notebook.shown import Shown, flat
from forcedflow.report.playbook_markdown import to_markdown
from forcedflow.store import Lake
from forcedflow.units import SIDES

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from forcedflow.notebook.widget import HeatmapWidget

_IF_TOUCHED = "estimated notional if touched, not advice"


@dataclass(frozen=True, slots=True)
class Market:
    """A market at a moment with its picture.

    Parameters
    ----------
    lake : Lake
    mapped : LiquidationMap
        With its heatmap.
    span_ms : int
        What the picture shows. [ms]
    """

    lake: Lake
    mapped: LiquidationMap
    span_ms: int

    @property
    def zones(self) -> Shown:
        """Return the clusters around the price."""
        return _zones(self.mapped)

    def ladder(self, reach: float = 0.10, bins: int = 120) -> Shown:
        """Return how much stands at every price; parameters as of `ladder`."""
        return _ladder(self.mapped, reach, bins)

    def figure(self) -> Figure:
        """Return the picture as a Plotly figure."""
        from forcedflow.notebook.figures import heatmap_figure  # noqa: PLC0415 - of an extra

        return heatmap_figure(self.mapped)

    def save_png(self, out: Path | str) -> None:
        """Draw the picture with matplotlib into a file, as ``forcedflow heatmap --out`` does."""
        from forcedflow.report.heatmap_png import draw_heatmap  # noqa: PLC0415 - of an extra

        draw_heatmap(self.mapped, self.mapped.zones(), Path(out))

    def widget(self, **options: Any) -> HeatmapWidget:
        """Return the dashboard's own chart; options as of `HeatmapWidget.of`."""
        from forcedflow.notebook.widget import HeatmapWidget  # noqa: PLC0415 - of an extra

        return HeatmapWidget.of(self.mapped, lake=self.lake, span_ms=self.span_ms, **options)

    def __repr__(self) -> str:
        return repr(self.zones)

    def _repr_html_(self) -> str:
        return self.zones._repr_html_()


def heatmap(
    lake: LakeLike,
    symbol: str,
    *,
    venue: str = "binance",
    at: TimeLike | None = None,
    span: str = "7d",
    model: str | None = None,
) -> Market:
    """Return a market with its picture: ``.widget()``, ``.figure()``, ``.zones``, ``.ladder()``.

    Parameters
    ----------
    lake : Lake, Path or str
    symbol : str
        BTC, BTCUSDT or BTC/USDT:USDT.
    venue : str
    at : int, str or datetime, optional
        Exactly what was known then; now by default.
    span : str
        What to show before the last bar: 12h, 24h, 3d, 7d, 30d or any other.
    model : str, optional
        prior, calibrated, or the file of a trained map.

    Raises
    ------
    NoDataError
        If no open interest was known by then.
    UsageError
        If the symbol, the venue, a time or the span is none.
    """
    held, span_ms = open_lake(lake), parse_duration(span)
    instrument = choose_instrument(held, symbol, venue)
    mapped = read_map(held, instrument, to_ms(at), model, picture_span_ms=span_ms)
    return Market(held, mapped, span_ms)


def zones(
    lake: LakeLike,
    symbol: str,
    *,
    venue: str = "binance",
    at: TimeLike | None = None,
    model: str | None = None,
) -> Shown:
    """Return the clusters of estimated liquidations; parameters as of `heatmap`."""
    held = open_lake(lake)
    return _zones(read_map(held, choose_instrument(held, symbol, venue), to_ms(at), model))


def ladder(
    lake: LakeLike,
    symbol: str,
    *,
    venue: str = "binance",
    at: TimeLike | None = None,
    model: str | None = None,
    reach: float = 0.10,
    bins: int = 120,
) -> Shown:
    """Return how much stands at every price, by side.

    Parameters
    ----------
    lake, symbol, venue, at, model
        As of `heatmap`.
    reach : float
        Window on either side of the mark, as a fraction of it. [1]
    bins : int
        At most so many.

    Raises
    ------
    NoDataError
        If no open interest was known by then.
    UsageError
        If the window is out of its range.
    """
    held = open_lake(lake)
    mapped = read_map(held, choose_instrument(held, symbol, venue), to_ms(at), model)
    return _ladder(mapped, reach, bins)


def chain(
    lake: LakeLike,
    symbol: str,
    *,
    venue: str = "binance",
    at: TimeLike | None = None,
    options: CascadeOptions | None = None,
) -> Shown:
    """Return which cluster would fall next, how far, how likely.

    Parameters
    ----------
    lake, symbol, venue, at
        As of `heatmap`.
    options : CascadeOptions, optional
        What happens first, and how it is followed.

    Raises
    ------
    NoDataError
        If no open interest, or no depth at all, was known by then.
    """
    held = open_lake(lake)
    instrument = choose_instrument(held, symbol, venue)
    asked = CascadeOptions(scenarios=2_000) if options is None else options
    answer = cascade_answer.ask(held, [instrument], to_ms(at), asked)
    notes = (_IF_TOUCHED, "p_reach: share of scenarios, not a forecast", *answer["warnings"])
    return Shown(_title("chain", answer), answer, flat(answer["dominoes"]), notes)


@dataclass(frozen=True, slots=True)
class Page:
    """The playbook: its answer, and its words as Markdown."""

    answer: dict[str, Any]
    markdown: str

    def __repr__(self) -> str:
        return self.markdown

    def _repr_markdown_(self) -> str:
        return self.markdown


def playbook(
    lake: LakeLike,
    symbol: str,
    *,
    venue: str = "binance",
    at: TimeLike | None = None,
    options: PlaybookOptions | None = None,
) -> Page:
    """Return a market on one page; parameters as of `chain`, options as of the command.

    Raises
    ------
    NoDataError
        If no open interest was known by then.
    """
    held = open_lake(lake)
    instrument = choose_instrument(held, symbol, venue)
    made = playbook_answer.read(held, instrument, to_ms(at), options or PlaybookOptions())
    return Page(playbook_answer.answer(made), to_markdown(made))


def _zones(mapped: LiquidationMap) -> Shown:
    found = mapped.zones()
    answer = zones_answer.answer(mapped, found)
    notes = (_IF_TOUCHED, mapped.model_words, mapped.range_words)
    return Shown(_title("zones", answer), answer, flat(answer["zones"]), notes)


def _ladder(mapped: LiquidationMap, reach: float, bins: int) -> Shown:
    ladder_answer.check(reach, bins)
    answer = ladder_answer.answer(mapped, reach=reach, bins=bins)
    columns = {"price": answer["prices"]}
    for side in SIDES:
        for name in ("usd", "low", "high", "cumulative_usd"):
            columns[f"{side}_{name}"] = answer["sides"][side][name]
    notes = (_IF_TOUCHED, mapped.model_words, mapped.range_words)
    return Shown(_title("ladder", answer), answer, pl.DataFrame(columns), notes)


def _title(what: str, answer: dict[str, Any]) -> str:
    return f"{what} of {answer['symbol']} · {answer['venue']} · mark {answer['mark_price']:,.6g}"
