"""``forcedflow scorecard map``: where liquidations fell, beside zones like ours and maps of others.

In:  trials of the map and what they rest on.
Out: rows of the metrics ``lift``, ``spatial_bits`` and, beside other maps, ``matched_lift``.
Heavy imports live inside the functions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from forcedflow.errors import NoDataError
from forcedflow.units import DAY_MS, HOUR_MS

if TYPE_CHECKING:
    import polars as pl

    from forcedflow.evaluate.lift import Hours, Zones
    from forcedflow.evaluate.located import Located
    from forcedflow.evaluate.map_card import Scope
    from forcedflow.evaluate.map_trial import Trial
    from forcedflow.evaluate.peer_map import PeerMaps
    from forcedflow.evaluate.scorecard import Row
    from forcedflow.evaluate.snapshots import Snapshot
    from forcedflow.evaluate.spatial import Surprise
    from forcedflow.liquidation_map import Market
    from forcedflow.positions import Atoms, Bars, Flows
    from forcedflow.store import Lake


@dataclass(frozen=True, slots=True)
class Seen:
    """What the trials of one market rest on.

    Parameters
    ----------
    market : Market
    path_klines, liquidations, peer_maps : polars.DataFrame
    bars : Bars
        With extremes that are true over whole intervals of ``length_ms``.
    flows : Flows
    atoms : Atoms
    width : float
        Lattice bin width in log price. [1]
    length_ms : int
        [ms]
    """

    market: Market
    path_klines: pl.DataFrame
    liquidations: pl.DataFrame
    peer_maps: pl.DataFrame
    bars: Bars
    flows: Flows
    atoms: Atoms
    width: float
    length_ms: int


def score_where(
    held: Lake,
    seen: Seen,
    trials: Sequence[tuple[Trial, int, int]],
    scope: Scope,
    data: dict[str, Any],
) -> list[Row]:
    """Return rows on where liquidations fell; why a row is missing goes into ``data``.

    Parameters
    ----------
    held : Lake
    seen : Seen
    trials : sequence of (Trial, int, int)
        Each with the span it is scored on. [UTC ms]
    scope : Scope
    data : dict
    """
    from forcedflow.evaluate.lift import FOLLOWED_MS, joined_zones, lift_rows, top_zones
    from forcedflow.evaluate.located import locate_totals
    from forcedflow.evaluate.peer_map import peer_maps
    from forcedflow.evaluate.snapshots import hourly_snapshots
    from forcedflow.evaluate.spatial import hourly_surprise, joined_surprise, spatial_rows
    from forcedflow.evaluate.standing import known_times

    bars, last_ms = _hourly(seen), trials[-1][2]
    known_ms = known_times(seen.market.open_interest, bars.end_ms)
    prints = _prints(held, seen, trials[0][1], last_ms)
    zones, surprises = [], []
    rows: list[Row] = []
    contests = [_Contest(peer) for peer in peer_maps(seen.peer_maps, seen.market.instrument.venue)]
    for trial, from_ms, to_ms in trials:
        snapshots = list(
            hourly_snapshots(
                bars, seen.flows, seen.atoms, seen.width, trial.mixture, known_ms, from_ms, to_ms
            )
        )
        whole = [one for one in snapshots if one.hour_ms + FOLLOWED_MS <= last_ms]
        zones.append(top_zones(whole))
        if prints is not None:
            weights = trial.mixture.background, trial.path_only.weights
            surprises.append(hourly_surprise(snapshots, prints, bars, *weights))
        for contest in contests:
            contest.add(trial, snapshots, last_ms - FOLLOWED_MS, prints, bars)
    try:
        located = prints if prints is not None else locate_totals(seen.liquidations, bars)
    except NoDataError as error:
        _record_missing(data, scope.symbol, error)
        return rows
    try:
        rows += list(lift_rows(*joined_zones(zones), located, scope))
    except NoDataError as error:
        _record_missing(data, scope.symbol, error)
    if surprises:
        try:
            rows += list(spatial_rows(joined_surprise(surprises), scope))
        except NoDataError as error:
            _record_missing(data, scope.symbol, error)
    for contest in contests:
        rows += contest.rows(located, scope, data)
    return rows


@dataclass(slots=True)
class _Contest:
    """Ours and the maps of one provider on the same hours, fold by fold."""

    peer: PeerMaps
    ours: list[tuple[Hours, Zones]] = field(default_factory=list)
    theirs: list[tuple[Hours, Zones]] = field(default_factory=list)
    surprises: list[tuple[Surprise, Surprise]] = field(default_factory=list)

    def add(
        self,
        trial: Trial,
        snapshots: Sequence[Snapshot],
        whole_by_ms: int,
        prints: Located | None,
        bars: Bars,
    ) -> None:
        """Take one fold; zones count at hours that could be followed to the end."""
        import numpy as np

        from forcedflow.evaluate.lift import top_zones
        from forcedflow.evaluate.peer_map import beside
        from forcedflow.evaluate.spatial import hourly_surprise

        ours, theirs = beside(snapshots, self.peer)
        self.ours.append(top_zones([one for one in ours if one.hour_ms <= whole_by_ms]))
        self.theirs.append(top_zones([one for one in theirs if one.hour_ms <= whole_by_ms]))
        if prints is not None:
            alone, path_only = np.zeros_like(trial.path_only.weights), trial.path_only.weights
            self.surprises.append(
                (
                    hourly_surprise(ours, prints, bars, trial.mixture.background, path_only),
                    hourly_surprise(theirs, prints, bars, alone, path_only),
                )
            )

    def rows(self, located: Located, scope: Scope, data: dict[str, Any]) -> list[Row]:
        """Return the rows of the contest; why one is missing goes into ``data``."""
        from forcedflow.evaluate.lift import joined_zones
        from forcedflow.evaluate.peer_map import peer_lift_rows, peer_spatial_rows
        from forcedflow.evaluate.spatial import joined_surprise

        found: list[Row] = []
        zones = joined_zones(self.ours), joined_zones(self.theirs)
        try:
            found += peer_lift_rows(*zones, located, scope, self.peer.name)
        except NoDataError as error:
            _record_missing(data, scope.symbol, error)
        if self.surprises:
            ours, theirs = (joined_surprise(parts) for parts in zip(*self.surprises, strict=True))
            try:
                found += peer_spatial_rows(ours, theirs, scope, self.peer.name)
            except NoDataError as error:
                _record_missing(data, scope.symbol, error)
        return found


def _hourly(seen: Seen) -> Bars:
    """Return the bars with extremes that are true over whole hours."""
    from forcedflow.evaluate.path_only import market_bars

    if seen.length_ms == HOUR_MS:
        return seen.bars
    path = market_bars(seen.market.open_interest, seen.path_klines, HOUR_MS)
    return replace(seen.bars, low=path.low, high=path.high)


def _prints(held: Lake, seen: Seen, from_ms: int, to_ms: int) -> Located | None:
    """Return the venue's prints where they cover as many days of the span as the totals do."""
    import polars as pl

    from forcedflow.evaluate.located import locate_prints

    instrument = seen.market.instrument
    prints = held.read(
        "liquidations",
        venue=instrument.venue,
        symbol=instrument.symbol,
        start_ms=from_ms,
        available_by_ms=to_ms,
    )
    event = pl.col("event_time").dt.epoch("ms")
    scored = seen.liquidations.filter(
        (event > from_ms) & (event <= to_ms), pl.col("notional_usd") > 0
    )

    def days(rows: pl.DataFrame) -> int:
        return int(rows.select(((event - 1) // DAY_MS).n_unique()).item())

    if prints.is_empty() or days(prints) < days(scored):
        return None
    mark = seen.path_klines.filter(
        pl.col("price_type") == "mark", pl.col("symbol") == instrument.symbol
    )
    try:
        return locate_prints(prints, mark)
    except NoDataError:
        # Without klines of the mark a print knows no more than its hour, which the totals know too.
        return None


def _record_missing(data: dict[str, Any], symbol: str, error: NoDataError) -> None:
    data["missing"].append({"symbol": symbol, "why": str(error).split("\n")[0]})
