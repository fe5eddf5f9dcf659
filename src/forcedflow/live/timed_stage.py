"""A timed stage: what the loop computes of a market besides its bar close, each at its own pace.

In:  `MarketState` at a bar close.   Out: whatever the stage finds, told with the next update.
Free of the clock: a stage is due at bar closes on multiples of its pace.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from forcedflow.asof import read_depth, read_past_prices
from forcedflow.asof.forecast import read_forecast
from forcedflow.cascade.cascade import Cascade
from forcedflow.errors import NoDataError
from forcedflow.forecast.forecast import Forecast
from forcedflow.live.market_state import MarketState
from forcedflow.pipeline import build_cascade
from forcedflow.store import Lake
from forcedflow.units import HOUR_MS

Compute: TypeAlias = Callable[[MarketState, int], object]

CASCADE_SCENARIOS = 2_000
"""Of a cascade that is walked while markets are followed: a fifth of the command's."""

_SEED = 0


@dataclass(frozen=True, slots=True)
class TimedStage:
    """One stage.

    Parameters
    ----------
    name : str
        Under which updates carry what it finds, such as ``cascade`` or ``forecast``.
    every_ms : int
        It runs at bar closes on multiples of this, so that a restart changes no moment. [ms]
    compute : callable
        From a market's state and the bar close [UTC ms] to what is found. An error of the
        package's own is told as the reason why there is nothing.
    """

    name: str
    every_ms: int
    compute: Compute

    def is_due(self, at_ms: int) -> bool:
        """Return whether the stage runs at a bar close. [UTC ms]"""
        return at_ms % self.every_ms == 0


def cascade_stage(
    lake: Lake, every_ms: int = HOUR_MS, scenarios: int = CASCADE_SCENARIOS
) -> TimedStage:
    """Return the stage that walks cascades of a market alone.

    Parameters
    ----------
    lake : Lake
        Depth is read from it: books are too large to be held in memory.
    every_ms : int
        [ms]
    scenarios : int
    """

    def walk(state: MarketState, at_ms: int) -> Cascade:
        mapped = state.map()
        if mapped is None:
            raise NoDataError("no map to walk along: too little open interest is held")
        depth = read_depth(lake, state.instrument, at_ms)
        past = read_past_prices(state.rows, state.instrument, at_ms)
        return build_cascade([mapped], [depth], seed=_SEED, scenarios=scenarios, past=past)

    return TimedStage("cascade", every_ms, walk)


def forecast_stage(lake: Lake, every_ms: int = HOUR_MS) -> TimedStage:
    """Return the stage that tells the hours ahead of a market, by the newest model in the lake.

    Parameters
    ----------
    lake : Lake
        The longer past that a forecast looks back on is read from it.
    every_ms : int
        [ms]
    """

    def tell(state: MarketState, at_ms: int) -> Forecast:
        return read_forecast(lake, state.instrument, at_ms)

    return TimedStage("forecast", every_ms, tell)
