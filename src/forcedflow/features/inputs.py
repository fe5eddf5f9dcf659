"""What features are computed from: the tables of one instrument, as known at one moment.

In:  frames of declared tables.   Out: `FeatureInputs`.
Pure: frames in, values out; no I/O, no clock, no global state.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from forcedflow.features.rows import Rows
from forcedflow.instruments import Instrument
from forcedflow.tables import is_simulated


@dataclass(frozen=True, slots=True)
class FeatureInputs:
    """Rows of one instrument that were available by one moment; any frame may be empty.

    Parameters
    ----------
    instrument : Instrument
    at_ms : int
        The moment. [UTC ms]
    trade_klines, mark_klines : polars.DataFrame
        Rows of ``klines`` of the perpetual: last and mark price.
    spot_klines : polars.DataFrame
        Rows of ``klines`` of the spot pair of the same coin.
    open_interest, funding, long_short_ratio, liquidation_totals, depth_bands : polars.DataFrame
        Rows of those tables. Printed liquidations are summed into totals by whoever reads them.
    calendar_events : polars.DataFrame
        Rows of that table, of every country.
    """

    instrument: Instrument
    at_ms: int
    trade_klines: pl.DataFrame
    mark_klines: pl.DataFrame
    spot_klines: pl.DataFrame
    open_interest: pl.DataFrame
    funding: pl.DataFrame
    long_short_ratio: pl.DataFrame
    liquidation_totals: pl.DataFrame
    depth_bands: pl.DataFrame
    calendar_events: pl.DataFrame
    _rows: dict[str, Rows] = field(default_factory=dict, init=False, repr=False, compare=False)

    def rows(self, field_name: str) -> Rows:
        """Return one of the frames as columns, the same ones every time."""
        if field_name not in self._rows:
            self._rows[field_name] = Rows(getattr(self, field_name))
        return self._rows[field_name]

    def tables(self) -> dict[str, pl.DataFrame]:
        """Return the frames by the name that readings call them by."""
        return {
            "perpetual klines": self.trade_klines,
            "mark klines": self.mark_klines,
            "spot klines": self.spot_klines,
            "open_interest": self.open_interest,
            "funding": self.funding,
            "long_short_ratio": self.long_short_ratio,
            "liquidation_totals": self.liquidation_totals,
            "depth_bands": self.depth_bands,
            "calendar_events": self.calendar_events,
        }

    @property
    def simulated(self) -> bool:
        """Return whether any row came from the simulated exchange; one is enough."""
        return any(
            is_simulated(source)
            for frame in self.tables().values()
            for source in frame["source"].unique()
        )
