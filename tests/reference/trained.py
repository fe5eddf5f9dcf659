"""A trained mixture made by hand: any weights on any atoms, with everything else plain."""

from __future__ import annotations

import numpy as np

from forcedflow.positions.mixture import Mixture
from forcedflow.positions.trained import TrainedMixture

HOUR_MS = 3_600_000
SPANS_MS = (2 * HOUR_MS, 12 * HOUR_MS, 48 * HOUR_MS)


def trained_on(
    atoms,
    *,
    weight=None,
    events=20.0,
    informed=0.9,
    venue="binance",
    symbol="BTC/USDT:USDT",
    fit_to_ms=0,
    level=1.0,
    simulated=False,
    dispersion=1e3,
):
    """Weights on these atoms; without any, the longs' are hot and the shorts' are cold."""
    if weight is None:
        hot = atoms.share * atoms.leverage**0.5
        cold = atoms.share * atoms.leverage**-0.5
        weight = 0.01 * np.stack([hot / hot.sum(), cold / cold.sum()])
    return TrainedMixture(
        venue=venue,
        symbol=symbol,
        name="by-hand",
        fit_to_ms=fit_to_ms,
        length_ms=HOUR_MS,
        mixture=Mixture(
            weight=np.asarray(weight, dtype=float),
            events=np.full((2, atoms.size), float(events)),
            background=np.full((2, len(SPANS_MS) + 2), 1e-5),
            dispersion=np.full(2, float(dispersion)),
            informed=np.full((2, atoms.size), float(informed)),
            n=1000,
        ),
        role=tuple(atoms.roles[role] for role in atoms.role_of),
        leverage=atoms.leverage.copy(),
        half_life_days=atoms.half_lives_days[atoms.class_of],
        spans_ms=SPANS_MS,
        level=level,
        level_of="the end of the fit",
        targets="example liquidation_totals",
        simulated=simulated,
        card=("made by hand",),
    )
