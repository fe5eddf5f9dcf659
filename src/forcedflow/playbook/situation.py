"""The situation: everything known of one instrument at one moment, for whoever judges it.

In:  the map, features, readings, the cascade both ways.   Out: `Situation`.
Pure: values in, values out; no I/O, no clock, no global state.

Every surface (checklist, roadmap, regime, plan, page) reads the same situation, so that no two of
them can disagree.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from forcedflow.cascade.cascade import Cascade
from forcedflow.depth.curve import DepthCurve
from forcedflow.features.table import FeatureTable
from forcedflow.forecast.forecast import Forecast
from forcedflow.liquidation_map import LiquidationMap
from forcedflow.playbook.record import LegRecord, RegimeRecord
from forcedflow.signals.reading import Reading
from forcedflow.zones import Zone


@dataclass(frozen=True, slots=True)
class Situation:
    """One instrument at one moment.

    Parameters
    ----------
    mapped : LiquidationMap
    zones : tuple of Zone
        Its clusters, nearest first.
    features : FeatureTable
        Every feature up to the moment.
    readings : tuple of Reading
        The eight signals.
    cascade : Cascade, optional
        None where neither a book nor a volume is known.
    depth : pair of DepthCurve, optional
        Down and up; None likewise.
    reasons : tuple of (str, str)
        What could not be had, and why: ``("depth", "no book and no volume known by then")``.
    liquidations : polars.DataFrame, optional
        Rows of ``liquidation_totals`` over the map's history; None where none is held.
    leg_record : LegRecord, optional
        What plans like these came to, on a span that was over; None where no record is held.
    regime_record : RegimeRecord, optional
        What followed each regime, likewise.
    forecast : Forecast, optional
        What is told of the hours ahead; None where no model was fitted by then.
    """

    mapped: LiquidationMap
    zones: tuple[Zone, ...]
    features: FeatureTable
    readings: tuple[Reading, ...]
    cascade: Cascade | None
    depth: tuple[DepthCurve, DepthCurve] | None
    reasons: tuple[tuple[str, str], ...] = ()
    liquidations: pl.DataFrame | None = None
    leg_record: LegRecord | None = None
    regime_record: RegimeRecord | None = None
    forecast: Forecast | None = None

    @property
    def at_ms(self) -> int:
        """Return the moment asked about. [UTC ms]"""
        return self.mapped.market.at_ms

    @property
    def mark(self) -> float:
        """Return the mark price. [quote per base]"""
        return self.mapped.mark

    @property
    def simulated(self) -> bool:
        """Return whether any of it is of the simulated exchange."""
        return self.mapped.simulated or self.features.simulated

    def reading(self, signal: str) -> Reading:
        """Return one signal's reading.

        Raises
        ------
        KeyError
            If there is no such signal.
        """
        for reading in self.readings:
            if reading.signal == signal:
                return reading
        raise KeyError(signal)

    def major(self, side: str) -> Zone | None:
        """Return the nearest major cluster of a side, else its largest, else None."""
        own = [zone for zone in self.zones if zone.side == side]
        nearest = [zone for zone in own if zone.major]
        if nearest:
            return min(nearest, key=lambda zone: abs(zone.distance_pct))
        return max(own, key=lambda zone: zone.notional_usd, default=None)

    def reason(self, what: str) -> str:
        """Return why something could not be had; empty where nothing was said."""
        return dict(self.reasons).get(what, "")
