r"""Lift: whether liquidations fall into the largest zones more than into zones like them.

In:  hourly `Snapshot`s of the map, and `Located` liquidations. [USD]
Out: `Zones` of ours and of their random matches, and `Row` values of the metric ``lift``.
Pure: values in, values out; randomness is a seed; no I/O, no clock.

.. math:: \rho = \frac{\sum_z s_z}{\sum_z w_z} , \qquad lift = \rho / \rho_{matched} - 1

with :math:`s_z` the share of the coming day's liquidations of its side that fell while the mark
swept inside zone :math:`z`, and :math:`w_z` its width in percent of price. Every zone counts alike:
weighed by dollars, the zones of stormy days would no longer be as far away as their matches.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from forcedflow.errors import NoDataError
from forcedflow.evaluate.located import Located
from forcedflow.evaluate.map_card import Scope, map_row
from forcedflow.evaluate.map_scores import interval, resampled_sums
from forcedflow.evaluate.scorecard import DRAWS, LEVEL, SEED, Gain, Row, two_sided_p
from forcedflow.evaluate.snapshots import Snapshot
from forcedflow.evaluate.standing import side_profiles
from forcedflow.units import DAY_MS, F8, I8, SIDES, F8x2
from forcedflow.zones import find_zones

TOP = 3
"""Zones looked at on each side, the largest by notional."""

FOLLOWED_MS = DAY_MS
"""How long liquidations count after a snapshot. [ms]"""

MATCHES = 20
"""Random zones drawn for each of ours."""

APART_MS = DAY_MS
"""Least time between a zone's hour and its matches', so that they share no liquidations. [ms]"""

TERCILES = 3

LEAST_DAYS = 30
"""Days followed below which nothing is stated. Zones stand for days and the price meets few: days
drawn again cannot know the touches that a short span did not see."""

EVENT = f"the {TOP} largest zones a side at each hour, followed for a day"


@dataclass(frozen=True, slots=True)
class Hours:
    """Moments at which zones can stand, ``n`` of them.

    Parameters
    ----------
    hour_ms : ndarray of int, shape (n,)
        [UTC ms]
    price : ndarray, shape (n,)
        Mark price then. [quote per base]
    sigma_day : ndarray, shape (n,)
        Standard deviation of the log return over 24 h. [1]
    """

    hour_ms: I8
    price: F8
    sigma_day: F8


@dataclass(frozen=True, slots=True)
class Zones:
    """Zones ahead of the mark, ``m`` of them, by their place in σ.

    Parameters
    ----------
    at : ndarray of int, shape (m,)
        Index of the hour at which each stands.
    side : ndarray of int, shape (m,)
        0 for longs, below the mark; 1 for shorts, above.
    distance, width : ndarray, shape (m,)
        From the mark to the nearer border, and from there to the other, in log price.
        [σ of a day]
    """

    at: I8
    side: I8
    distance: F8
    width: F8


def top_zones(snapshots: Sequence[Snapshot]) -> tuple[Hours, Zones]:
    """Return the hours of some snapshots and the largest zones still ahead of the mark at each.

    A zone that the mark has entered by the time the snapshot was known is no claim any more.
    Snapshots without a volatility are left out.
    """
    usable = [snapshot for snapshot in snapshots if snapshot.sigma_day > 0]
    found: list[tuple[int, int, float, float]] = []
    for i, snapshot in enumerate(usable):
        profiles = side_profiles(snapshot.usd, snapshot.grid, snapshot.open_interest)
        zones = find_zones(profiles, snapshot.seen_price, snapshot.sigma_day, snapshot.hour_ms)
        for s, side in enumerate(SIDES):
            ahead = []
            for zone in zones:
                near, far = (zone.high, zone.low) if s == 0 else (zone.low, zone.high)
                away = abs(np.log(near / snapshot.price))
                beyond = near < snapshot.price if s == 0 else near > snapshot.price
                if zone.side == side and beyond:
                    wide = abs(np.log(far / near))
                    ahead.append((zone.notional_usd, away, wide))
            largest = sorted(ahead, reverse=True)[:TOP]
            sigma = snapshot.sigma_day
            found += [(i, s, away / sigma, wide / sigma) for _, away, wide in largest]
    table = np.array(found, dtype=np.float64).reshape(-1, 4)
    return (
        Hours(
            np.array([snapshot.hour_ms for snapshot in usable], dtype=np.int64),
            np.array([snapshot.price for snapshot in usable]),
            np.array([snapshot.sigma_day for snapshot in usable]),
        ),
        Zones(table[:, 0].astype(np.int64), table[:, 1].astype(np.int64), table[:, 2], table[:, 3]),
    )


def joined_zones(parts: Sequence[tuple[Hours, Zones]]) -> tuple[Hours, Zones]:
    """Return the hours and zones of consecutive spans as one."""
    starts = np.cumsum([0, *(hours.hour_ms.size for hours, _ in parts)])[:-1]
    return (
        Hours(
            np.concatenate([hours.hour_ms for hours, _ in parts]),
            np.concatenate([hours.price for hours, _ in parts]),
            np.concatenate([hours.sigma_day for hours, _ in parts]),
        ),
        Zones(
            np.concatenate([z.at + start for start, (_, z) in zip(starts, parts, strict=True)]),
            np.concatenate([z.side for _, z in parts]),
            np.concatenate([z.distance for _, z in parts]),
            np.concatenate([z.width for _, z in parts]),
        ),
    )


def matched_zones(hours: Hours, zones: Zones, seed: int = SEED) -> tuple[Zones, Zones]:
    """Return the zones that have matches, and `MATCHES` random zones like each of them.

    Parameters
    ----------
    hours : Hours
    zones : Zones
    seed : int

    Returns
    -------
    kept : Zones
        Ours for which an hour of like volatility lies at least `APART_MS` away.
    matches : Zones
        Of the same side, as far and as wide in σ, at such hours.
    """
    edges = np.quantile(hours.sigma_day, np.linspace(0, 1, TERCILES + 1)[1:-1])
    tercile = np.searchsorted(edges, hours.sigma_day, side="right")
    rng = np.random.default_rng(seed)
    at = np.full((zones.at.size, MATCHES), -1, dtype=np.int64)
    for i in np.unique(zones.at):
        apart = np.abs(hours.hour_ms - hours.hour_ms[i]) >= APART_MS
        pool = np.flatnonzero(apart & (tercile == tercile[i]))
        own = np.flatnonzero(zones.at == i)
        if pool.size:
            at[own] = rng.choice(pool, (own.size, MATCHES))
    kept = at[:, 0] >= 0
    ours = Zones(zones.at[kept], zones.side[kept], zones.distance[kept], zones.width[kept])
    matches = Zones(
        at[kept].ravel(),
        np.repeat(ours.side, MATCHES),
        np.repeat(ours.distance, MATCHES),
        np.repeat(ours.width, MATCHES),
    )
    return ours, matches


def zone_sums(hours: Hours, zones: Zones, located: Located) -> tuple[F8x2, F8x2]:
    """Return what fell inside zones, and what they would have to hold of it by their width.

    Parameters
    ----------
    hours : Hours
    zones : Zones
    located : Located
        ``n`` intervals.

    Returns
    -------
    inside : ndarray, shape (n, 2)
        What each interval adds to the zones' shares of their day's liquidations. [1]
    exposed : ndarray, shape (n, 2)
        Width of the zones then followed, each divided over its day as the day's liquidations
        fell. [percent of price]
    """
    inside, exposed = np.zeros(located.usd.shape), np.zeros(located.usd.shape)
    order = np.lexsort((zones.side, zones.at))
    key = zones.at[order] * len(SIDES) + zones.side[order]
    keys, first = np.unique(key, return_index=True)
    for both, own in zip(keys.tolist(), np.split(order, first[1:]), strict=True):
        i, side = divmod(both, len(SIDES))
        rows = located.between(int(hours.hour_ms[i]), int(hours.hour_ms[i]) + FOLLOWED_MS)
        some = rows.start + np.flatnonzero(located.usd[rows, side])
        if not some.size:
            continue
        part = located.usd[some, side] / located.usd[some, side].sum()
        sign = -1.0 if side == 0 else 1.0
        near = sign * zones.distance[own] * hours.sigma_day[i]
        far = near + sign * zones.width[own] * hours.sigma_day[i]
        mark = np.log(hours.price[i])
        share = np.abs(
            located.below(some, side, mark + far) - located.below(some, side, mark + near)
        )
        inside[some, side] += part * share.sum(axis=0)
        exposed[some, side] += part * 100.0 * np.abs(np.exp(far) - np.exp(near)).sum()
    return inside, exposed


def lift_rows(
    hours: Hours, zones: Zones, located: Located, scope: Scope, seed: int = SEED
) -> Iterator[Row]:
    """Yield the lift of the largest zones over their matches, per side and pooled.

    The figures are shares of a day's liquidations per percent of price; the gain is their ratio
    less one. Days are those of the liquidations, drawn for both alike.

    Raises
    ------
    NoDataError
        If no zone has a match, fewer than `LEAST_DAYS` days were followed, or nothing was
        liquidated inside any matching zone.
    """
    ours, matches = matched_zones(hours, zones, seed)
    if not ours.at.size:
        raise NoDataError("lift: no zone has an hour of like volatility a day away")
    sums = (*zone_sums(hours, ours, located), *zone_sums(hours, matches, located))
    n_days = np.unique(located.day[sums[1].any(axis=1)]).size
    if n_days < LEAST_DAYS:
        raise NoDataError(f"lift: {n_days} days with liquidations, {LEAST_DAYS} are needed")
    if not sums[2].any():
        raise NoDataError("lift: nothing was liquidated inside zones like ours")
    for side, columns in (*((side, [s]) for s, side in enumerate(SIDES)), ("pooled", [0, 1])):
        table = np.stack([part[:, columns].sum(axis=1) for part in sums], axis=1)
        if not table[:, 2].any():
            continue
        followed = table[:, 1] > 0
        yield map_row(
            scope,
            side,
            "1d",
            "lift",
            "matched",
            _lift(table, located.day),
            n=int(np.isin(ours.side, columns).sum()),
            n_days=int(np.unique(located.day[followed]).size),
            event=EVENT,
        )


def _lift(table: F8x2, day: I8) -> Gain:
    """Lift of columns inside, exposed, and the same of the matches."""
    inside, exposed, theirs, their_exposed = table.sum(axis=0)
    drawn = resampled_sums(table, day, seed=SEED, draws=DRAWS)
    with np.errstate(divide="ignore", invalid="ignore"):
        gains = (drawn[:, 0] / drawn[:, 1]) / (drawn[:, 2] / drawn[:, 3]) - 1
    low, high = interval(gains, LEVEL)
    value, baseline = inside / exposed, theirs / their_exposed
    return Gain(
        float(value), float(baseline), float(value / baseline - 1), low, high, two_sided_p(gains)
    )
