"""The state of one market while it is followed: ladder, zones, features and readings, bar by bar.

In:  `HeldRows`, an instrument, moments of the feature grid. [UTC ms]   Out: `BarClose`.
Free of files and of the clock.

At every bar close its zones are those of `forcedflow.pipeline.build_map` and its readings those of
`forcedflow.signals.registry.read_signals`, both of everything known by then. A state that was
built at a moment and one that was followed until then are the same to the last byte, so that a
restart loses nothing: `state_hash` says so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from forcedflow.asof.features import read_feature_inputs
from forcedflow.asof.map_features import other_venues
from forcedflow.asof.signals import SIGNAL_DAYS
from forcedflow.errors import NoDataError
from forcedflow.features import map_table, venue_alignment
from forcedflow.features.feature import KLINE_AGE_MS
from forcedflow.features.newest_row import PriceMemory, append, can_append, reach_ms
from forcedflow.features.registry import build_features, extend
from forcedflow.features.table import STEP_MS, FeatureTable
from forcedflow.features.venue_alignment import LEAD_MS, READ_NAMES, read_alignment, venue_lead
from forcedflow.forecast import reach
from forcedflow.instruments import Instrument
from forcedflow.liquidation_map import LiquidationMap
from forcedflow.live.heat_column import HeatColumn, build_column
from forcedflow.live.held_rows import Change, HeldRows
from forcedflow.live.known_ladder import KnownLadder
from forcedflow.live.market_rows import MarketRows
from forcedflow.live.punctual_ladder import PunctualLadder
from forcedflow.positions.trained import TrainedMixture
from forcedflow.signals.reading import Reading
from forcedflow.signals.registry import read_signals
from forcedflow.signals.score import Loading, load
from forcedflow.store import RowSource
from forcedflow.units import DAY_MS, HOUR_MS, I8
from forcedflow.zones import Zone
from forcedflow.zones.alignment import VenueLadder, align

MAP_NAMES: Final = (*map_table.NAMES, *reach.NAMES)
"""Columns that are read off an instrument's own map, once an hour."""

ALIGNMENT_NAMES: Final = tuple(feature.name for feature in venue_alignment.FEATURES)
"""Columns that need the ladders of several venues."""

# A lead looks back so far from each moment; a little more, so that its first return is whole.
_LEAD_REACH_MS: Final = LEAD_MS + KLINE_AGE_MS + HOUR_MS


@dataclass(frozen=True, slots=True)
class BarClose:
    """What is known of one market at one bar close.

    Parameters
    ----------
    at_ms : int
        The moment. [UTC ms]
    mark : float or None
        Last mark price; None without open interest. [quote per base]
    column : HeatColumn or None
        The heatmap's newest column; None where no bar ended in the step.
    zones : tuple of Zone
        Clusters around the mark, nearest first.
    readings : tuple of Reading
        The eight signals; none where neither price nor open interest is held.
    loading : Loading or None
    input_age_ms : mapping of str to int or None
        Age of each input table's newest row. [ms]
    simulated : bool
        Whether any of it is of the simulated exchange.
    """

    at_ms: int
    mark: float | None
    column: HeatColumn | None
    zones: tuple[Zone, ...]
    readings: tuple[Reading, ...]
    loading: Loading | None
    input_age_ms: Mapping[str, int | None]
    simulated: bool


class CoinLadders:
    """The punctual ladders of every market that some followed market is compared with.

    Parameters
    ----------
    rows : HeldRows
    followed : sequence of Instrument
        Those whose critical shocks are wanted too.
    """

    def __init__(self, rows: HeldRows, followed: Sequence[Instrument]) -> None:
        self._rows = rows
        self._followed = {(one.venue, one.symbol) for one in followed}
        self._ladders: dict[tuple[str, str], PunctualLadder] = {}
        self._sources: dict[tuple[str, str], MarketRows] = {}

    def source(self, instrument: Instrument) -> MarketRows:
        """Return the rows that an instrument's ladders are built from, the same ones every time."""
        key = (instrument.venue, instrument.symbol)
        if key not in self._sources:
            self._sources[key] = MarketRows(self._rows, instrument)
        return self._sources[key]

    def of(self, instrument: Instrument) -> PunctualLadder:
        """Return the ladder of an instrument, the same one every time."""
        key = (instrument.venue, instrument.symbol)
        if key not in self._ladders:
            source = self.source(instrument)
            self._ladders[key] = PunctualLadder(source, with_shocks=key in self._followed)
        return self._ladders[key]

    def heed(self, changes: Sequence[Change]) -> None:
        """Pass on that rows changed."""
        for ladder in self._ladders.values():
            for change in changes:
                ladder.heed(change)

    def drop(self, instrument: Instrument) -> None:
        """Give a ladder up, to be built anew when it is next asked for."""
        self._ladders.pop((instrument.venue, instrument.symbol), None)

    def forget(self, before_ms: int) -> None:
        """Let go of what was read before a moment. [UTC ms]"""
        for ladder in self._ladders.values():
            ladder.forget(before_ms)


class MarketState:
    """One market, followed from bar close to bar close.

    Parameters
    ----------
    rows : HeldRows
    instrument : Instrument
    ladders : CoinLadders
    trained : TrainedMixture, optional
        Weights of the map that zones are read from; the features' map columns are the stated
        prior's, since weights trained last week cannot say what was large last month.
    """

    def __init__(
        self,
        rows: HeldRows,
        instrument: Instrument,
        ladders: CoinLadders,
        trained: TrainedMixture | None = None,
    ) -> None:
        self.instrument: Final = instrument
        self.rows: Final[RowSource] = rows
        self._held = rows
        self._ladders = ladders
        self._known = KnownLadder(ladders.source(instrument), trained)
        self._table: FeatureTable | None = None
        self._compared: tuple[Instrument, ...] = ()
        self._redo_from_ms: int | None = None
        self._memory: PriceMemory | None = None
        self._agreed: tuple[int, Sequence[VenueLadder], Mapping[str, float]] | None = None
        self._at_ms = -1
        self._newest: BarClose | None = None

    @property
    def newest(self) -> BarClose | None:
        """Return what was known at the last bar close."""
        return self._newest

    @property
    def table(self) -> FeatureTable | None:
        """Return the feature table that readings are taken from."""
        return self._table

    def map(self) -> LiquidationMap | None:
        """Return the whole map at the last bar close; use it before the next one."""
        return self._known.mapped(self._at_ms, whole=True)

    def heed(self, changes: Sequence[Change]) -> None:
        """Take note that rows were added or replaced."""
        for change in changes:
            self._known.heed(change)
            if change.known_ms <= self._at_ms and self._is_feature_of(change):
                self._redo(change.known_ms)

    def hear(self, at_ms: int) -> None:
        """Bring the ladder to a moment between two bar closes. [UTC ms]"""
        self._known.advance(at_ms)

    def close_bar(self, at_ms: int) -> BarClose:
        """Bring everything to a bar close.

        Parameters
        ----------
        at_ms : int
            On the feature grid, later than the last. [UTC ms]

        Returns
        -------
        BarClose

        Raises
        ------
        ValueError
            If the moment is not on the grid, or not later than the last.
        """
        if at_ms % STEP_MS or at_ms <= self._at_ms:
            raise ValueError(f"a bar closes on a multiple of {STEP_MS} ms after {self._at_ms}")
        return self._bring_to(at_ms)

    def settle(self) -> None:
        """Be what the last bar close would have left, had rows that came after it come in time."""
        if self._at_ms < 0:
            return
        if self._known.at_ms > self._at_ms:
            # It heard bars that the close knows nothing of, and a ladder does not go back.
            self._known = self._known.unbuilt()
        self._bring_to(self._at_ms)

    def _bring_to(self, at_ms: int) -> BarClose:
        self._known.advance(at_ms)
        mapped = self._known.mapped(at_ms)
        self._table = self._grown_table(at_ms)
        self._at_ms = at_ms
        readings = () if self._table is None else read_signals(self._table)
        self._newest = BarClose(
            at_ms=at_ms,
            mark=None if mapped is None else mapped.mark,
            column=None if mapped is None else build_column(mapped, at_ms - STEP_MS),
            zones=() if mapped is None else tuple(mapped.zones()),
            readings=readings,
            loading=load(readings) if readings else None,
            input_age_ms={} if self._table is None else self._table.input_age_ms,
            simulated=(self._table is not None and self._table.simulated)
            or (mapped is not None and mapped.simulated),
        )
        return self._newest

    def state_hash(self) -> str:
        """Return a digest of everything that the next bar close builds on, and of the last."""
        digest = hashlib.sha256(f"{self._at_ms} {self._compared}".encode())
        built = self._known.built
        digest.update(b"" if built is None else built.state_hash().encode())
        if self._table is not None:
            digest.update(np.ascontiguousarray(self._table.times_ms).tobytes())
            for name in sorted(self._table.columns):
                digest.update(name.encode())
                digest.update(np.ascontiguousarray(self._table[name]).tobytes())
        if self._newest is not None:
            digest.update(repr((self._newest.zones, self._newest.readings)).encode())
        return digest.hexdigest()

    def _is_feature_of(self, change: Change) -> bool:
        own = self.instrument
        if change.venue == "":
            return True  # a table without a venue, such as the calendar
        if change.venue == own.venue:
            return change.symbol in {own.symbol, f"{own.base}/{own.quote}"}
        return change.symbol == own.base and change.table.startswith("liquidation")

    def _redo(self, from_ms: int) -> None:
        marked = self._redo_from_ms
        self._redo_from_ms = from_ms if marked is None else min(marked, from_ms)

    def _grown_table(self, at_ms: int) -> FeatureTable | None:
        """Return the table up to a moment, from the midnight that the batch begins at."""
        start_ms = (at_ms // DAY_MS - SIGNAL_DAYS) * DAY_MS
        others = tuple(other_venues(self._held, self.instrument))
        ladders = [self._ladders.of(one) for one in (self.instrument, *others)]
        for ladder in ladders:
            ladder.check(at_ms)
        held = self._kept(ladders, others)
        try:
            held, table = self._with_features(held, start_ms, at_ms)
        except NoDataError:
            return None
        is_kept = table.times_ms >= start_ms
        table = table.tail(max(int(is_kept.sum()), 1))
        fresh = table.times_ms if held is None else table.times_ms[table.times_ms > held.at_ms]
        columns = self._ladder_columns(ladders, fresh, at_ms)
        joined = {
            name: np.concatenate([table[name][: table.size - fresh.size], column])
            for name, column in columns.items()
        }
        self._compared = others
        labels = {name: words for name, words in table.labels.items() if name != "alignment_of"}
        if others:
            venues = dict.fromkeys([self.instrument.venue, *(one.venue for one in others)])
            labels["alignment_of"] = ", ".join(venues)
        return replace(table.joined(joined), labels=labels)

    def _with_features(
        self, held: FeatureTable | None, start_ms: int, at_ms: int
    ) -> tuple[FeatureTable | None, FeatureTable]:
        """Return what still holds, and the table with every feature that needs no ladder."""
        if held is not None and held.at_ms == at_ms - STEP_MS:
            near = read_feature_inputs(
                self._held, self.instrument, start_ms, at_ms, reach_ms(held, at_ms)
            )
            if self._memory is not None and can_append(held, near, self._memory):
                table = append(held, near, self._memory)
                if _liquidations_of(held) == _liquidations_of(table):
                    return held, table
        inputs = read_feature_inputs(self._held, self.instrument, start_ms, at_ms)
        self._memory = PriceMemory.of(inputs, at_ms)
        if held is not None:
            table = extend(held, inputs)
            if _liquidations_of(held) == _liquidations_of(table):
                return held, table
        # Another series of liquidations is the longest now: their past is that one's.
        return None, build_features(inputs, start_ms=start_ms)

    def _kept(
        self, ladders: Sequence[PunctualLadder], others: tuple[Instrument, ...]
    ) -> FeatureTable | None:
        """Return what of the table still holds: all, unless something known was corrected."""
        since = [self._redo_from_ms, *(ladder.changed_from(self) for ladder in ladders)]
        from_ms = min((known for known in since if known is not None), default=None)
        self._redo_from_ms = None
        table = self._table
        if table is None or others != self._compared:
            return None
        if from_ms is None:
            return table
        self._memory = None
        # A figure held for an hour is void from the moment it was read at.
        rows = int(np.searchsorted(table.times_ms, from_ms // HOUR_MS * HOUR_MS))
        if rows == 0:
            return None
        return replace(
            table,
            times_ms=table.times_ms[:rows],
            columns={name: column[:rows] for name, column in table.columns.items()},
        )

    def _together(self, hour_ms: int, found: Sequence[VenueLadder]) -> Mapping[str, float]:
        """Return how ladders of one hour agree, compared once however many bars close in it."""
        if self._agreed is None or self._agreed[0] != hour_ms or not _same(self._agreed[1], found):
            self._agreed = hour_ms, tuple(found), read_alignment(align(found))
        return self._agreed[2]

    def _ladder_columns(
        self, ladders: Sequence[PunctualLadder], times_ms: I8, at_ms: int
    ) -> dict[str, np.ndarray[tuple[int], np.dtype[np.float64]]]:
        """Return the columns that need ladders: the own one, and all where there are several."""
        hours, place = np.unique(times_ms // HOUR_MS * HOUR_MS, return_inverse=True)
        own: list[Mapping[str, float] | None] = []
        together: list[Mapping[str, float] | None] = []
        for hour in hours.tolist():
            reads = [ladder.read(hour, at_ms) for ladder in ladders]
            own.append(None if reads[0] is None else reads[0].figures)
            found = [read.ladder for read in reads if read is not None]
            is_known = reads[0] is not None and len(found) > 1
            together.append(self._together(hour, found) if is_known else None)
        columns = _spread(MAP_NAMES, own, place)
        if len(ladders) > 1 and times_ms.size:
            columns |= _spread(READ_NAMES, together, place)
            since_ms = int(times_ms[0]) - _LEAD_REACH_MS
            marks = [ladder.marks(since_ms, at_ms) for ladder in ladders]
            # From a little before, so that no window of the first moment is cut.
            before = np.arange(int(times_ms[0]) - HOUR_MS, int(times_ms[0]), STEP_MS)
            lead = venue_lead(marks, np.concatenate([before, times_ms]))
            columns["venue_lead"] = lead[before.size :]
        return columns


def _same(first: Sequence[VenueLadder], second: Sequence[VenueLadder]) -> bool:
    return len(first) == len(second) and all(
        one is other for one, other in zip(first, second, strict=True)
    )


def _liquidations_of(table: FeatureTable) -> str | None:
    return table.labels.get("liquidations_of")


def _spread(
    names: Sequence[str], rows: Sequence[Mapping[str, float] | None], place: I8
) -> dict[str, np.ndarray[tuple[int], np.dtype[np.float64]]]:
    """Columns of figures that are held from their moment until the next."""
    return {
        name: np.array([np.nan if row is None else row.get(name, np.nan) for row in rows])[place]
        if rows
        else np.zeros(0)
        for name in names
    }
