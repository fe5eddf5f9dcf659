"""Fitting a map to keep: everything known by the end of the fit, then the weights.

In:  a lake, an instrument, the end of the fit. [UTC ms]   Out: `FittedMap`; later, its level.
Reads the lake through `asof`; free of the clock.

The fit is the scorecard's own: the same bars, flows, background and prior.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from forcedflow.asof import read_liquidations, read_market, read_path_klines
from forcedflow.errors import NoDataError
from forcedflow.evaluate.map_trial import LEAST_INTERVALS, OURS, Prepared, prepare
from forcedflow.evaluate.path_only import scored_bars
from forcedflow.evaluate.realised import Realised, realised_liquidations
from forcedflow.instruments import Instrument
from forcedflow.liquidation_map import Market
from forcedflow.positions import (
    Atoms,
    Bars,
    Flows,
    LiquidationLadder,
    bin_width,
    infer_flows,
    prior_atoms,
)
from forcedflow.positions.background import background_features, sum_features, trailing_level
from forcedflow.positions.mixture import Mixture, aggregate_design, fit_mixture
from forcedflow.positions.trained import TrainedMixture
from forcedflow.store import Lake
from forcedflow.store.artefacts import DataPart
from forcedflow.tables import is_simulated
from forcedflow.units import DAY_MS, F8, I8, F8x2

_LEVEL_DAYS = 150
"""How much history the level is followed over, the filling of the ladder included."""


@dataclass(frozen=True, slots=True)
class MapEvidence:
    """What a lake holds to fit a map to, as of one moment.

    Parameters
    ----------
    market : Market
    path_klines, liquidations : polars.DataFrame
    targets : str
        Whose liquidations they are.
    bars : Bars
    flows : Flows
    atoms : Atoms
    width : float
        Lattice bin width in log price. [1]
    realised : Realised
    length_ms : int
        Length of an interval. [ms]
    """

    market: Market
    path_klines: pl.DataFrame
    liquidations: pl.DataFrame
    targets: str
    bars: Bars
    flows: Flows
    atoms: Atoms
    width: float
    realised: Realised
    length_ms: int

    @property
    def simulated(self) -> bool:
        """Return whether any row is of the simulated exchange."""
        return self.market.simulated or any(
            is_simulated(source)
            for frame in (self.path_klines, self.liquidations)
            for source in frame["source"].unique()
        )

    def complete_feed(self, fit_to_ms: int) -> bool:
        """Return whether every liquidation known of up to a moment is of a complete feed."""
        fitted = self.liquidations.filter(pl.col("event_time").dt.epoch("ms") <= fit_to_ms)
        return not fitted.is_empty() and bool((fitted["completeness"] == "complete").all())

    def parts(self) -> dict[str, DataPart]:
        """Return what was read, by table."""
        return {
            "open_interest": _part(self.market.open_interest),
            "path_klines": _part(self.path_klines),
            "trade_klines": _part(self.market.trade_klines),
            "funding": _part(self.market.funding),
            "liquidations": _part(self.liquidations),
        }


@dataclass(frozen=True, slots=True)
class FittedMap:
    """A fitted map.

    Parameters
    ----------
    evidence : MapEvidence
    fit_to_ms : int
        [UTC ms]
    mixture : Mixture
    level : float
        Realised over expected at the end of the fit. [1]
    prior_share : float
        Share of what clusters were expected to lose over the fit that rests on the prior. [1]
    prepared : Prepared
        What it was fitted to, beside its opponents.
    """

    evidence: MapEvidence
    fit_to_ms: int
    mixture: Mixture
    level: float
    prior_share: float
    prepared: Prepared


def read_evidence(lake: Lake, instrument: Instrument, at_ms: int, length_ms: int) -> MapEvidence:
    """Return what was known by a moment of a market's positions and liquidations.

    Raises
    ------
    NoDataError
        If there is no open interest or there are no liquidations by then.
    """
    market = read_market(lake, instrument, at_ms)
    first_ms = int(market.open_interest["event_time"].dt.epoch("ms")[0])
    liquidations, targets = read_liquidations(lake, instrument, first_ms, at_ms)
    path = read_path_klines(lake, instrument, at_ms)
    bars = scored_bars(market.open_interest, path, market.trade_klines, market.funding, length_ms)
    flows = infer_flows(bars).joined()
    return MapEvidence(
        market=market,
        path_klines=path,
        liquidations=liquidations,
        targets=targets,
        bars=bars,
        flows=flows,
        atoms=prior_atoms(market.schedule, market.rule, roles=flows.roles),
        width=bin_width(float(bars.close[0]), instrument.tick_size),
        realised=realised_liquidations(liquidations, length_ms),
        length_ms=length_ms,
    )


def fit_map(evidence: MapEvidence, fit_to_ms: int) -> FittedMap:
    """Return the map fitted to the intervals that end by a moment.

    Raises
    ------
    NoDataError
        If there are too few.
    DataError
        If a side was never liquidated.
    """
    prepared = prepare(
        evidence.bars,
        evidence.flows,
        evidence.realised,
        evidence.length_ms,
        evidence.atoms,
        evidence.width,
    )
    fit = prepared.end_ms <= fit_to_ms
    if fit.sum() < LEAST_INTERVALS:
        raise NoDataError(
            f"{fit.sum()} intervals with a path and liquidations before the end of the fit, "
            f"{LEAST_INTERVALS} are needed\nhint: a later --fit-to, or a shorter --horizon"
        )
    design, background = prepared.designs[OURS][fit], prepared.background[fit]
    target = prepared.target[fit]
    mixture = fit_mixture(design, background, target, evidence.atoms.share)
    expected = mixture.predict(design, background)
    level = _level_at(target, expected, prepared.end_ms[fit], fit_to_ms)
    lost = design.sum(axis=0) * mixture.weight
    prior_share = float((lost * (1 - mixture.informed)).sum() / lost.sum()) if lost.any() else 1.0
    return FittedMap(evidence, fit_to_ms, mixture, level, prior_share, prepared)


def follow_level(lake: Lake, instrument: Instrument, trained: TrainedMixture, at_ms: int) -> float:
    """Return the level of a trained mixture's feed as of a moment after its fit.

    Parameters
    ----------
    lake : Lake
    instrument : Instrument
    trained : TrainedMixture
    at_ms : int
        [UTC ms]

    Returns
    -------
    float
        Realised over expected liquidations of the months before, later ones counting more. [1]

    Raises
    ------
    NoDataError
        If the liquidations that the mixture was fitted to are not held up to then.
    """
    evidence = read_evidence(lake, instrument, at_ms, trained.length_ms)
    if evidence.targets != trained.targets:
        raise NoDataError(f"{trained.targets} are not held, only {evidence.targets}")
    weights = trained.on(evidence.atoms)
    first = int(np.searchsorted(evidence.bars.end_ms, at_ms - _LEVEL_DAYS * DAY_MS))
    bars = evidence.bars.cut(first, evidence.bars.size)
    background = sum_features(
        background_features(bars, trained.spans_ms),
        bars,
        evidence.realised.end_ms,
        trained.length_ms,
    )
    known = np.isfinite(background).all(axis=(1, 2))
    end_ms, target = evidence.realised.end_ms[known], evidence.realised.usd[known]
    if not end_ms.size or at_ms - int(end_ms[-1]) > DAY_MS:
        raise NoDataError(f"{trained.targets} are not held up to the last day")
    unit = replace(evidence.atoms, share=np.ones(evidence.atoms.size))
    flows = infer_flows(bars).joined()
    swept = LiquidationLadder(unit, evidence.width).replay(bars, flows, with_design=True).design
    if swept is None:
        raise AssertionError("a replay with its design records it")
    design = aggregate_design(swept, bars.close, bars.end_ms, end_ms, trained.length_ms)
    return _level_at(target, weights.predict(design, background[known]), end_ms, at_ms)


def _level_at(target: F8x2, expected: F8x2, end_ms: I8, at_ms: int) -> float:
    """Return the trailing level as it is known at a moment after the last interval."""
    later = max(at_ms, int(end_ms[-1]) + 1)
    level = trailing_level(
        np.append(target.sum(axis=1), 0.0),
        np.append(expected.sum(axis=1), 0.0),
        np.append(end_ms, later),
    )
    return float(level[-1])


def _part(frame: pl.DataFrame) -> DataPart:
    buffer = io.BytesIO()
    frame.write_ipc(buffer)
    times: F8 = frame["event_time"].dt.epoch("ms").to_numpy()
    return DataPart(
        rows=frame.height,
        first_ms=int(times.min()) if times.size else None,
        last_ms=int(times.max()) if times.size else None,
        sha256=hashlib.sha256(buffer.getvalue()).hexdigest(),
    )
