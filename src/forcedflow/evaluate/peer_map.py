r"""Maps of other providers beside ours: whose levels the liquidations of the same hours fell into.

In:  rows of ``peer_maps``, hourly `Snapshot`s of ours, `Located` liquidations. [USD]
Out: snapshots of theirs on our grid, and `Row` values of ``matched_lift`` and ``spatial_bits``.
Pure: values in, values out; randomness is a seed; no I/O, no clock.

.. math:: lift = \rho / \rho_{matched} - 1

of `forcedflow.evaluate.lift`, for each map against random zones like its own: near zones are hit
more, so zones of two maps are never compared with each other. Only hours at which a map of theirs
was held count, for both. Theirs is brought to our total, because sizes are relative within it; the
same rule then finds the zones of both, and both have the same floor. Where no side is named, what
lies below the mark counts for longs, what lies above for shorts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from forcedflow.errors import NoDataError
from forcedflow.evaluate.lift import EVENT, LEAST_DAYS, Hours, Zones, matched_zones, zone_sums
from forcedflow.evaluate.located import Located
from forcedflow.evaluate.map_card import Scope, map_row
from forcedflow.evaluate.map_scores import days_of, interval, resampled_sums
from forcedflow.evaluate.scorecard import DRAWS, LEVEL, SEED, Gain, Row, ratio_gain, two_sided_p
from forcedflow.evaluate.snapshots import OLDEST_MS, Snapshot
from forcedflow.evaluate.spatial import Surprise
from forcedflow.positions import PriceGrid
from forcedflow.units import F8, I8, SIDES, F8x2

_SERIES = ("venue", "symbol", "provider", "model")
_UNKNOWN = len(SIDES)
_POINT = 1e-12


@dataclass(frozen=True, slots=True)
class PeerMaps:
    """Maps of one provider of one market, ``n`` of them with ``m`` levels in all.

    Parameters
    ----------
    name : str
        Provider, model and, of a sum over venues, which.
    known_ms : ndarray of int, shape (n,)
        When each was known, increasing. [UTC ms]
    first : ndarray of int, shape (n + 1,)
        First level of each map; the last entry is ``m``.
    side : ndarray of int, shape (m,)
        0 long, 1 short, 2 not named.
    low, high : ndarray, shape (m,)
        Borders. [log quote]
    size : ndarray, shape (m,)
        The provider's own.
    """

    name: str
    known_ms: I8
    first: I8
    side: I8
    low: F8
    high: F8
    size: F8

    def at(self, hour_ms: int) -> slice | None:
        """Return the levels of the newest map known at a moment; None beyond `OLDEST_MS`."""
        i = int(np.searchsorted(self.known_ms, hour_ms, side="right")) - 1
        if i < 0 or hour_ms - int(self.known_ms[i]) > OLDEST_MS:
            return None
        return slice(int(self.first[i]), int(self.first[i + 1]))


def peer_maps(rows: pl.DataFrame, venue: str) -> list[PeerMaps]:
    """Return every provider's maps among rows of ``peer_maps``, in order of their names.

    Parameters
    ----------
    rows : polars.DataFrame
    venue : str
        Venue of the market; maps of other sums carry theirs in their name.
    """
    found = []
    for (of_venue, _, provider, model), part in rows.group_by(*_SERIES):
        # Of maps that became known together the newest stands.
        newest = pl.col("event_time") == pl.col("event_time").max().over("available_time")
        held = part.filter(newest).sort("available_time", "price_low", "price_high", "side")
        known = held["available_time"].dt.epoch("ms").to_numpy()
        known_ms, first = np.unique(known, return_index=True)
        sides = [*SIDES, "unknown"]
        found.append(
            PeerMaps(
                f"{provider} {model}" + ("" if of_venue == venue else f" ({of_venue})"),
                known_ms,
                np.append(first, known.size),
                np.array([sides.index(side) for side in held["side"]], dtype=np.int64),
                np.log(held["price_low"].to_numpy()),
                np.log(held["price_high"].to_numpy()),
                held["size"].to_numpy(),
            )
        )
    return sorted(found, key=lambda peer: peer.name)


def beside(snapshots: Sequence[Snapshot], peer: PeerMaps) -> tuple[list[Snapshot], list[Snapshot]]:
    """Return the hours of ours at which a map of theirs was held, and theirs in the place of ours.

    Parameters
    ----------
    snapshots : sequence of Snapshot
    peer : PeerMaps

    Returns
    -------
    ours, theirs : list of Snapshot
        Of the same hours. A map with nothing on our grid stays, and says nothing there.
    """
    ours, theirs = [], []
    for snapshot in snapshots:
        levels = peer.at(snapshot.hour_ms)
        if levels is None:
            continue
        held = _on_grid(peer, levels, snapshot.grid, snapshot.price)
        total = float(held.sum())
        usd = held * (float(snapshot.usd.sum()) / total) if total > 0 else held
        ours.append(snapshot)
        theirs.append(replace(snapshot, usd=usd, expected=usd))
    return ours, theirs


def _on_grid(peer: PeerMaps, levels: slice, grid: PriceGrid, mark: float) -> F8x2:
    """Sizes by side and bin, evenly in log price between a level's borders, shape (2, p)."""
    edges = np.log(grid.edges)[:, None]
    low, high = peer.low[levels], peer.high[levels]
    below = np.clip((edges - low) / np.maximum(high - low, _POINT), 0.0, 1.0)
    shares = np.diff(below, axis=0) * peer.size[levels]
    by_side = [shares[:, peer.side[levels] == s].sum(axis=1) for s in range(_UNKNOWN + 1)]
    is_below = grid.prices < mark
    return np.stack(
        [
            by_side[0] + np.where(is_below, by_side[_UNKNOWN], 0.0),
            by_side[1] + np.where(is_below, 0.0, by_side[_UNKNOWN]),
        ]
    )


def peer_lift_rows(
    ours: tuple[Hours, Zones],
    theirs: tuple[Hours, Zones],
    located: Located,
    scope: Scope,
    name: str,
    seed: int = SEED,
) -> Iterator[Row]:
    """Yield the lift of each map over its own matches, ours beside theirs, per side and pooled.

    Parameters
    ----------
    ours, theirs : (Hours, Zones)
        Largest zones of the same hours.
    located : Located
    scope : Scope
    name : str
        Of the peer.
    seed : int

    Raises
    ------
    NoDataError
        If fewer than `LEAST_DAYS` days were followed, or either map has no zone with a match.
    """
    tables = []
    for whose, (hours, zones) in ((scope.venue, ours), (name, theirs)):
        kept, matches = matched_zones(hours, zones, seed) if zones.at.size else (zones, zones)
        if not kept.at.size:
            raise NoDataError(f"matched_lift beside {name}: {whose} has no zone with a match")
        tables += [*zone_sums(hours, kept, located), *zone_sums(hours, matches, located)]
    n_days = np.unique(located.day[tables[1].any(axis=1)]).size
    if n_days < LEAST_DAYS:
        raise NoDataError(
            f"matched_lift beside {name}: {n_days} days with liquidations and both maps, "
            f"{LEAST_DAYS} are needed"
        )
    for side, columns in (*((side, [s]) for s, side in enumerate(SIDES)), ("pooled", [0, 1])):
        table = np.stack([part[:, columns].sum(axis=1) for part in tables], axis=1)
        # Without liquidations inside the matches of both there is nothing to divide by.
        if not (table[:, [2, 6]].any(axis=0)).all():
            continue
        followed = (table[:, 1] > 0) & (table[:, 5] > 0)
        yield map_row(
            scope,
            side,
            "1d",
            "matched_lift",
            name,
            _lift_gain(table, located.day),
            n=int(followed.sum()),
            n_days=int(np.unique(located.day[followed]).size),
            event=EVENT,
        )


def _lift_gain(table: F8x2, day: I8) -> Gain:
    def lifts(sums: F8x2) -> tuple[F8, F8]:
        with np.errstate(divide="ignore", invalid="ignore"):
            mine, other = (
                (sums[:, k] / sums[:, k + 1]) / (sums[:, k + 2] / sums[:, k + 3]) - 1
                for k in (0, 4)
            )
        return mine, other

    mine, other = lifts(table.sum(axis=0, keepdims=True))
    drawn_mine, drawn_other = lifts(resampled_sums(table, day, seed=SEED, draws=DRAWS))
    gains = drawn_mine - drawn_other
    low, high = interval(gains, LEVEL)
    value, baseline = float(mine[0]), float(other[0])
    return Gain(value, baseline, value - baseline, low, high, two_sided_p(gains))


def peer_spatial_rows(ours: Surprise, theirs: Surprise, scope: Scope, name: str) -> Iterator[Row]:
    """Yield bits per dollar of where in a swept range liquidations fell, ours beside theirs.

    Parameters
    ----------
    ours, theirs : Surprise
        Of the same hours; theirs without any background.
    scope : Scope
    name : str
        Of the peer.

    Raises
    ------
    NoDataError
        If no print fell inside a swept range.
    ValueError
        If they are not of the same ranges.
    """
    if not (np.array_equal(ours.end_ms, theirs.end_ms) and np.array_equal(ours.side, theirs.side)):
        raise ValueError("both maps are scored on the same swept ranges")
    if not ours.usd.size:
        raise NoDataError(f"spatial_bits beside {name}: no print fell in a newly swept minute")
    day = days_of(ours.end_ms)
    for side, columns in (*((side, [s]) for s, side in enumerate(SIDES)), ("pooled", [0, 1])):
        own = np.isin(ours.side, columns)
        if own.any():
            gain = ratio_gain(
                ours.bits[own, 0], theirs.bits[own, 0], ours.usd[own], day[own], rising=False
            )
            yield map_row(
                scope,
                side,
                "1h",
                "spatial_bits",
                name,
                gain,
                n=int(own.sum()),
                n_days=int(np.unique(day[own]).size),
            )
