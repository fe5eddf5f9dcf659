"""The ladder that never changes its past, kept up to date from held rows and read once an hour.

In:  `MarketRows`, moments. [UTC ms]   Out: `HourlyRead`, `Marks`.
Free of files and of the clock.

It is what `forcedflow.features.map_history.follow_maps` yields: under the stated prior, of bars as
they were first known. Where a row that was told in time turns out otherwise, it is built anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from forcedflow.asof.features import last_of_steps
from forcedflow.asof.map_features import depth_of
from forcedflow.errors import NoDataError
from forcedflow.features.feature import KLINE_AGE_MS
from forcedflow.features.map_table import critical_shocks, ladder_of, read_map
from forcedflow.features.punctual import punctual, taken_ms
from forcedflow.features.venue_alignment import Marks
from forcedflow.forecast.reach import reach_reader
from forcedflow.liquidation_map import LiquidationMap
from forcedflow.live.bar_ladder import BarLadder, Terms, grown
from forcedflow.live.held_rows import Change
from forcedflow.live.market_rows import MarketRows, bars_after, bars_of
from forcedflow.pipeline import DepthAt
from forcedflow.positions import Bars
from forcedflow.units import DAY_MS, I8
from forcedflow.zones.alignment import VenueLadder


@dataclass(frozen=True, slots=True)
class HourlyRead:
    """What was read off a map at one moment.

    Parameters
    ----------
    ladder : VenueLadder
    figures : mapping of str to float
        The map's features.
    """

    ladder: VenueLadder
    figures: Mapping[str, float]


class PunctualLadder:
    """The ladder under the stated prior, of bars as they were first known.

    Parameters
    ----------
    source : MarketRows
    with_shocks : bool
        Whether critical shocks are wanted, where depth bands are held.
    """

    def __init__(self, source: MarketRows, *, with_shocks: bool) -> None:
        self._source, self._with_shocks = source, with_shocks
        self._built: BarLadder | None = None
        # The moment at which each of its bars was taken, with room for more.
        self._taken: I8 = np.zeros(0, dtype=np.int64)
        self._terms: Terms | None = None
        self._origin_ms: int | None = None
        self._at_ms = -1
        self._is_stale = True
        # Bars of one replay that moments are still to be read from, and when each was taken.
        self._ahead: tuple[Bars, I8, int] | None = None
        self._reads: dict[int, HourlyRead | None] = {}
        self._reader: tuple[int, Callable[[VenueLadder, int], Mapping[str, float]]] | None = None
        self._marks: tuple[tuple[int, int], Marks] | None = None
        # Depth of every moment up to one, so that a replay reads and thins the bands once.
        self._depths: tuple[int, DepthAt] | None = None
        self._changes: list[int] = []
        self._told: dict[object, int] = {}

    def heed(self, change: Change) -> None:
        """Take note that rows known before turned out otherwise."""
        if not self._source.concerns(change):
            return
        if change.table == "leverage_brackets":
            self._source.forget_terms()
        elif change.known_ms <= self._at_ms:
            self._is_stale = True
            self._change(change.known_ms)

    def check(self, at_ms: int) -> None:
        """See whether what levels follow from is still the same at a moment. [UTC ms]

        Where it is not, everything read before is void, and `changed_from` says so.
        """
        source = self._source
        terms, origin_ms = source.settle(at_ms), source.origin_ms(at_ms)
        if self._terms is not None and (
            origin_ms != self._origin_ms or not terms.is_same(self._terms)
        ):
            self._is_stale = True
            self._change(0)
        self._terms, self._origin_ms = terms, origin_ms

    def changed_from(self, asker: object) -> int | None:
        """Return from when on reads became void since this was last asked by somebody. [UTC ms]"""
        since = self._told.get(asker, 0)
        self._told[asker] = len(self._changes)
        return min(self._changes[since:], default=None)

    def read(self, moment_ms: int, at_ms: int) -> HourlyRead | None:
        """Return what the map said at a moment of the feature grid.

        Parameters
        ----------
        moment_ms : int
            Going back to one that was not read before replays history. [UTC ms]
        at_ms : int
            Terms are those of then. [UTC ms]

        Returns
        -------
        HourlyRead or None
            None where no map was known.
        """
        if moment_ms not in self._reads:
            if self._is_stale or moment_ms < self._at_ms:
                self._built, self._is_stale = None, False
            self._advance(moment_ms, at_ms)
            self._reads[moment_ms] = self._read(moment_ms, at_ms)
        return self._reads[moment_ms]

    def marks(self, since_ms: int, at_ms: int) -> Marks:
        """Return the mark prices of a span, as they were known by its end. [UTC ms]"""
        if self._is_stale or self._built is None or at_ms < self._at_ms:
            self._built, self._is_stale, self._marks = None, False, None
        # Every venue of a coin asks for the same.
        if self._marks is None or self._marks[0] != (since_ms, at_ms):
            self._advance(at_ms, at_ms)
            self._marks = (since_ms, at_ms), self._read_marks(since_ms)
        return self._marks[1]

    def _read_marks(self, since_ms: int) -> Marks:
        if self._built is None:
            none = np.zeros(0, dtype=np.int64)
            return Marks(none, np.zeros(0), none)
        bars = self._built.bars
        first = min(int(np.searchsorted(bars.end_ms, since_ms)), bars.size - 1)
        taken = self._taken[first : bars.size]
        bars = bars.cut(first, bars.size)
        return Marks(bars.end_ms.copy(), bars.close.copy(), taken.copy())

    def forget(self, before_ms: int) -> None:
        """Let go of what was read before a moment; asking again replays history. [UTC ms]"""
        self._reads = {moment: read for moment, read in self._reads.items() if moment >= before_ms}

    def state_hash(self) -> str:
        """Return a digest of the ladder; empty where there is none."""
        return "" if self._built is None else self._built.state_hash()

    def _change(self, from_ms: int) -> None:
        self._reads = {moment: read for moment, read in self._reads.items() if moment < from_ms}
        self._changes.append(from_ms)

    def _advance(self, moment_ms: int, at_ms: int) -> None:
        built = self._built
        self._at_ms = moment_ms
        try:
            if built is None:
                # The terms and the beginning of history are those of now, as in one replay.
                whole = self._source.whole(at_ms)
                market = punctual(whole)
                bars = bars_of(market)
                taken = taken_ms(market.open_interest, bars.end_ms)
                stop = int(np.searchsorted(taken, moment_ms, side="right"))
                self._ahead = bars, taken, at_ms
                if stop:
                    self._built = BarLadder(market, bars.cut(0, stop), with_births=False)
                    self._taken = taken[:stop].copy()
                return
            if self._ahead is not None and moment_ms <= self._ahead[2]:
                bars, taken, _ = self._ahead
                stop = int(np.searchsorted(taken, moment_ms, "right"))
                self._take_in(built, bars.cut(built.size, stop), taken[built.size : stop])
                return
            self._ahead = None
            bars = built.bars
            found, market = bars_after(self._source, bars, bars.size, moment_ms, punctually=True)
            self._take_in(built, found, taken_ms(market.open_interest, found.end_ms))
        except NoDataError:
            return  # no bar yet, or none more

    def _take_in(self, built: BarLadder, bars: Bars, taken: I8) -> None:
        self._taken = grown(self._taken, built.size, taken)
        built.grow(bars)

    def _read(self, moment_ms: int, at_ms: int) -> HourlyRead | None:
        built = self._built
        if built is None or moment_ms - built.last_ms > KLINE_AGE_MS:
            return None
        mapped = built.mapped(self._source.tail(built.bars, built.size, moment_ms))
        ladder = ladder_of(mapped)
        figures = read_map(ladder, self._shocks(mapped, moment_ms, at_ms))
        return HourlyRead(ladder, {**figures, **self._reach(built, ladder, mapped.known_ms)})

    def _reach(self, built: BarLadder, ladder: VenueLadder, known_ms: int) -> Mapping[str, float]:
        # Excursions are taken anew once a day, from the bars known by then.
        day = known_ms // DAY_MS
        if self._reader is None or self._reader[0] != day:
            bars = built.bars
            copied = Bars(*(getattr(bars, name).copy() for name in bars.__slots__))
            self._reader = day, reach_reader(copied)
        return self._reader[1](ladder, known_ms)

    def _shocks(
        self, mapped: LiquidationMap, moment_ms: int, at_ms: int
    ) -> tuple[float | None, float | None] | None:
        if not self._with_shocks:
            return None
        if self._depths is None or self._depths[0] < moment_ms:
            instrument = self._source.instrument
            bands = self._source.rows.read(
                "depth_bands",
                venue=instrument.venue,
                symbol=instrument.symbol,
                start_ms=moment_ms - 2 * DAY_MS,
                available_by_ms=at_ms,
            )
            self._depths = at_ms, depth_of(last_of_steps(bands))
        depths = self._depths[1](moment_ms)
        return None if depths is None else critical_shocks(mapped, depths)
