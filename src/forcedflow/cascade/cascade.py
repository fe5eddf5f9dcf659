"""The cascade: both directions of one market at one moment, and everything the answer rests on.

In:  the chains down and up, the maps and books they were built from.
Out: `Cascade`: chains, asymmetry, base rates, assumptions, ages. [USD, 1]
Pure: values in, values out; no I/O, no clock, no global state.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from forcedflow.cascade.base_rate import BaseRate
from forcedflow.cascade.chain import TRIGGER_SHARE, Chain
from forcedflow.cascade.criticality import DOUBLED, SWEPT_SHARE
from forcedflow.cascade.hawkes.timing import UNKNOWN, Timing
from forcedflow.cascade.montecarlo import LABEL, LEAST_LEFT, MEMORY_MS
from forcedflow.cascade.start import Start
from forcedflow.cascade.waves import WaveRules
from forcedflow.depth.curve import DepthCurve, Direction
from forcedflow.depth.resilience import Resilience
from forcedflow.liquidation_map import LiquidationMap
from forcedflow.units import DAY_MS, HOUR_MS, SECOND_MS
from forcedflow.volatility.filtered_history import FilteredHistory


class Asymmetry(NamedTuple):
    """Which way is the more fragile; each from -1, all up, to 1, all down. [1]

    ``forced`` of expected forced flow, ``structural`` of the structural probability.
    """

    forced: float
    structural: float


@dataclass(frozen=True, slots=True)
class Cascade:
    """What would fall, both ways.

    Parameters
    ----------
    maps : tuple of LiquidationMap
        One per venue; the first one's mark is the origin, its bars the history.
    depths : tuple of pairs of DepthCurve
        One per map: down, up.
    start : Start
    horizon_ms : int
        Horizon of the dominoes' shares. [ms]
    scenarios, seed : int
        What the horizon was simulated with.
    resilience : Resilience
        How the books give way.
    rules : WaveRules
        Of the way down; those up differ in the distance to bankruptcy only.
    history : FilteredHistory
    down, up : Chain
    base_rates : tuple of BaseRate
        Of past moves, both ways and within each span.
    timing : Timing, optional
        What the times of past prints say; None where too few are held.
    """

    maps: tuple[LiquidationMap, ...]
    depths: tuple[tuple[DepthCurve, DepthCurve], ...]
    start: Start
    horizon_ms: int
    scenarios: int
    seed: int
    resilience: Resilience
    rules: WaveRules
    history: FilteredHistory
    down: Chain
    up: Chain
    base_rates: tuple[BaseRate, ...]
    timing: Timing | None = None

    @property
    def simulated(self) -> bool:
        """Return whether any of it is of the simulated exchange; every surface must say so."""
        return any(mapped.simulated for mapped in self.maps)

    @property
    def mark(self) -> float:
        """Return the mark price at the moment. [quote per base]"""
        return self.maps[0].mark

    @property
    def at_ms(self) -> int:
        """Return the moment. [UTC ms]"""
        return self.maps[0].market.at_ms

    def chain(self, direction: Direction) -> Chain:
        """Return the chain of a direction."""
        return self.down if direction == "down" else self.up

    def asymmetry(self) -> Asymmetry:
        """Return which way is the more fragile."""
        structural = [
            chain.simulation.structural_probability().value for chain in (self.down, self.up)
        ]
        forced = [chain.expected_forced_usd() for chain in (self.down, self.up)]
        return Asymmetry(_balance(*forced), _balance(*structural))

    def assumptions(self) -> dict[str, Any]:
        """Return everything the answer rests on beyond the maps' own assumptions."""
        stage = self.down.stage
        return {
            "label": LABEL,
            "simulated": self.simulated,
            "estimate": "what would follow if; not a forecast that it will",
            "start": self.start.words(self.mark),
            "probabilities": f"shares of {self.scenarios} scenarios over "
            f"{self.horizon_ms / HOUR_MS:g} h less what record_bound takes away; {LABEL}: nothing "
            "yet says how often the market agrees; volatility_only is the same paths with nothing "
            "forced",
            "paths": f"filtered history: past bars of {self.history.step_ms / SECOND_MS:g} s over "
            "the volatility expected before each, in blocks of "
            f"{self.history.block * self.history.step_ms / HOUR_MS:g} h, times today's; past drift "
            "taken out, past cascades still in; "
            f"{self.history.ranged_share:.0%} of them with lows or highs beyond closes",
            "sigma_day": round(self.history.sigma * (DAY_MS / self.history.step_ms) ** 0.5, 5),
            "forced_flow": {"down": list(self.down.stage.notes), "up": list(self.up.stage.notes)},
            "forced_log_sd": {
                "down": round(self.down.stage.forced_log_sd, 3),
                "up": round(self.up.stage.forced_log_sd, 3),
            },
            "depth_log_sd": {
                "down": round(self.down.stage.depth_log_sd, 3),
                "up": round(self.up.stage.depth_log_sd, 3),
            },
            "reaching": f"{stage.reaching:.0%} of forced flow reaches the book, assumed",
            "withdrawal": f"depth times exp(-{self.resilience.omega:g} × excess of realised over "
            f"ordinary volatility, half-life {MEMORY_MS / SECOND_MS:g} s), at least "
            f"{LEAST_LEFT:.0%}; {self.resilience.source}",
            "refill": f"half of what was taken is back in {self.rules.refill_half_life_s:g} s, "
            "which decides more than anything else here; alternatives show its ends",
            "waves": f"{self.rules.source}; steps of {self.down.simulation.step_s:g} s",
            "cascade_rules": f"the way is more than {DOUBLED:g} times as long as without the "
            f"ladder, or more than {SWEPT_SHARE:.0%} of open interest is forced",
            "trigger": f"price that has reached {TRIGGER_SHARE:.0%} of a cluster",
            "record_bound": {
                chain.direction: None
                if chain.simulation.bound is None
                else chain.simulation.bound.words(chain.direction)
                for chain in (self.down, self.up)
            },
            "timing": UNKNOWN if self.timing is None else self.timing.words(),
            "seed": self.seed,
            "maps": [mapped.assumptions() for mapped in self.maps],
        }

    def freshness(self) -> dict[str, Any]:
        """Return how old the maps' inputs and the books were at the moment asked about."""
        return {
            "at_ms": self.at_ms,
            "depth_age_s": {
                mapped.market.instrument.venue: (self.at_ms - min(down.at_ms, up.at_ms)) / SECOND_MS
                for mapped, (down, up) in zip(self.maps, self.depths, strict=True)
            },
            "maps": [mapped.freshness() for mapped in self.maps],
        }


def _balance(down: float, up: float) -> float:
    return (down - up) / (down + up) if down + up > 0 else 0.0
