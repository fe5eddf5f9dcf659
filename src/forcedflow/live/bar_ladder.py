"""A ladder that grows bar by bar: the same state as one replay of all its bars.

In:  `Bars`, a few at a time; brackets, a margin rule.   Out: `LiquidationMap` after the newest.
Free of I/O and of the clock. The ladder is state, owned by whoever follows the market.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields, replace
from typing import Any, Final

import numpy as np

from forcedflow.liquidation_map import LiquidationMap, Market, scale_to_open_interest
from forcedflow.margin import BracketSchedule, MarginRule
from forcedflow.positions import (
    Bars,
    Flows,
    LiquidationLadder,
    Replay,
    bin_width,
    infer_flows,
    prior_atoms,
)
from forcedflow.positions.trained import TrainedMixture, shares_of
from forcedflow.units import DAY_MS, HOUR_MS
from forcedflow.volatility.ewma import EwmaMemory

_COLUMNS: Final = tuple(field.name for field in fields(Bars))


@dataclass(frozen=True, slots=True)
class Terms:
    """What a ladder's levels follow from besides its bars.

    Parameters
    ----------
    schedule : BracketSchedule
    rule : MarginRule
    notes : tuple of str
        What had to be assumed, in words.
    """

    schedule: BracketSchedule
    rule: MarginRule
    notes: tuple[str, ...]

    def is_same(self, other: Terms) -> bool:
        """Return whether levels would be the same under both."""
        return (self.schedule, self.rule, self.notes) == (other.schedule, other.rule, other.notes)


class BarLadder:
    """The ladder of one market, its bars, and the ladder of their ages.

    Parameters
    ----------
    market : Market
        Names the instrument, the brackets and the rule.
    bars : Bars
        The first ones, at least one.
    trained : TrainedMixture, optional
        Weights to split opens by instead of the stated prior's.
    with_births : bool
        Whether clusters will be asked for their age, which takes a second ladder.
    """

    def __init__(
        self,
        market: Market,
        bars: Bars,
        trained: TrainedMixture | None = None,
        *,
        with_births: bool = True,
    ) -> None:
        self._trained = trained
        flows = infer_flows(bars).joined()
        atoms = prior_atoms(market.schedule, market.rule, roles=flows.roles)
        self._weights = None if trained is None else trained.on(atoms)
        share = None if self._weights is None else shares_of(self._weights)
        width = bin_width(float(bars.close[0]), market.instrument.tick_size)
        self.ladder: Final = LiquidationLadder(atoms, width, share)
        self.ladder.seed(float(bars.open_interest[0] - bars.change[0]), float(bars.close[0]))
        self._births = LiquidationLadder(atoms, width, share) if with_births else None
        self._first_ms = int(bars.end_ms[0] - bars.elapsed_ms[0])
        self._memory = EwmaMemory()
        self._n = 0
        self._columns: dict[str, np.ndarray[Any, Any]] = {
            name: getattr(bars, name)[:0] for name in _COLUMNS
        }
        self.grow(bars)

    @property
    def size(self) -> int:
        """Return how many bars were taken in."""
        return self._n

    @property
    def last_ms(self) -> int:
        """Return the end of the newest bar. [UTC ms]"""
        return int(self._columns["end_ms"][self._n - 1])

    @property
    def bars(self) -> Bars:
        """Return every bar; a view, good until the next one."""
        return Bars(*(self._columns[name][: self._n] for name in _COLUMNS))

    def grow(self, bars: Bars) -> None:
        """Take in the bars that come next; none is fine."""
        if bars.size == 0:
            return
        flows = infer_flows(bars).joined()
        self._replay: Replay = self.ladder.replay(bars, flows)
        if self._births is not None:
            hours = ((bars.end_ms - self._first_ms) / HOUR_MS)[:, None]
            aged = replace(
                flows, opens_long=flows.opens_long * hours, opens_short=flows.opens_short * hours
            )
            self._births.replay(bars, aged)
        rate = self._memory.extend(bars.close, bars.end_ms)
        self._sigma_day = float(np.sqrt(rate[-1:] * DAY_MS)[0])
        self._flows: Flows = flows
        for name in _COLUMNS:
            self._columns[name] = grown(self._columns[name], self._n, getattr(bars, name))
        self._n += bars.size

    def mapped(self, market: Market, flows: Flows | None = None) -> LiquidationMap:
        """Return the map after the newest bar; it shares the ladder, so use it before going on.

        Parameters
        ----------
        market : Market
            The rows as they were known.
        flows : Flows, optional
            Of every bar, where somebody will ask for them; those of the newest by default.
        """
        bars, last = self.bars, slice(self._n - 1, self._n)
        return LiquidationMap(
            market=market,
            bars=bars,
            flows=self._flows if flows is None else flows,
            ladder=self.ladder,
            replay=self._replay,
            scale=scale_to_open_interest(self._replay.alive[-1:], bars.open_interest[last, None]),
            sigma_day=self._sigma_day,
            trained=self._trained,
            weights=self._weights,
            births=self._births,
        )

    def state_hash(self) -> str:
        """Return a digest of everything that the next bar builds on."""
        digest = hashlib.sha256(self.ladder.state_hash().encode())
        if self._births is not None:
            digest.update(self._births.state_hash().encode())
        memory = self._memory
        digest.update(
            np.array([memory.squares, memory.time, memory.last_close, memory.last_ms]).tobytes()
        )
        for column in (getattr(self.bars, name) for name in _COLUMNS):
            digest.update(np.ascontiguousarray(column).tobytes())
        return digest.hexdigest()


def same_bars(first: Bars, second: Bars) -> bool:
    """Return whether two runs of bars are the same to the last byte."""
    return all(
        np.ascontiguousarray(getattr(first, name)).tobytes()
        == np.ascontiguousarray(getattr(second, name)).tobytes()
        for name in _COLUMNS
    )


def grown(held: np.ndarray[Any, Any], n: int, more: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return ``n`` values with more behind them, in the same place where there is room left."""
    size = n + more.size
    if size > held.size:
        roomy = np.empty(size + size // 8 + 64, dtype=held.dtype)
        roomy[:n] = held[:n]
        held = roomy
    held[n:size] = more
    return held
