"""nautilus_trader: forcedflow's columns as a custom data type that is never delivered early.

A backtest delivers data by ``ts_init``. Here that is the moment at which a row was known plus the
time that an answer takes, so a strategy sees at a moment what it could have seen then.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from nautilus_trader.common.actor import Actor
from nautilus_trader.core.data import Data
from nautilus_trader.model.data import CustomData, DataType
from nautilus_trader.model.identifiers import ClientId, InstrumentId

from forcedflow.asof.signals import SIGNAL_DAYS, read_signal_table
from forcedflow.instruments import parse_symbol
from forcedflow.integrations.known_columns import known_columns
from forcedflow.store import Lake
from forcedflow.units import DAY_MS

NS_PER_MS = 1_000_000

CLIENT = ClientId("FORCEDFLOW")

ANSWER_MS = 5_000
"""An answer is there so long after its bar closed: what a slow machine takes. [ms]"""

TOLD = ("cluster_below_pct", "cluster_above_pct", "map_asymmetry", "loading", "sigma_day")


@dataclass(frozen=True)
class Figures:
    """What a row says; NaN where unknown. Units: `forcedflow.integrations.known_columns`."""

    cluster_below_pct: float
    cluster_above_pct: float
    map_asymmetry: float
    loading: float
    sigma_day: float


class Levels(Data):
    """Estimated clusters and loading of one instrument at one moment.

    Parameters
    ----------
    instrument_id : InstrumentId
    figures : Figures
    ts_event : int
        When the row was known. [UTC ns]
    ts_init : int
        When it is delivered, never before that. [UTC ns]
    """

    def __init__(
        self, instrument_id: InstrumentId, figures: Figures, ts_event: int, ts_init: int
    ) -> None:
        if ts_init < ts_event:
            raise ValueError(f"delivered at {ts_init}, before it was known at {ts_event}")
        self.instrument_id = instrument_id
        self.figures = figures
        self._ts_event, self._ts_init = ts_event, ts_init

    @property
    def ts_event(self) -> int:
        """When the row was known. [UTC ns]"""
        return self._ts_event

    @property
    def ts_init(self) -> int:
        """When it is delivered. [UTC ns]"""
        return self._ts_init


TYPE = DataType(Levels)


def levels_of(
    known: pl.DataFrame, instrument_id: InstrumentId, answer_ms: int = ANSWER_MS
) -> list[CustomData]:
    """Return rows for ``BacktestEngine.add_data``; rows without any cluster are left out.

    Parameters
    ----------
    known : polars.DataFrame
        As `forcedflow.integrations.known_columns.known_columns` makes it.
    instrument_id : InstrumentId
    answer_ms : int
        Delay between knowing and delivering. [ms]
    """
    made = []
    for row in known.select("known_ms", *TOLD).iter_rows(named=True):
        known_ns = row.pop("known_ms") * NS_PER_MS
        if not all(math.isnan(row[name]) for name in ("cluster_below_pct", "cluster_above_pct")):
            ts_init = known_ns + answer_ms * NS_PER_MS
            levels = Levels(instrument_id, Figures(**row), known_ns, ts_init)
            # Data of one's own goes to who subscribed to its type, and only wrapped like this.
            made.append(CustomData(TYPE, levels))
    return made


def read_levels(
    lake: Path, symbol: str, at_ms: int, instrument_id: InstrumentId, venue: str = "binance"
) -> list[CustomData]:
    """Return the levels of the last month of a lake before a moment. [UTC ms]"""
    # Brackets as known at the table's beginning: later ones would be news from the future there.
    first_ms = at_ms - (SIGNAL_DAYS + 1) * DAY_MS
    instrument = parse_symbol(symbol, venue)
    table = read_signal_table(Lake(lake), instrument, at_ms, brackets_ms=first_ms)
    return levels_of(known_columns(table), instrument_id)


class LevelsActor(Actor):
    """Keeps the newest levels, and refuses any from the future."""

    def __init__(self) -> None:
        super().__init__()
        self.newest: Levels | None = None
        self.seen = 0

    def on_start(self) -> None:
        """Ask for levels."""
        self.subscribe_data(TYPE, client_id=CLIENT)

    def on_data(self, data: Data) -> None:
        """Keep what comes."""
        if not isinstance(data, Levels):
            return
        if data.ts_event > self.clock.timestamp_ns():
            raise RuntimeError("levels were delivered before they were known")
        self.newest = data
        self.seen += 1


if __name__ == "__main__":
    sys.stdout.write(f"{__doc__}\nhint: read_levels(Path('lake'), 'BTC', at_ms, instrument_id)\n")
