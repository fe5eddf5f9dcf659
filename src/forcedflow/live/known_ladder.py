"""Ladders kept up to date from held rows: one as of now, one that never changes its past.

In:  `HeldRows`, an instrument, moments. [UTC ms]   Out: `LiquidationMap`, `VenueLadder`.
Free of files and of the clock.

Both are what the batch would build: `KnownLadder` what `forcedflow.pipeline.build_map` makes of
everything known by a moment, `PunctualLadder` what `forcedflow.features.map_history.follow_maps`
yields. A bar takes a few thousand operations instead of a replay; where something that a ladder
has taken in already turns out otherwise, it is built anew, which is the replay.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from forcedflow.asof.features import last_of_steps
from forcedflow.asof.map_features import DepthAt, depth_of
from forcedflow.asof.market import HISTORY_DAYS, read_market, read_rule, read_schedule
from forcedflow.errors import NoDataError
from forcedflow.features.feature import KLINE_AGE_MS
from forcedflow.features.grid import where
from forcedflow.features.map_table import critical_shocks, ladder_of, read_map
from forcedflow.features.punctual import punctual, taken_ms
from forcedflow.features.venue_alignment import Marks
from forcedflow.forecast.reach import reach_reader
from forcedflow.instruments import Instrument
from forcedflow.liquidation_map import LiquidationMap, Market
from forcedflow.live.bar_ladder import BarLadder, Terms, same_bars
from forcedflow.live.held_rows import Change, HeldRows
from forcedflow.positions import Bars, build_bars, infer_flows
from forcedflow.positions.bars import VOLUME_SOURCES
from forcedflow.positions.trained import TrainedMixture
from forcedflow.units import DAY_MS, HOUR_MS, I8
from forcedflow.zones.alignment import VenueLadder

BAR_TABLES: Final = ("open_interest", "klines", "funding")
"""Tables that bars are made of."""

# A finished kline counts as the volume of a bar for three hours more, whatever its length.
_KLINE_REACH_MS: Final = 4 * HOUR_MS

# What a bar's volume is taken from where only the whole history can tell.
_FROM_HISTORY: Final = tuple(
    VOLUME_SOURCES.index(name) for name in ("trailing turnover", "missing")
)


class MarketRows:
    """The rows of one market that its ladders are built from.

    Parameters
    ----------
    rows : HeldRows
    instrument : Instrument
    """

    def __init__(self, rows: HeldRows, instrument: Instrument) -> None:
        self.rows: Final = rows
        self.instrument: Final = instrument
        self._settled: tuple[int, Terms] | None = None

    def settle(self, at_ms: int) -> Terms:
        """Return the brackets and the rule as of a moment, which hold until it is asked again."""
        if self._settled is None or self._settled[0] != at_ms:
            schedule, notes = read_schedule(self.rows, self.instrument, at_ms)
            self._settled = at_ms, Terms(schedule, read_rule(self.instrument, at_ms), notes)
        return self._settled[1]

    def forget_terms(self) -> None:
        """Read brackets anew when they are next asked for."""
        self._settled = None

    def origin_ms(self, at_ms: int) -> int | None:
        """Return where history begins as of a moment, None without open interest. [UTC ms]

        The same number as long as the beginning of what is held lies inside the history.
        """
        venue, symbol = self.instrument.venue, self.instrument.symbol
        newest = self.rows.newest_event_ms("open_interest", venue, symbol, at_ms)
        if newest is None:
            return None
        start = (newest // DAY_MS - HISTORY_DAYS) * DAY_MS
        first = self.rows.first_event_ms("open_interest", venue, symbol, start)
        if first is None:
            return None
        longest = self.rows.longest_interval_ms("klines", venue, symbol)
        return max(start, first - longest - _KLINE_REACH_MS)

    def whole(self, at_ms: int) -> Market:
        """Return the market with all its history."""
        return read_market(self.rows, self.instrument, at_ms)

    def tail(self, bars: Bars, bar: int, at_ms: int) -> Market:
        """Return the market with the rows that a bar and those after it are made of.

        Parameters
        ----------
        bars : Bars
            Those known before.
        bar : int
            The first one wanted; the one after the last for those to come.
        at_ms : int
            Rows known by then. [UTC ms]
        """
        venue, symbol = self.instrument.venue, self.instrument.symbol
        opened = (
            int(bars.end_ms[-1])
            if bar == bars.size
            else int(bars.end_ms[bar] - bars.elapsed_ms[bar])
        )
        longest = self.rows.longest_interval_ms("klines", venue, symbol)
        start = opened - longest - _KLINE_REACH_MS
        found = {
            table: self.rows.read(
                table, venue=venue, symbol=symbol, start_ms=start, available_by_ms=at_ms
            )
            for table in BAR_TABLES
        }
        klines = found["klines"]
        terms = self.settle(at_ms) if self._settled is None else self._settled[1]
        return Market(
            instrument=self.instrument,
            at_ms=at_ms,
            open_interest=found["open_interest"],
            mark_klines=where(klines, "price_type", "mark"),
            trade_klines=where(klines, "price_type", "last"),
            funding=found["funding"],
            schedule=terms.schedule,
            rule=terms.rule,
            notes=terms.notes,
        )

    def earliest_told(self, after_ms: int, by_ms: int) -> int | None:
        """Return the earliest event time among rows of bars known in ``(after, by]``. [UTC ms]"""
        venue, symbol = self.instrument.venue, self.instrument.symbol
        told = [
            self.rows.earliest_told(table, venue, symbol, after_ms, by_ms) for table in BAR_TABLES
        ]
        return min((event for event in told if event is not None), default=None)

    def concerns(self, change: Change) -> bool:
        """Return whether a change is of rows that ladders of this market are built from."""
        own = (change.venue, change.symbol) == (self.instrument.venue, self.instrument.symbol)
        return own and change.table in (*BAR_TABLES, "leverage_brackets")


class KnownLadder:
    """The ladder as of now: of everything known, corrections included.

    Parameters
    ----------
    source : MarketRows
    trained : TrainedMixture, optional
    """

    def __init__(self, source: MarketRows, trained: TrainedMixture | None) -> None:
        self._source, self._trained = source, trained
        self._built: BarLadder | None = None
        self._terms: Terms | None = None
        self._origin_ms: int | None = None
        self._at_ms = -1
        self._redo_from_ms: int | None = None
        self.rebuilt = 0

    @property
    def built(self) -> BarLadder | None:
        """Return the ladder, None as long as there is too little open interest."""
        return self._built

    @property
    def at_ms(self) -> int:
        """Return the moment it was brought to; -1 before the first. [UTC ms]"""
        return self._at_ms

    def unbuilt(self) -> KnownLadder:
        """Return one of the same market and weights that was brought nowhere yet."""
        return KnownLadder(self._source, self._trained)

    def heed(self, change: Change) -> None:
        """Take note that rows known before turned out otherwise."""
        if not self._source.concerns(change):
            return
        if change.table == "leverage_brackets":
            self._source.forget_terms()
        elif change.known_ms <= self._at_ms:
            events = [change.event_ms, self._redo_from_ms]
            self._redo_from_ms = min(event for event in events if event is not None)

    def advance(self, at_ms: int) -> None:
        """Bring the ladder to a moment, not earlier than the last. [UTC ms]"""
        source, built = self._source, self._built
        terms, origin_ms = source.settle(at_ms), source.origin_ms(at_ms)
        told_ms = source.earliest_told(self._at_ms, at_ms)
        if self._redo_from_ms is not None:
            told_ms = min(self._redo_from_ms, self._redo_from_ms if told_ms is None else told_ms)
        is_same = self._terms is not None and terms.is_same(self._terms)
        grown = (
            built is not None
            and is_same
            and origin_ms == self._origin_ms
            and (told_ms is None or self._grow(built, at_ms, told_ms))
        )
        if not grown:
            self._build(at_ms, terms)
        self._at_ms, self._origin_ms, self._redo_from_ms = at_ms, origin_ms, None

    def mapped(self, at_ms: int, *, whole: bool = False) -> LiquidationMap | None:
        """Return the map as it stands.

        Parameters
        ----------
        at_ms : int
            The moment it was brought to. [UTC ms]
        whole : bool
            With every row and flow of its history, which whoever asks about assumptions needs;
            else with those of the newest bars.
        """
        built = self._built
        if built is None:
            return None
        if whole:
            return built.mapped(self._source.whole(at_ms), infer_flows(built.bars).joined())
        return built.mapped(self._source.tail(built.bars, built.size, at_ms))

    def _grow(self, built: BarLadder, at_ms: int, told_ms: int) -> bool:
        """Take in new bars; False where bars taken in before turn out otherwise."""
        held = built.bars
        first = int(np.searchsorted(held.end_ms, told_ms))
        try:
            found = _bars_after(self._source, held, first, at_ms, punctually=False)
        except NoDataError:
            return first == held.size
        again = held.size - first
        if found.size < again or not same_bars(found.cut(0, again), held.cut(first, held.size)):
            return False
        built.grow(found.cut(again, found.size))
        return True

    def _build(self, at_ms: int, terms: Terms) -> None:
        self.rebuilt += 1
        self._terms = terms
        try:
            market = self._source.whole(at_ms)
            bars = _bars_of(market)
        except NoDataError:
            self._built = None
            return
        self._built = BarLadder(market, bars, self._trained)


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
            self._marks = (since_ms, at_ms), self._read_marks(since_ms, at_ms)
        return self._marks[1]

    def _read_marks(self, since_ms: int, at_ms: int) -> Marks:
        if self._built is None:
            none = np.zeros(0, dtype=np.int64)
            return Marks(none, np.zeros(0), none)
        bars = self._built.bars
        first = min(int(np.searchsorted(bars.end_ms, since_ms)), bars.size - 1)
        bars = bars.cut(first, bars.size)
        told = punctual(self._source.tail(bars, 0, at_ms)).open_interest
        return Marks(bars.end_ms.copy(), bars.close.copy(), taken_ms(told, bars.end_ms))

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
                bars = _bars_of(market)
                taken = taken_ms(market.open_interest, bars.end_ms)
                stop = int(np.searchsorted(taken, moment_ms, side="right"))
                self._ahead = bars, taken, at_ms
                if stop:
                    self._built = BarLadder(market, bars.cut(0, stop), with_births=False)
                return
            if self._ahead is not None and moment_ms <= self._ahead[2]:
                bars, taken, _ = self._ahead
                built.grow(bars.cut(built.size, int(np.searchsorted(taken, moment_ms, "right"))))
                return
            self._ahead = None
            bars = built.bars
            built.grow(_bars_after(self._source, bars, bars.size, moment_ms, punctually=True))
        except NoDataError:
            return  # no bar yet, or none more

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


def _bars_after(
    source: MarketRows, held: Bars, first: int, at_ms: int, *, punctually: bool
) -> Bars:
    """Bars from one on, as of a moment, those not held yet included."""
    opened = (
        int(held.end_ms[-1])
        if first == held.size
        else int(held.end_ms[first] - held.elapsed_ms[first])
    )
    market = source.tail(held, first, at_ms)
    found = _after(_bars_of(punctual(market) if punctually else market), opened)
    if np.isin(found.volume_source, _FROM_HISTORY).any():
        # The mean turnover of a month is summed from the beginning of history.
        market = source.whole(at_ms)
        found = _after(_bars_of(punctual(market) if punctually else market), opened)
    return found


def _after(bars: Bars, opened_ms: int) -> Bars:
    return bars.cut(int(np.searchsorted(bars.end_ms, opened_ms, side="right")), bars.size)


def _bars_of(market: Market) -> Bars:
    return build_bars(market.open_interest, market.mark_klines, market.trade_klines, market.funding)
