"""The cascade as a PNG: forced flow against depth by price, and the dominoes that fall in turn.

In:  a `Cascade`. [quote per base, USD]   Out: a PNG file.
Draws with matplotlib's object interface; no global figure, no clock.
"""

from __future__ import annotations

import textwrap
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from forcedflow.cascade.cascade import Cascade
from forcedflow.cascade.chain import Chain, Domino
from forcedflow.cascade.montecarlo import LABEL
from forcedflow.cascade.settlement import settle
from forcedflow.cascade.stage import Stage
from forcedflow.report import cascade_terminal as words
from forcedflow.report import palette
from forcedflow.report.heatmap_png import round_prices, style, watermark
from forcedflow.report.terminal import sigma_words
from forcedflow.units import F8, HOUR_MS, format_age, format_pct, format_price, format_usd

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_DEPTH = "#4f8fc0"
_MOST_DOMINOES = 5
_ROWS = 150
# How far a way may stretch the price axis: what lies beyond is named, not drawn. [1]
_FARTHEST, _NEAREST = 0.16, 0.025
_MARGIN = 1.12
# Where dominoes fall, and where their cards begin, as fractions of the right panel.
_LANE, _PUSH, _CARDS = 0.085, 0.165, 0.215
_CARD_HEIGHT = 0.098
_TO_10_90 = 1.2816


class _Card(NamedTuple):
    # A domino's number, log price of its trigger, its words and its colour.
    at: float
    title: str
    line: str
    color: str
    weight: float


def draw_cascade(cascade: Cascade, path: Path) -> None:
    """Write the picture; a simulated market's says so across itself.

    The same cascade gives the same bytes: the file names no program, no version and no time.

    Parameters
    ----------
    cascade : Cascade
    path : Path
        File to write; its folder must exist.
    """
    low, high = _span(cascade)
    # Two dollar signs in one line are two sums of money, no formula.
    with mpl.rc_context({"font.family": "DejaVu Sans", "font.size": 10, "text.parse_math": False}):
        figure = Figure(figsize=(16, 9), dpi=120, facecolor=palette.BACKGROUND)
        FigureCanvasAgg(figure)
        bars = figure.add_axes((0.060, 0.190, 0.470, 0.655))
        fall = figure.add_axes((0.534, 0.190, 0.442, 0.655), sharey=bars)
        style(bars)
        style(fall)
        _price_axis(bars, fall, cascade, low, high)
        _paint_bars(bars, cascade, low, high)
        _paint_fall(fall, cascade, low, high)
        _write_words(figure, cascade, low, high)
        if cascade.simulated:
            watermark(figure)
        figure.savefig(path, facecolor=palette.BACKGROUND, metadata={"Software": None})


def _span(cascade: Cascade) -> tuple[float, float]:
    """Return the ends of the price axis, as log prices: what is near enough to be drawn."""
    ends = {}
    for direction in ("down", "up"):
        chain = cascade.chain(direction)
        # Distances from the start; the shock itself belongs in the picture.
        wanted = [_NEAREST]
        if direction in words.directions(cascade):
            wanted += [d.trigger_distance for d in chain.dominoes[:_MOST_DOMINOES]]
            stop = chain.stop()
            if stop is not None:
                wanted += [chain.stage.distance(price) for price in stop.furthest]
            found = settle(chain.stage, cascade.start)
            if found is not None:
                wanted.append(chain.stage.distance(found.price))
        ends[direction] = _MARGIN * max(d for d in wanted if d <= _FARTHEST)
    start = float(np.log(cascade.down.stage.mark))
    mark = float(np.log(cascade.mark))
    return min(start - ends["down"], mark - _NEAREST), max(start + ends["up"], mark + _NEAREST)


def _price_axis(bars: Axes, fall: Axes, cascade: Cascade, low: float, high: float) -> None:
    tick = cascade.maps[0].market.instrument.tick_size
    bars.set_ylim(low, high)
    mark = float(np.log(cascade.mark))
    ticks = np.log(round_prices(float(np.exp(low)), float(np.exp(high))))
    # A label under that of the mark could not be read.
    clear = np.abs(ticks - mark) > 0.02 * (high - low)
    bars.yaxis.set_major_locator(FixedLocator(ticks[clear].tolist()))
    bars.yaxis.set_minor_locator(NullLocator())
    bars.yaxis.set_major_formatter(FuncFormatter(lambda y, _: format_price(np.exp(y), tick)))
    for axes in (bars, fall):
        axes.grid(axis="y", color=palette.GRID, linewidth=0.5, alpha=0.6, zorder=0)
    fall.tick_params(axis="y", left=False, labelleft=False)
    fall.set_xlim(0, 1)
    fall.xaxis.set_visible(False)
    for axes in (bars, fall):
        axes.axhline(mark, color=palette.MARK, linewidth=0.9, linestyle=(0, (4, 3)), zorder=7)
    bars.annotate(
        format_price(cascade.mark, tick),
        xy=(0.0, mark),
        xycoords=bars.get_yaxis_transform(),
        xytext=(-5, 0),
        textcoords="offset points",
        color=palette.BACKGROUND,
        fontsize=9.5,
        fontweight="bold",
        ha="right",
        va="center",
        annotation_clip=False,
        bbox={"boxstyle": "round,pad=0.3", "facecolor": palette.MARK, "edgecolor": "none"},
        zorder=9,
    )


def _paint_bars(axes: Axes, cascade: Cascade, low: float, high: float) -> None:
    """Paint forced flow to the left and depth to the right, in the same dollars per row."""
    height = (high - low) / _ROWS
    seen = words.depth_warning(cascade) is None
    most = 0.0
    for chain in (cascade.down, cascade.up):
        stage = chain.stage
        sign = -1.0 if chain.direction == "down" else 1.0
        distance = height * np.arange(max(2, int(_reach(stage, low, high) / height) + 2))
        forced, depth = (
            np.diff(np.interp(distance, stage.edges, total))
            for total in (stage.supply, stage.demand)
        )
        edges = np.log(stage.mark) + sign * distance
        color = palette.LONG if chain.direction == "down" else palette.SHORT
        for usd, paint, alpha in ((-forced, color, 1.0), (depth, _DEPTH, 1.0 if seen else 0.55)):
            axes.fill_betweenx(
                edges,
                np.append(usd, usd[-1]),
                step="post",
                color=paint,
                alpha=alpha,
                linewidth=0,
                zorder=3,
            )
        # The unfavourable ends of the bands: as if less were there to absorb more.
        for usd, log_sd in ((-forced, stage.forced_log_sd), (depth, -stage.depth_log_sd)):
            axes.step(
                np.append(usd, usd[-1]) * np.exp(_TO_10_90 * log_sd),
                edges,
                where="pre",
                color=palette.TEXT,
                linewidth=1.0,
                linestyle=(0, (1, 1.6)),
                alpha=0.85,
                zorder=4,
            )
        # What lies near the mark may be many times what counts further out: it is cut instead.
        most = max(most, 1.6 * float(forced.max(initial=0.0)), float(np.median(depth)))
        _shade_critical(axes, chain, sign)
    most = most or 1.0
    axes.set_xlim(-most, most)
    axes.axvline(0, color=palette.MUTED, linewidth=0.8, zorder=5)
    places = [-0.9, -0.45, 0.0, 0.45, 0.9]
    axes.xaxis.set_major_locator(FixedLocator([most * place for place in places]))
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda usd, _: format_usd(abs(usd)) if usd else "0")
    )
    for place, align, text, color in (
        (0.49, "right", "forced flow if touched  ◀", palette.TEXT),
        (0.51, "left", f"▶  depth that absorbs it{'' if seen else ' (not measured)'}", _DEPTH),
    ):
        axes.text(
            place,
            1.012,
            text,
            transform=axes.transAxes,
            color=color,
            fontsize=10,
            fontweight="bold",
            ha=align,
            va="bottom",
        )
    axes.set_xlabel(
        f"USD per {100 * np.expm1(height):.2g} % of price, cut at the edges  ·  dotted: forced "
        "flow at its 90 %, depth at its 10 %  ·  amber: more forced than absorbed",
        color=palette.MUTED,
        fontsize=8,
        labelpad=4,
    )


def _reach(stage: Stage, low: float, high: float) -> float:
    here = float(np.log(stage.mark))
    room = here - low if stage.direction == "down" else high - here
    return min(room, float(stage.edges[-1]))


def _shade_critical(axes: Axes, chain: Chain, sign: float) -> None:
    """Shade where a stretch carries itself: more forced than depth can absorb there."""
    stage = chain.stage
    above = np.concatenate([[False], chain.criticality.number > 1.0, [False]])
    turns = np.flatnonzero(np.diff(above.astype(np.int8))).reshape(-1, 2)
    for first, last in turns:
        ends = np.log(stage.mark) + sign * stage.edges[[first, last]]
        axes.axhspan(*ends, color=palette.WARNING, alpha=0.13, linewidth=0, zorder=1)


def _paint_fall(axes: Axes, cascade: Cascade, low: float, high: float) -> None:
    """Draw the lane down which dominoes fall, their cards, and where it stops."""
    start = float(np.log(cascade.down.stage.mark))
    axes.plot([_LANE], [start], marker="o", markersize=8, color=palette.MARK, zorder=9)
    room = high - low
    cards: list[_Card] = []
    for direction in words.directions(cascade):
        chain = cascade.chain(direction)
        color = palette.LONG if direction == "down" else palette.SHORT
        shown = _drawn(chain, low, high)
        _paint_stop(axes, chain, low, high, color)
        here = start
        for number, domino in enumerate(shown, start=1):
            at = float(np.log(domino.trigger_price))
            _arrow(axes, here, at, color, domino.p_reach.value)
            axes.axhspan(
                float(np.log(domino.low)),
                float(np.log(domino.high)),
                xmax=_CARDS - 0.03,
                color=color,
                alpha=0.14,
                linewidth=0,
                zorder=1,
            )
            cards.append(_card(cascade, domino, number, at, color))
            here = at
    _paint_push(axes, cascade, start)
    _paint_cards(axes, cards, low, room)
    axes.text(
        0.015,
        1.012,
        "domino by domino: estimated, if it starts",
        transform=axes.transAxes,
        color=palette.TEXT,
        fontsize=10,
        fontweight="bold",
        va="bottom",
    )
    axes.text(
        0.985,
        1.012,
        f"reached within {cascade.horizon_ms / HOUR_MS:g} h: {LABEL}",
        transform=axes.transAxes,
        color=palette.WARNING,
        fontsize=9,
        ha="right",
        va="bottom",
    )


def _arrow(axes: Axes, here: float, there: float, color: str, share: float) -> None:
    """Draw one step of the chain; the likelier, the stronger."""
    bend = 0.22 if there < here else -0.22
    axes.add_patch(
        FancyArrowPatch(
            (_LANE, here),
            (_LANE, there),
            connectionstyle=f"arc3,rad={bend}",
            arrowstyle="-|>",
            mutation_scale=17,
            linewidth=1.2 + 2.8 * share,
            color=color,
            alpha=0.45 + 0.55 * share,
            shrinkA=4,
            shrinkB=1,
            zorder=8,
        )
    )


def _paint_push(axes: Axes, cascade: Cascade, start: float) -> None:
    """Draw what a shock or an order does at once: dashed by itself, solid with what it forces."""
    shown = words.directions(cascade)
    if len(shown) > 1:
        return
    found = settle(cascade.chain(shown[0]).stage, cascade.start)
    if found is None:
        return
    alone, whole = float(np.log(found.unforced_price)), float(np.log(found.price))
    for here, there, style_, label in (
        (start, alone, (0, (3, 2)), "by itself"),
        (alone, whole, "solid", "forced"),
    ):
        axes.annotate(
            "",
            xy=(_PUSH, there),
            xytext=(_PUSH, here),
            arrowprops={
                "arrowstyle": "-|>",
                "color": palette.MARK,
                "linestyle": style_,
                "linewidth": 1.6,
                "shrinkA": 0,
                "shrinkB": 0,
            },
            zorder=9,
        )
        low, high = axes.get_ylim()
        if abs(there - here) > 0.03 * (high - low):
            axes.text(
                _PUSH - 0.008,
                (here + there) / 2,
                label,
                color=palette.MARK,
                fontsize=8,
                rotation=90,
                ha="right",
                va="center",
                zorder=9,
            )


def _card(cascade: Cascade, domino: Domino, number: int, at: float, color: str) -> _Card:
    tick = cascade.maps[0].market.instrument.tick_size
    away = format_pct(domino.trigger_price / cascade.mark - 1)
    stops = words.stops_at(domino)
    rests = "nothing modelled absorbs it" if stops == "open" else f"carries price to {stops}"
    return _Card(
        at=at,
        title=(
            f"{number}   {format_price(domino.trigger_price, tick)}  ({away})   "
            f"{format_usd(domino.notional_usd)} of {domino.side}s, "
            f"{format_usd(domino.notional_usd_low)}–{format_usd(domino.notional_usd_high)}"
        ),
        line=(
            f"{rests}  ·  reached by {words.share_words(domino.p_reach)}, volatility alone "
            f"{words.share_words(domino.p_reach_volatility_only)}"
        ),
        color=color,
        weight=domino.p_reach.value,
    )


def _paint_cards(axes: Axes, cards: list[_Card], low: float, room: float) -> None:
    """Write the cards beside their triggers, moved apart where they would overlap."""
    ordered = sorted(cards, key=lambda card: card.at)
    wanted = np.array([(card.at - low) / room for card in ordered])
    for card, place in zip(ordered, _apart(wanted, _CARD_HEIGHT), strict=True):
        y = low + room * place
        axes.plot(
            [_LANE + 0.012, _CARDS - 0.035, _CARDS - 0.008],
            [card.at, card.at, y],
            color=card.color,
            linewidth=0.9,
            alpha=0.7,
            zorder=4,
        )
        box = {
            "boxstyle": "round,pad=0.35",
            "facecolor": palette.BACKGROUND,
            "edgecolor": card.color,
            "linewidth": 1.0,
            "alpha": 0.94,
        }
        axes.text(
            _CARDS,
            y,
            f"{card.title}\n{card.line}",
            color=palette.TEXT,
            fontsize=9.2,
            linespacing=1.5,
            va="center",
            bbox=box,
            zorder=8,
        )


def _apart(wanted: F8, least: float) -> F8:
    """Return places at least so far from each other, as near to those wanted as may be.

    Pools neighbours that collide around their common middle; ends stay inside 0 to 1.
    """
    groups: list[list[float]] = []
    for place in wanted.tolist():
        groups.append([place])
        while len(groups) > 1:
            upper, lower = groups[-1], groups[-2]
            if _bottom(upper, least) >= _top(lower, least):
                break
            groups[-2:] = [lower + upper]
    placed: list[float] = []
    for group in groups:
        half = least * len(group) / 2
        middle = min(max(float(np.mean(group)), half), max(1 - half, half))
        placed += [middle - half + least * (k + 0.5) for k in range(len(group))]
    return np.asarray(placed)


def _bottom(group: list[float], least: float) -> float:
    return float(np.mean(group)) - least * len(group) / 2


def _top(group: list[float], least: float) -> float:
    return float(np.mean(group)) + least * len(group) / 2


def _paint_stop(axes: Axes, chain: Chain, low: float, high: float, color: str) -> None:
    """Draw where scenarios end that hit the first domino: 10–90 % as a bar, the middle a tick."""
    stop = chain.stop()
    if stop is None:
        return
    place = 0.030
    ends = np.log([stop.furthest.low, stop.furthest.high])
    inside = np.clip(ends, low, high)
    axes.plot(
        [place, place],
        inside,
        color=color,
        linewidth=7,
        alpha=0.38,
        solid_capstyle="butt",
        zorder=5,
    )
    if (inside != ends).any():
        edge = low if ends[0] < low else high
        axes.plot(
            [place],
            [edge],
            marker="v" if edge == low else "^",
            markersize=9,
            color=color,
            clip_on=False,
            zorder=9,
        )
    middle = float(np.log(stop.furthest.middle))
    if low < middle < high:
        axes.plot([place - 0.014, place + 0.014], [middle, middle], color=color, linewidth=2.6)


def _drawn(chain: Chain, low: float, high: float) -> list[Domino]:
    """Return the dominoes that stand within the price axis, nearest first."""
    near = chain.dominoes[:_MOST_DOMINOES]
    return [domino for domino in near if low < float(np.log(domino.trigger_price)) < high]


def _stop_words(cascade: Cascade, chain: Chain, drawn: int) -> str:
    """Return where it stops and what is not drawn, for under the panel."""
    stop = chain.stop()
    if not chain.dominoes:
        said = "no cluster stands out"
    elif drawn < len(chain.dominoes):
        tick = cascade.maps[0].market.instrument.tick_size
        beyond = format_price(chain.dominoes[drawn].trigger_price, tick)
        said = f"{len(chain.dominoes) - drawn} more from {beyond}"
    else:
        said = ""
    if stop is None:
        where = "no scenario hits the first domino"
    else:
        low, middle, high = (words.edge_price(cascade, chain, price) for price in stop.furthest)
        where = f"stops {'' if middle[0].isalpha() else 'at '}{middle} (10–90 %: {low} to {high})"
        if low == high:
            where = f"outruns all depth that is modelled, {middle}"
        if stop.n < chain.simulation.size:
            share = words.percent(stop.n / chain.simulation.size)
            where += f", once the first is hit ({share})"
    return f"{chain.direction}: {where}{'; ' if said else ''}{said}"


def _bound_words(chain: Chain) -> str:
    """Return how much the record took away, short enough to stand in a line."""
    bound = chain.simulation.bound
    if bound is None or bound.kept == 1:
        return ""
    return (
        f"  ·  record's bound: {words.percent(1 - bound.kept)} of draws taken away, "
        f"{words.percent(bound.before)} beyond its furthest before"
    )


def _write_words(figure: Figure, cascade: Cascade, low: float, high: float) -> None:
    lead = cascade.maps[0]
    instrument = lead.market.instrument
    venues = " + ".join(mapped.market.instrument.venue for mapped in cascade.maps)
    known = datetime.fromtimestamp(lead.known_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
    age = format_age(lead.market.at_ms - lead.known_ms)
    figure.text(
        0.060,
        0.962,
        f"{instrument.symbol}  ·  {venues}  ·  which domino falls next, an estimate",
        color=palette.TEXT,
        fontsize=15,
        fontweight="bold",
        va="center",
    )
    figure.text(
        0.060,
        0.926,
        f"known to {known} ({age} old)  ·  mark "
        f"{format_price(lead.mark, instrument.tick_size)}  ·  open interest "
        f"{format_usd(cascade.down.stage.open_interest_usd)} a side  ·  σ 24 h "
        f"{sigma_words(lead)}  ·  {lead.model_words}",
        color=palette.MUTED,
        fontsize=10,
        va="center",
    )
    begins = f"if {cascade.start.words(cascade.mark)}"
    shown = words.directions(cascade)
    if len(shown) == 1:
        found = settle(cascade.chain(shown[0]).stage, cascade.start)
        if found is not None:
            begins += f"  ·  {words.settlement_words(cascade, found)}"
    figure.text(0.060, 0.893, begins, color=palette.TEXT, fontsize=10.5, va="center")
    warning = words.depth_warning(cascade)
    if warning:
        figure.text(
            0.976,
            0.893,
            f"DEPTH NOT MEASURED  {warning}",
            color=palette.BACKGROUND,
            fontsize=9,
            fontweight="bold",
            ha="right",
            va="center",
            bbox={"boxstyle": "round,pad=0.3", "facecolor": palette.WARNING, "edgecolor": "none"},
        )
    lines = []
    for place, direction in enumerate(shown):
        chain = cascade.chain(direction)
        figure.text(
            0.540,
            0.174 - 0.021 * place,
            _stop_words(cascade, chain, len(_drawn(chain, low, high))),
            color=palette.LONG if direction == "down" else palette.SHORT,
            fontsize=9.2,
            fontweight="bold",
            va="center",
        )
        lines.append(
            f"{direction}: {words.criticality_words(cascade, chain)}  ·  "
            f"{words.structural_words(chain)}{_bound_words(chain)}"
        )
    lines += textwrap.wrap("  ·  ".join(words.cascade_basis(cascade)), 235)[:5]
    lines.append(
        "an estimate of what would follow if, not of where price goes  ·  estimate, not advice"
    )
    for index, line in enumerate(lines):
        strong = index < len(shown)
        figure.text(
            0.060,
            0.118 - 0.0152 * index,
            line,
            color=palette.TEXT if strong else palette.MUTED,
            fontsize=8.6 if strong else 7.6,
            va="center",
        )
