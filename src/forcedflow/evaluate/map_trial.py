"""One trial of the map: every competitor on the same bars, the same floor and the same level.

In:  bars with their path, flows, realised liquidations, an end of the fit. [USD]
Out: `Trial`: expectations of each competitor for every interval, fitted on the past alone.
Pure: values in, values out; no I/O, no clock.

Nothing is fitted on an interval that ends after the end of the fit. Afterwards every competitor
with weights goes on learning them and the level of every competitor is followed, each from
strictly earlier intervals, because feeds and leverage drift.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from forcedflow.cascade.montecarlo import Spread
from forcedflow.errors import NoDataError
from forcedflow.evaluate.nulls import incumbent_rule, net_flows, shifted_flows
from forcedflow.evaluate.placebos import (
    SHUFFLE_SEED,
    mirrored_design,
    permuted_design,
    shuffled_weight,
    stale_sweeps,
)
from forcedflow.evaluate.realised import Realised
from forcedflow.positions import Atoms, Bars, Flows, LiquidationLadder
from forcedflow.positions.background import (
    Background,
    Features,
    background_features,
    fit_background,
    sum_features,
    trailing_level,
)
from forcedflow.positions.mixture import (
    BACKGROUND_EVENTS,
    Design,
    Mixture,
    OnlineMixture,
    aggregate_design,
    fit_mixture,
)
from forcedflow.positions.price_history import equal_flows
from forcedflow.units import I8, F8x2

OURS = "forcedflow"
LEAST_INTERVALS = 100
"""Intervals without which no mixture is fitted."""

CARRIED = 0.3
"""Share of the fit's effective events that online weights keep as their prior. Inner folds cannot
tell values from 0.1 to 1 apart; this one was chosen on development data and is not refitted."""

FLOOR_SHARE = 0.02
"""Every competitor expects at least this share of the fitted mean: a rule that says zero where
something happens would otherwise lose by an infinite margin."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a trial needs and no fit changes.

    Parameters
    ----------
    end_ms : ndarray of int, shape (m,)
        Ends of the intervals. [UTC ms]
    length_ms : int
        Their length. [ms]
    target : ndarray, shape (m, 2)
        Realised liquidations. [USD]
    background : ndarray, shape (m, 2, j)
        Path-only terms. [USD]
    designs : dict of str to ndarray, shape (m, 2, a)
        Unit sweeps of each variant of flows. [USD]
    incumbent : ndarray, shape (m, 2)
        What the public rule says. [USD]
    atoms : Atoms
    placebos : bool
        Whether the placebos take part.
    """

    end_ms: I8
    length_ms: int
    target: F8x2
    background: Features
    designs: dict[str, Design]
    incumbent: F8x2
    atoms: Atoms
    placebos: bool = False


@dataclass(frozen=True, slots=True)
class Trial:
    """Expectations of every competitor.

    Parameters
    ----------
    prepared : Prepared
    fit_to_ms : int
        End of the fit. [UTC ms]
    expected : dict of str to ndarray, shape (m, 2)
        By competitor: weights learned on after the fit where it has any, level followed. [USD]
    learned : dict of str to ndarray, shape (m, 2)
        The same without following the level. [USD]
    static : dict of str to ndarray, shape (m, 2)
        As fitted: nothing learned or followed since. [USD]
    mixture : Mixture
        Ours.
    path_only : Background
    """

    prepared: Prepared
    fit_to_ms: int
    expected: dict[str, F8x2]
    learned: dict[str, F8x2]
    static: dict[str, F8x2]
    mixture: Mixture
    path_only: Background


VARIANTS: dict[str, Callable[[Bars, Flows], Flows]] = {
    OURS: lambda _, flows: flows,
    "unif": equal_flows,
    "roll7": shifted_flows,
    "net": net_flows,
}


def prepare(
    bars: Bars,
    flows: Flows,
    realised: Realised,
    length_ms: int,
    atoms: Atoms,
    width: float,
    *,
    placebos: bool = False,
) -> Prepared:
    """Return designs, background and targets on the intervals where all of them are known.

    Parameters
    ----------
    bars : Bars
    flows : Flows
        Inferred flows of the same bars, one role per role of the atoms.
    realised : Realised
    length_ms : int
        Length of a target interval. [ms]
    atoms : Atoms
    width : float
        Lattice bin width in log price. [1]
    placebos : bool
        Also let the placebos take part; about four more replays.

    Returns
    -------
    Prepared
    """
    features = sum_features(background_features(bars), bars, realised.end_ms, length_ms)
    known = np.isfinite(features).all(axis=(1, 2))
    end_ms = realised.end_ms[known]
    unit = replace(atoms, share=np.ones(atoms.size))
    designs = {}
    for name, variant in VARIANTS.items():
        ladder = LiquidationLadder(unit, width)
        swept = ladder.replay(bars, variant(bars, flows), with_design=True).design
        if swept is None:
            raise AssertionError("a replay with its design records it")
        designs[name] = aggregate_design(swept, bars.close, bars.end_ms, end_ms, length_ms)
    if placebos:
        swept = stale_sweeps(bars, flows, unit, width)
        designs["stale"] = aggregate_design(swept, bars.close, bars.end_ms, end_ms, length_ms)
    per_bar = incumbent_rule(bars).usd
    incumbent = aggregate_design(
        per_bar.T[:, None, :], np.ones(bars.size), bars.end_ms, end_ms, length_ms
    )[:, :, 0]
    return Prepared(
        end_ms,
        length_ms,
        realised.usd[known],
        features[known],
        designs,
        incumbent,
        atoms,
        placebos,
    )


def hold_trial(prepared: Prepared, fit_to_ms: int) -> Trial:
    """Return every competitor's expectations, fitted up to a moment.

    Raises
    ------
    NoDataError
        If too few intervals lie before it.
    DataError
        If a side was never liquidated before it.
    """
    fit = prepared.end_ms <= fit_to_ms
    if fit.sum() < LEAST_INTERVALS:
        raise NoDataError(
            f"{fit.sum()} intervals with a path and liquidations before the end of the fit, "
            f"{LEAST_INTERVALS} are needed"
        )
    target, background = prepared.target, prepared.background
    path_only = fit_background(background[fit], target[fit])
    static = {"path_only": path_only.predict(background)}
    nothing = np.zeros((target.shape[0], 2, 0))
    learned = {"path_only": _learned(prepared, fit, _as_mixture(path_only), nothing)}
    mixtures = {}
    for name, design in _designs(prepared, fit_to_ms).items():
        mixture = fit_mixture(design[fit], background[fit], target[fit], prepared.atoms.share)
        mixtures[name] = mixture
        static[name] = mixture.predict(design, background)
        learned[name] = _learned(prepared, fit, mixture, design)
    if prepared.placebos:
        ours, design = mixtures[OURS], prepared.designs[OURS]
        dealt = replace(
            ours, weight=shuffled_weight(ours, prepared.atoms, design[fit], SHUFFLE_SEED)
        )
        static["shuffled"] = dealt.predict(design, background)
    raw = prepared.incumbent
    factor = target[fit].sum() / raw[fit].sum() if raw[fit].sum() > 0 else 0.0
    held = background[:, :, -1]
    static["incumbent"] = raw
    static["incumbent_scaled"] = raw * factor
    static["constant"] = held * (target[fit].sum(axis=0) / held[fit].sum(axis=0))
    # The rule with a floor of its own: what the open interest alone says, and the rest scaled.
    half = 0.5 * static["constant"]
    rest = (target[fit].sum() - half[fit].sum()) / raw[fit].sum() if raw[fit].sum() > 0 else 0.0
    static["incumbent_floor"] = half + raw * rest
    floor = FLOOR_SHARE * target[fit].mean(axis=0)
    static = {name: np.maximum(expected, floor) for name, expected in static.items()}
    # Every model that has weights goes on learning them alike; the others have a level alone.
    learned = {
        **static,
        **{name: np.maximum(expected, floor) for name, expected in learned.items()},
    }
    followed = {
        name: expected
        * trailing_level(target.sum(axis=1), expected.sum(axis=1), prepared.end_ms)[:, None]
        for name, expected in learned.items()
    }
    # The raw rule is scored as it is sold: without anybody following its level.
    followed["incumbent"] = static["incumbent"]
    return Trial(prepared, fit_to_ms, followed, learned, static, mixtures[OURS], path_only)


def hold_trials(prepared: Prepared, ends_ms: Sequence[int], spread: Spread = map) -> list[Trial]:
    """Return one trial per end of a fit, as `hold_trial` does.

    Parameters
    ----------
    prepared : Prepared
    ends_ms : sequence of int
        Ends of the fits. [UTC ms]
    spread : callable, optional
        Runs each fit elsewhere, as ``map`` would here.

    Returns
    -------
    list of Trial
        In the order of the ends.

    Raises
    ------
    NoDataError
        As `hold_trial`.
    """
    held = spread(partial(_hold_bare, prepared), ends_ms)
    return [replace(trial, prepared=prepared) for trial in held]


def _hold_bare(prepared: Prepared, fit_to_ms: int) -> Trial:
    # What went to a worker with the task need not come back with every trial.
    bare = replace(prepared, designs={}, background=prepared.background[:0])
    return replace(hold_trial(prepared, fit_to_ms), prepared=bare)


def _as_mixture(background: Background) -> Mixture:
    """Return the path-only null as a mixture without atoms, so that it can go on learning too."""
    none = np.zeros((2, 0))
    return Mixture(none, none, background.weights, background.dispersion, none, background.n)


def _learned(
    prepared: Prepared,
    fit: np.ndarray[tuple[int], np.dtype[np.bool_]],
    mixture: Mixture,
    design: Design,
) -> F8x2:
    """Let a fit's weights go on learning from each hour once it is over; its expectations."""
    terms, target = prepared.background[fit], prepared.target[fit]
    expected = mixture.predict(design, prepared.background)
    credited = np.einsum("nsj,ns->sj", terms, target / np.maximum(expected[fit], 1e-9)) * (
        mixture.background / mixture.dispersion[:, None]
    )
    online = OnlineMixture(mixture, carried=CARRIED, background_events=credited + BACKGROUND_EVENTS)
    after = ~fit
    expected[after] = online.replay(
        design[after], prepared.background[after], prepared.target[after], prepared.end_ms[after]
    )
    return expected


def _designs(prepared: Prepared, fit_to_ms: int) -> dict[str, Design]:
    """Return every design that a mixture is fitted to."""
    if not prepared.placebos:
        return prepared.designs
    ours = prepared.designs[OURS]
    return {
        **prepared.designs,
        "mirrored": mirrored_design(ours),
        "permuted": permuted_design(ours, prepared.background, prepared.end_ms, fit_to_ms),
    }
