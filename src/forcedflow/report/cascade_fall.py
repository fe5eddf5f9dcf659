"""The right panel of a cascade's picture: the dominoes that would fall in turn, and where it stops.

In:  axes, a `Cascade`, the price axis's ends in log price.   Out: arrows, cards, stops on the axes.
Draws on the axes it is given; nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from matplotlib.patches import FancyArrowPatch

from forcedflow.cascade.cascade import Cascade
from forcedflow.cascade.chain import Chain, Domino
from forcedflow.cascade.montecarlo import LABEL
from forcedflow.cascade.settlement import settle
from forcedflow.report import cascade_terminal as words
from forcedflow.report import palette
from forcedflow.units import F8, HOUR_MS, format_pct, format_price, format_usd

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_DOMINOES = 5
"""Dominoes drawn each way."""

# Where dominoes fall, and where their cards begin, as fractions of the right panel.
_LANE, _PUSH, _CARDS = 0.085, 0.165, 0.215
_CARD_HEIGHT = 0.098


class _Card(NamedTuple):
    # A domino's number, log price of its trigger, its words and its colour.
    at: float
    title: str
    line: str
    color: str
    weight: float


def paint_fall(axes: Axes, cascade: Cascade, low: float, high: float) -> None:
    """Draw the lane down which dominoes fall, their cards, and where it stops."""
    start = float(np.log(cascade.down.stage.mark))
    axes.plot([_LANE], [start], marker="o", markersize=8, color=palette.MARK, zorder=9)
    room = high - low
    cards: list[_Card] = []
    for direction in words.directions(cascade):
        chain = cascade.chain(direction)
        color = palette.LONG if direction == "down" else palette.SHORT
        shown = drawn_dominoes(chain, low, high)
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


def drawn_dominoes(chain: Chain, low: float, high: float) -> list[Domino]:
    """Return the dominoes that stand within the price axis, nearest first."""
    near = chain.dominoes[:MOST_DOMINOES]
    return [domino for domino in near if low < float(np.log(domino.trigger_price)) < high]
