"""What the shipped bands of standing notional are worth where every position is known.

In:  a trained map of a simulated market, and its true ladders at some moments.
Out: `BandPairs`: shipped bands beside the truth, by stretch of price and by zone [USD]; the model
     error that would have made bands of stretches right. [1]
No I/O, no clock: the markets come from `benchmarks.sandbox_map`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl

from forcedflow.evaluate.truth_scores import REACH
from forcedflow.instruments import Instrument
from forcedflow.liquidation_map import LiquidationMap, Market
from forcedflow.margin import BracketSchedule, rule_for
from forcedflow.pipeline import build_map
from forcedflow.positions import PriceGrid
from forcedflow.positions.bands import AS_TOLD, HIGH, LOW, MODEL_ERROR, Band, ModelError
from forcedflow.positions.trained import TrainedMixture
from forcedflow.units import SIDES

HALF_PERCENT, PERCENT = 0.005, 0.01
"""Widths of the stretches. [share of the mark price]"""

WIDE = 0.35
"""How far on either side of the mark a true ladder is kept: farther than any zone. [1]"""

HELD = (0.75, 0.85)
"""How often a 10–90 % band is asked to hold the truth. [1]"""


@dataclass(frozen=True, slots=True)
class TrueLadder:
    """What stands at one moment, as it is.

    Parameters
    ----------
    at_ms : int
        [UTC ms]
    grid : PriceGrid
    usd : ndarray, shape (2, grid.size)
        Longs, then shorts. [USD]
    """

    at_ms: int
    grid: PriceGrid
    usd: np.ndarray

    def on(self, grid: PriceGrid) -> np.ndarray:
        """Return the same on a narrower window of the same lattice, shape (2, grid.size). [USD]"""
        first = grid.first - self.grid.first
        if (grid.width, grid.step) != (self.grid.width, 1) or not (
            0 <= first <= self.grid.size - grid.size
        ):
            raise ValueError("the window does not lie on the true ladder's lattice")
        return self.usd[:, first : first + grid.size]


@dataclass(frozen=True, slots=True)
class BandPair:
    """A shipped band and what truly stood there. [USD]"""

    band: Band
    true_usd: float

    @property
    def below(self) -> bool:
        """Return whether the truth lay below the band."""
        return self.true_usd < self.band.low

    @property
    def above(self) -> bool:
        """Return whether the truth lay above the band."""
        return self.true_usd > self.band.high


@dataclass(frozen=True, slots=True)
class BandPairs:
    """Bands beside the truth: by half percents and percents within `REACH`, and by zone.

    ``told`` are the percents with what the weights and their tilts say, without a model error.
    """

    half_percents: list[BandPair] = field(default_factory=list)
    percents: list[BandPair] = field(default_factory=list)
    zones: list[BandPair] = field(default_factory=list)
    told: list[BandPair] = field(default_factory=list)

    def extend(self, others: BandPairs) -> None:
        """Add another ladder's or seed's."""
        self.half_percents.extend(others.half_percents)
        self.percents.extend(others.percents)
        self.zones.extend(others.zones)
        self.told.extend(others.told)

    @property
    def named(self) -> dict[str, list[BandPair]]:
        """Return every list under the name that the page gives it."""
        return {
            "per 1 %, without model error": self.told,
            "per 0.5 %": self.half_percents,
            "per 1 %": self.percents,
            "per zone": self.zones,
        }


def coverage(pairs: Sequence[BandPair]) -> float:
    """Return how often the truth lay inside. [1]"""
    return float(np.mean([not (pair.below or pair.above) for pair in pairs]))


def true_over_estimate(pairs: Sequence[BandPair]) -> float:
    """Return the median of true over estimated notional, where something is estimated. [1]"""
    return float(np.median([p.true_usd / p.band.usd for p in pairs if p.band.usd > 0]))


def learn_model_error(told: Sequence[BandPair]) -> ModelError:
    """Return the factors that put a tenth of the truths below the bands and a tenth above.

    Parameters
    ----------
    told : sequence of BandPair
        Bands without a model error.
    """
    found = [pair for pair in told if pair.band.low > 0]
    low, high = (
        float(np.quantile([pair.true_usd / end(pair.band) for pair in found], probability))
        for probability, end in ((LOW, lambda band: band.low), (HIGH, lambda band: band.high))
    )
    return ModelError(low, high)


def shipped_bands(
    rows: dict[str, pl.DataFrame],
    truth: Sequence[TrueLadder],
    trained: TrainedMixture,
    schedule: BracketSchedule,
    instrument: Instrument,
) -> BandPairs:
    """Return every band that a trained map prints at the moments of the true ladders.

    Parameters
    ----------
    rows : dict of str to polars.DataFrame
        The venue's ``open_interest``, ``klines`` and ``funding``.
    truth : sequence of TrueLadder
    trained : TrainedMixture
    schedule : BracketSchedule
    instrument : Instrument
    """
    pairs = BandPairs()
    for ladder in truth:
        mapped = build_map(market_at(rows, ladder.at_ms, schedule, instrument), trained=trained)
        grid = mapped.grid()
        true = ladder.on(grid)
        pairs.half_percents.extend(_by_stretch(mapped, grid, true, HALF_PERCENT, MODEL_ERROR))
        pairs.percents.extend(_by_stretch(mapped, grid, true, PERCENT, MODEL_ERROR))
        pairs.zones.extend(_by_zone(mapped, grid, true))
        pairs.told.extend(_by_stretch(mapped, grid, true, PERCENT, AS_TOLD))
    return pairs


def band_figures(bands: BandPairs, values: dict[str, float], tests: dict[str, bool]) -> None:
    """Add how often the bands hold the truth, and whether that is what is asked."""
    for name, pairs in bands.named.items():
        values[f"shipped band {name}: holds the truth"] = coverage(pairs)
        values[f"shipped band {name}: truth below"] = float(np.mean([p.below for p in pairs]))
        values[f"shipped band {name}: truth above"] = float(np.mean([p.above for p in pairs]))
    values["true over shipped estimate, median per 1 %"] = true_over_estimate(bands.percents)
    values["true over shipped estimate, median per zone"] = true_over_estimate(bands.zones)
    for name in ("per 1 %", "per zone"):
        tests[f"shipped band {name} holds the truth in {HELD[0]} … {HELD[1]}"] = (
            HELD[0] <= values[f"shipped band {name}: holds the truth"] <= HELD[1]
        )


def pooled_line(bands: BandPairs) -> str:
    """Return how often the bands of all seeds together hold the truth, in words."""
    held = {name: coverage(pairs) for name, pairs in bands.named.items()}
    said = "; ".join(
        f"{name} {held[name]:.3f} of {len(pairs)}" for name, pairs in bands.named.items()
    )
    both = (held["per 1 %"], held["per zone"])
    met = ["met" if HELD[0] <= share <= HELD[1] else "**not met**" for share in both]
    return (
        f"Shipped bands of all seeds together hold the truth: {said}. Asked are {HELD[0]} … "
        f"{HELD[1]}: per 1 % {met[0]}, per zone {met[1]}."
    )


def pool(parts: Iterable[BandPairs]) -> BandPairs:
    """Return the bands of all seeds together."""
    pooled = BandPairs()
    for part in parts:
        pooled.extend(part)
    return pooled


def market_at(
    rows: dict[str, pl.DataFrame], at_ms: int, schedule: BracketSchedule, instrument: Instrument
) -> Market:
    """Return the rows of an instrument that were known by a moment."""
    known = {
        name: frame.filter(
            (pl.col("symbol") == instrument.symbol)
            & (pl.col("available_time").dt.epoch("ms") <= at_ms)
        )
        for name, frame in rows.items()
    }
    klines = known["klines"]
    return Market(
        instrument=instrument,
        at_ms=at_ms,
        open_interest=known["open_interest"],
        mark_klines=klines.filter(pl.col("price_type") == "mark"),
        trade_klines=klines.filter(pl.col("price_type") == "last"),
        funding=known["funding"],
        schedule=schedule,
        rule=rule_for(instrument.venue, "linear", at_ms),
    )


def _by_stretch(
    mapped: LiquidationMap, grid: PriceGrid, true: np.ndarray, width: float, error: ModelError
) -> Iterator[BandPair]:
    lows = width * np.arange(round(REACH / width))
    for s, side in enumerate(SIDES):
        away = (1 if side == "short" else -1) * (grid.prices / mapped.mark - 1)
        sets = np.stack([(low <= away) & (away < low + width) for low in lows]).astype(float)
        bands = replace(mapped.mass(grid, side), model_error=error).bands(sets)
        for band, stands in zip(bands, sets @ true[s], strict=True):
            yield BandPair(band, float(stands))


def _by_zone(mapped: LiquidationMap, grid: PriceGrid, true: np.ndarray) -> Iterator[BandPair]:
    for zone in mapped.zones():
        band = Band(
            zone.notional_usd, zone.notional_usd_low, zone.notional_usd_high, zone.prior_share
        )
        inside = (zone.low < grid.prices) & (grid.prices < zone.high)
        yield BandPair(band, float(true[SIDES.index(zone.side), inside].sum()))
