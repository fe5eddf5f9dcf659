"""The ladder as of now, kept up to date from held rows: of everything known, corrections included.

In:  `MarketRows`, moments. [UTC ms]   Out: `LiquidationMap`.
Free of files and of the clock.

It is what `forcedflow.pipeline.build_map` makes of everything known by a moment. A bar takes a few
thousand operations instead of a replay; where something that the ladder has taken in already turns
out otherwise, it is built anew, which is the replay.
"""

from __future__ import annotations

import numpy as np

from forcedflow.errors import NoDataError
from forcedflow.liquidation_map import LiquidationMap
from forcedflow.live.bar_ladder import BarLadder, Terms, same_bars
from forcedflow.live.held_rows import Change
from forcedflow.live.market_rows import MarketRows, bars_after, bars_of
from forcedflow.positions import infer_flows
from forcedflow.positions.trained import TrainedMixture


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
            found, _ = bars_after(self._source, held, first, at_ms, punctually=False)
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
            bars = bars_of(market)
        except NoDataError:
            self._built = None
            return
        self._built = BarLadder(market, bars, self._trained)
