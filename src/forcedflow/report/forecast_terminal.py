"""A forecast as text that fits a terminal: chances, sizes, what drives them, what they were worth.

In:  a `Forecast`.   Out: one rich renderable.
Pure: values in, text out; no I/O, no clock.
"""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import groupby

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from forcedflow.forecast.forecast import Chance, Forecast
from forcedflow.forecast.size import LEVELS
from forcedflow.forecast.size_forecast import SizeForecast
from forcedflow.report import palette
from forcedflow.report.forecast_words import (
    CLAIMS,
    chance_words,
    driver_words,
    exceedances,
    record_words,
)
from forcedflow.report.terminal import SIMULATED_LINE
from forcedflow.units import SIDES, format_age, format_usd

_LOUD = f"bold {palette.BACKGROUND} on {palette.WARNING}"
_WIDE = 92
_SHOWN_LEVELS = (0.5, 0.9, 0.99)
_ALARMS = {"week": "alarm (1 a week)", "day": "alarm (1 a day)"}


def forecast_page(forecast: Forecast, width: int) -> Group:
    """Return everything a forecast says.

    Parameters
    ----------
    forecast : Forecast
    width : int
        Of the terminal; narrow ones show less beside each chance.
    """
    parts: list[RenderableType] = [_heading(forecast)]
    if forecast.simulated:
        parts.append(Text(SIMULATED_LINE, style=_LOUD))
    for _, held in groupby(forecast.chances, key=lambda one: one.event):
        parts += [Text(), *_chances(list(held), width)]
    if forecast.sizes:
        parts += [Text(), *_sizes(forecast, width)]
    if forecast.tomorrow is not None:
        told = forecast.tomorrow
        day = datetime.fromtimestamp(told.day_ms / 1000, UTC).strftime("%Y-%m-%d")
        parts.append(
            Text.assemble(
                "\n",
                (f"{chance_words(told.probability)}", "bold"),
                f" that {day} is among the tenth of days with most liquidations over open "
                f"interest (above {100 * told.threshold:.2g} %); by volatility and weekday "
                f"{chance_words(told.baseline)}",
            )
        )
    parts.append(Text())
    if any(not _is_ours(one) for one in forecast.chances):
        starred = "* this hour of the week alone: ours was not reliable lately, so it is not shown"
        parts.append(Text(starred, style="dim"))
    parts += [Text(f"not told: {what}: {why}", style="dim") for what, why in forecast.reasons]
    parts += [Text(f"· {line}", style="dim") for line in forecast.card]
    parts.append(Text(CLAIMS, style="dim"))
    return Group(*parts)


def _heading(forecast: Forecast) -> Text:
    known = datetime.fromtimestamp(forecast.known_ms / 1000, UTC).strftime("%Y-%m-%d %H:%MZ")
    age = format_age(forecast.at_ms - forecast.known_ms)
    fit = format_age(forecast.at_ms - forecast.fit_to_ms)
    new = ", which it never learned from" if forecast.is_new_market else ""
    model = f"model {forecast.model}, fit ended {fit} before{new}"
    return Text.assemble(
        (f"{forecast.symbol} · {forecast.venue}", "bold"),
        (f"   forecast from {known} ({age} old) · {model}", "dim"),
    )


def _chances(held: list[Chance], width: int) -> list[RenderableType]:
    first = held[0]
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column(f"a cascade begins ({first.event})", no_wrap=True)
    horizons = sorted({one.horizon_h for one in held})
    for hours in horizons:
        table.add_column(f"{hours} h", justify="right", no_wrap=True)
    for direction in dict.fromkeys(one.direction for one in held):
        own = {one.horizon_h: one for one in held if one.direction == direction}
        colour = palette.LONG if direction == "down" else palette.SHORT
        table.add_row(
            Text("↓ down" if direction == "down" else "↑ up", style=f"bold {colour}"),
            *(_shown(own[hours]) for hours in horizons),
        )
        ranges = [own[hours] for hours in horizons]
        table.add_row(
            Text("  ours, 80 %", style="dim"),
            *(
                Text(f"{_bare(one.probability)} ({_bare(one.low)}–{_bare(one.high)})", style="dim")
                for one in ranges
            ),
        )
        table.add_row(
            Text("  this hour of the week", style="dim"),
            *(Text(chance_words(one.climatology), style="dim") for one in ranges),
        )
        if width >= _WIDE:
            table.add_row(
                Text("  by volatility", style="dim"),
                *(Text(chance_words(one.volatility), style="dim") for one in ranges),
            )
    longest = [one for one in held if one.horizon_h == horizons[-1]]
    lines: list[RenderableType] = [
        Text(first.event_words, style="dim"),
        table,
    ]
    for one in longest:
        arrow = "↓" if one.direction == "down" else "↑"
        lines += [
            Text(f"{arrow} {one.horizon_h} h: {driver_words(one)}", style="dim"),
            Text(f"  {one.standing.why}", style="dim"),
            Text(f"  {record_words(one.record, one.probability)}", style="dim"),
        ]
    return lines


def _shown(one: Chance) -> Text:
    style = "bold" if one.standing.holds else "bold dim"
    text = Text(chance_words(one.shown) + ("" if _is_ours(one) else "*"), style=style)
    if one.alarm is not None:
        text.append(f" {_ALARMS[one.alarm]}", style=_LOUD)
    return text


def _is_ours(one: Chance) -> bool:
    """Return whether ours is shown, or the fit chose climatology, which is the same."""
    return one.standing.holds or one.model == "climatology"


def _bare(probability: float) -> str:
    return chance_words(probability).removesuffix(" %")


def _sizes(forecast: Forecast, width: int) -> list[RenderableType]:
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("closed by force", no_wrap=True)
    table.add_column("within", justify="right", no_wrap=True)
    for level in _SHOWN_LEVELS:
        table.add_column(f"{100 * level:g} %", justify="right", no_wrap=True)
    table.add_column("baseline 90 %", justify="right", no_wrap=True)
    if width >= _WIDE:
        table.add_column("chance of more than", no_wrap=True)
    baseline = {one.horizon_h: one for one in forecast.baseline_sizes}
    for s, side in enumerate(SIDES):
        colour = palette.LONG if side == "long" else palette.SHORT
        for size in forecast.sizes:
            cells: list[RenderableType] = [
                Text(f"{side}s", style=colour),
                f"{size.horizon_h} h",
                *(format_usd(float(size.usd[s, LEVELS.index(level)])) for level in _SHOWN_LEVELS),
                _ninety(baseline.get(size.horizon_h), s),
            ]
            if width >= _WIDE:
                told = [
                    f"{format_usd(usd)} {chance_words(chance)}"
                    for usd, chance in exceedances(size, side)
                ]
                cells.append(Text(" · ".join(told[-3:]), style="dim"))
            table.add_row(*cells)
    whose = f"of {forecast.liquidations_of}; half, nine tenths, 99 of 100 such hours hold no more"
    return [table, Text(whose, style="dim")]


def _ninety(baseline: SizeForecast | None, side: int) -> str:
    if baseline is None:
        return "–"
    return format_usd(float(baseline.usd[side, LEVELS.index(0.9)]))
