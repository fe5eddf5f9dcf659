r"""What follows a touch: whether the price moves more after it meets a large zone than elsewhere.

In:  zones as they stood and the mark's closes. [quote per base]
Out: `Touches` of zones and of empty mirror images, matched, as `Row` values.
Pure: values in, values out; randomness is a seed; no I/O, no clock.

A touch is the first close at or beyond a level within a day of when it could be known. A price
that touches anything has just moved, and volatility clusters: so every touch of a zone is
compared with touches, on the other side of the price, of levels where nothing stood, that were as
far away in σ, at a like hour of the week, at most one decile of volatility away.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from forcedflow.errors import NoDataError
from forcedflow.evaluate.magnet import Scope, drawn_gain, first_touch, gain_row, one_sided
from forcedflow.evaluate.map_scores import day_counts, days_of
from forcedflow.evaluate.scorecard import DRAWS, SEED, Row
from forcedflow.evaluate.standing import Standing
from forcedflow.units import DAY_MS, F8, HOUR_MS, I8, F8x2

SEEN_MS = DAY_MS
"""How long after a snapshot a touch of what it showed counts. [ms]"""

AFTER_MS = HOUR_MS
"""How long the price is followed after a touch. [ms]"""

LARGE = 0.9
"""Quantile of the zones' share of open interest above which a zone is large."""

CALIPER = 0.25
"""Greatest difference of distance between matched touches. [σ of a day]"""

LEAST_TOUCHES = 30
"""Matched touches below which nothing is stated."""

Part: TypeAlias = Literal["", "any zone"]

EVENTS: dict[Part, str] = {
    "": "first close at or beyond the nearer border of a zone in the top tenth by share of OI",
    "any zone": "first close at or beyond the nearer border of a zone of any size",
}
"""What is compared with the empty levels, by the part of the metric that a row's id names."""

Matches = np.ndarray[tuple[int, int], np.dtype[np.bool_]]
"""Shape ``(touches of zones, touches of empty levels)``."""

_EMPTY = 0.0025
_HOURS_PER_CELL = 6
_DECILES = 10


@dataclass(frozen=True, slots=True)
class Touches:
    """Touches of one kind, ``n`` of them.

    Parameters
    ----------
    end_ms : ndarray of int, shape (n,)
        End of the bar that closed at or beyond the level. [UTC ms]
    distance : ndarray, shape (n,)
        How far the level was when it was seen. [σ of a day]
    cell : ndarray of int, shape (n,)
        Quarter of the day on a weekday or at a weekend, at the touch; only equal ones are compared.
    decile : ndarray of int, shape (n,)
        Decile of volatility known at the touch; only neighbours are compared.
    move : ndarray, shape (n,)
        Log return over the hour after, positive where it goes on beyond the level.
        [σ of an hour]
    """

    end_ms: I8
    distance: F8
    cell: I8
    decile: I8
    move: F8


@dataclass(frozen=True, slots=True)
class TouchesByKind:
    """Touches of one symbol: of large zones, of any zones, of empty mirror images of zones."""

    large: Touches
    any_zone: Touches
    empty: Touches


def find_touches(standing: Standing, close: F8, end_ms: I8) -> TouchesByKind:
    """Return touches of large zones, of all zones, and of the empty mirror images of all.

    Parameters
    ----------
    standing : Standing
    close : ndarray, shape (t,)
        Closes of the bars that ``standing`` counts. [quote per base]
    end_ms : ndarray of int, shape (t,)
        Their times. [UTC ms]

    Returns
    -------
    TouchesByKind
        An hour counts once a side, for the first touch of what the latest snapshot showed.
    """
    least = np.quantile(standing.share, LARGE) if standing.share.size else np.inf
    price = standing.price[standing.snapshot]
    mirror = price**2 / standing.border
    # A zone that the price has met before the snapshot could be known is neither touched nor
    # mirrored: its touch lies in the past.
    ahead = np.where(standing.side == 0, standing.border < price, standing.border > price)
    kinds = (
        (standing.border, ahead & (standing.share >= least)),
        (standing.border, ahead),
        (mirror, ahead & _is_empty(standing, mirror)),
    )
    return TouchesByKind(*(_touches(standing, close, end_ms, *kind) for kind in kinds))


def _is_empty(standing: Standing, level: F8) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Whether no zone of the same snapshot lies at a level or a quarter of a percent around it."""
    empty = np.ones(level.size, dtype=np.bool_)
    starts = np.searchsorted(standing.snapshot, standing.snapshot, side="left")
    stops = np.searchsorted(standing.snapshot, standing.snapshot, side="right")
    for i, (a, b) in enumerate(zip(starts, stops, strict=True)):
        inside = (standing.low[a:b] * (1 - _EMPTY) <= level[i]) & (
            level[i] <= standing.high[a:b] * (1 + _EMPTY)
        )
        empty[i] = not inside.any()
    return empty


def _touches(
    standing: Standing,
    close: F8,
    end_ms: I8,
    level: F8,
    wanted: np.ndarray[tuple[int], np.dtype[np.bool_]],
) -> Touches:
    snapshot, level = standing.snapshot[wanted], level[wanted]
    bar, price = standing.bar[snapshot], standing.price[snapshot]
    at, touched = first_touch(close, end_ms, bar, *one_sided(level, price), SEEN_MS)
    after = np.searchsorted(end_ms, end_ms[at] + AFTER_MS, side="right") - 1
    # What was known of volatility at the touch, from the last snapshot before it.
    known = np.searchsorted(standing.end_ms, end_ms[at], side="right") - 1
    sigma = standing.sigma_day[known] / np.sqrt(DAY_MS / AFTER_MS)
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = np.abs(np.log(level / price)) / standing.sigma_day[snapshot]
    # An hour that the data do not cover to its end is no hour.
    whole = (touched != 0) & (end_ms[at] + AFTER_MS <= end_ms[-1]) & (after > at)
    whole &= (sigma > 0) & np.isfinite(distance)
    order = np.lexsort((at, -snapshot))
    order = order[whole[order]]
    hour = end_ms[at[order]] // HOUR_MS
    _, first = np.unique(np.stack([hour, touched[order]]), axis=1, return_index=True)
    kept = order[first]
    return Touches(
        end_ms=end_ms[at[kept]],
        distance=distance[kept],
        cell=_cell(end_ms[at[kept]]),
        decile=_deciles(standing.sigma_day)[known[kept]],
        move=touched[kept] * np.log(close[after[kept]] / close[at[kept]]) / sigma[kept],
    )


def _cell(end_ms: I8) -> I8:
    # 1 January 1970 was a Thursday: days 2 and 3 of every such week are the weekend.
    weekend = np.isin((end_ms - 1) // DAY_MS % 7, (2, 3)).astype(np.int64)
    quarter = (end_ms - 1) % DAY_MS // (_HOURS_PER_CELL * HOUR_MS)
    cell: I8 = weekend * (24 // _HOURS_PER_CELL) + quarter
    return cell


def _deciles(sigma: F8) -> I8:
    edges = np.nanquantile(sigma, np.linspace(0, 1, _DECILES + 1)[1:-1])
    return np.searchsorted(edges, sigma, side="right")


def touch_rows(parts: Sequence[TouchesByKind], scope: Scope, part: Part) -> Iterator[Row]:
    """Yield how far the price moves in the hour after a touch, and whether it goes on or turns.

    Parameters
    ----------
    parts : sequence of TouchesByKind
        One per symbol; touches are matched within a symbol, days are drawn for all together.
    scope : Scope
    part : {"", "any zone"}
        Which zones: large ones, or all.

    Raises
    ------
    NoDataError
        If fewer than `LEAST_TOUCHES` touches have a match.
    """
    pairs = [(kinds.any_zone if part else kinds.large, kinds.empty) for kinds in parts]
    matches = [_match(*pair) for pair in pairs]
    has_one = [match.any(axis=1) for match in matches]
    n = sum(int(has.sum()) for has in has_one)
    if n < LEAST_TOUCHES:
        raise NoDataError(
            f"{n} touches of {part or 'large zone'}s have a match, {LEAST_TOUCHES} are needed\n"
            "hint: score a longer span with --from and --to"
        )
    end_ms = [zone.end_ms[has] for (zone, _), has in zip(pairs, has_one, strict=True)]
    for direction, size in (("", np.abs), ("direction", np.asarray)):
        moves = [(zone, empty, size(zone.move), size(empty.move)) for zone, empty in pairs]
        sums = _weighted_sums(moves, matches)
        with np.errstate(invalid="ignore"):
            means = sums[:, :2] / sums[:, 2:]
        name = " ".join(word for word in (part, direction) if word)
        yield gain_row(
            scope,
            metric="move_sigma",
            baseline="matched",
            horizon_ms=AFTER_MS,
            end_ms=np.concatenate(end_ms),
            gain=drawn_gain(float(means[0, 0]), float(means[0, 1]), means[1:, 0] - means[1:, 1]),
            event=EVENTS[part],
            suffix=f":{name}" if name else "",
        )


def _match(zone: Touches, empty: Touches) -> Matches:
    """Which empty touches each touch of a zone is compared with."""
    near = np.abs(zone.distance[:, None] - empty.distance[None, :]) <= CALIPER
    calm = np.abs(zone.decile[:, None] - empty.decile[None, :]) <= 1
    match: Matches = near & calm & (zone.cell[:, None] == empty.cell[None, :])
    return match


def _weighted_sums(
    parts: Sequence[tuple[Touches, Touches, F8, F8]], matches: Sequence[Matches]
) -> F8x2:
    """Sum moves after zones, the means of their matches, and weights: once as seen, then per draw.

    A draw takes whole days, of zones and empty levels alike; a touch whose matches all lie on days
    not drawn has nothing to be compared with and weighs nothing.
    """
    days = np.unique(
        days_of(np.concatenate([touch.end_ms for part in parts for touch in part[:2]]))
    )
    counts = np.vstack([np.ones(days.size), day_counts(days.size, seed=SEED, draws=DRAWS)])
    sums = np.zeros((counts.shape[0], 3))
    for (zone, empty, moves, others), match in zip(parts, matches, strict=True):
        weight = counts[:, np.searchsorted(days, days_of(empty.end_ms))]
        for i in np.flatnonzero(match.any(axis=1)):
            beside = weight[:, match[i]]
            total = beside.sum(axis=1)
            own = counts[:, np.searchsorted(days, days_of(zone.end_ms[i : i + 1]))[0]] * (total > 0)
            mean = (beside @ others[match[i]]) / np.where(total > 0, total, 1.0)
            sums += np.stack([own * moves[i], own * mean, own], axis=1)
    return sums
