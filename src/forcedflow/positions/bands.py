r"""Bands: how firmly it is known what stands between two prices.

In:  what each atom holds by price bin [USD], how much the data said of each atom's weight.
Out: `Band`: an estimate with its range and the share of it that no data informed. [USD]
Pure: NumPy in, NumPy out; no I/O, no clock, no global state.

The rule. With atoms scaled together to the open interest, what stands in a set of bins is
:math:`m = \sum_a H_a` of a side whose atoms hold the shares :math:`s_a`. Weights are independent
Gammas of shape :math:`e_a`, so to first order
:math:`\mathrm{sd}^2 = \sum_a (H_a - m s_a)^2 / e_a`: an atom that gains takes from all others. That
posterior is widened by what its prior might have been: every weight is also tilted by leverage and
half-life to the power ±½, times the share of it that the prior decides, and the band runs from the
lowest 10 % to the highest 90 % over all tilts. Under a stated prior nothing was learned: no
spread, and the tilts alone.

Neither part knows what the model has wrong, and against known positions that is most of it. What
learned weights say of *standing* notional is therefore also moved apart by `MODEL_ERROR`. What a
feed would show is measured where liquidations are, and is not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forcedflow.positions.atoms import Atoms
from forcedflow.positions.grid import PriceGrid
from forcedflow.positions.mixture import gamma_quantile
from forcedflow.units import F8, F8x2, Side

LOW, HIGH = 0.10, 0.90
"""Probabilities of a band's ends."""

TILTS = tuple(
    (leverage, holding)
    for leverage in (-0.5, 0.0, 0.5)
    for holding in (-0.5, 0.0, 0.5)
    if (leverage, holding) != (0.0, 0.0)
)
"""Powers of leverage and half-life that tilt the prior."""


@dataclass(frozen=True, slots=True)
class ModelError:
    """Factors on a band's ends for what the weights' posterior does not know of.

    Parameters
    ----------
    low, high : float
        [1]
    """

    low: float
    high: float

    def widen(self, usd: F8, low: F8, high: F8) -> tuple[F8, F8]:
        """Return ends with the model's error, never on the wrong side of the estimate.

        Parameters
        ----------
        usd, low, high : ndarray, shape (m,)
            Estimates and the ends of their bands. [USD]
        """
        return np.minimum(usd, self.low * low), np.maximum(usd, self.high * high)


MODEL_ERROR = ModelError(0.21, 0.74)
"""Measured on the simulated exchange (seeds 11–13); applies to standing notional only.

The 10 % of true notional over the band's lower end and the 90 % of true notional over its upper
end, per stretch of 1 % of price within ±12 % of the mark, both sides and 27 ladders pooled, each
after a fit of 45 days. Both are below one: the map is scaled to all open interest, of which market
makers and positions that nothing near liquidates hold the larger part there. So the upper end is
often the estimate itself. Nothing says that a real venue errs alike; see
``docs/theory/calibration.md``."""

AS_TOLD = ModelError(1.0, 1.0)
"""No error but what the weights' posterior and the tilts say."""


@dataclass(frozen=True, slots=True)
class Band:
    """An estimate and how far it may be off.

    Parameters
    ----------
    usd : float
        Estimate. [USD]
    low, high : float
        Its 10 and 90 %, never on the wrong side of it; under a stated prior its range. [USD]
    prior_share : float
        Share of the estimate that rests on the prior rather than on data. [1]
    """

    usd: float
    low: float
    high: float
    prior_share: float

    def row(self) -> dict[str, float]:
        """Return the band as a plain row, dollars rounded to whole ones."""
        return {
            "usd": round(self.usd),
            "low": round(self.low),
            "high": round(self.high),
            "prior_share": round(self.prior_share, 4),
        }


@dataclass(frozen=True, slots=True)
class SideMass:
    """What stands on one side by atom and price bin: ``a`` atoms, ``p`` bins, ``k`` tilts.

    Parameters
    ----------
    side : {"long", "short"}
    grid : PriceGrid
    by_atom_usd : ndarray, shape (a, p)
        Scaled to the open interest. [USD]
    held_share : ndarray, shape (a,)
        Share of the whole side's contracts that each atom holds, inside the window or not. [1]
    events : ndarray, shape (a,)
        Shape of each weight's posterior; infinite where weights are stated. [effective events]
    informed : ndarray, shape (a,)
        Share of those events that came from data. [1]
    tilts : ndarray, shape (k, a)
        Factors on the weights that alternative priors would have led to. [1]
    model_error : ModelError
        What `band` and `bands` are widened by.
    """

    side: Side
    grid: PriceGrid
    by_atom_usd: F8x2
    held_share: F8
    events: F8
    informed: F8
    tilts: F8x2
    model_error: ModelError = AS_TOLD

    def overlap(self, low: float, high: float) -> F8:
        """Return the share of each bin that lies in ``[low, high]``, in log price, shape (p,)."""
        edges = np.log(self.grid.edges)
        reach = np.minimum(edges[1:], np.log(high)) - np.maximum(edges[:-1], np.log(low))
        part: F8 = np.clip(reach / np.diff(edges), 0.0, 1.0)
        return part

    def band(self, bins: F8) -> Band:
        """Return what stands in a weighted set of bins, each weight from 0 to 1, shape (p,)."""
        return self.bands(bins[None])[0]

    def bands(self, sets: F8x2) -> list[Band]:
        """Return what stands in each of several weighted sets of bins.

        Parameters
        ----------
        sets : ndarray, shape (m, p)
            Weight of each bin in each set, from 0 to 1.

        Returns
        -------
        list of Band
        """
        held = sets @ self.by_atom_usd.T
        tilted = self.tilted(held)
        usd = tilted[:, 0]
        spread = np.sqrt(((held - usd[:, None] * self.held_share) ** 2 / self.events).sum(axis=1))
        relative = np.where(usd > 0, spread / np.where(usd > 0, usd, 1.0), 0.0)
        low, high = self.model_error.widen(usd, *envelope(tilted, tilted * relative[:, None]))
        return [
            Band(float(usd[i]), float(low[i]), float(high[i]), self.prior_share(held[i]))
            for i in range(len(sets))
        ]

    def tilted(self, held: F8x2) -> F8x2:
        """Return parts of the side as they are and under every tilt, shape (m, k + 1). [USD]

        Parameters
        ----------
        held : ndarray, shape (m, a)
            The parts, by atom. [USD]
        """
        whole = self.tilts @ self.held_share
        others = np.divide(
            held @ self.tilts.T, whole, out=np.zeros((len(held), whole.size)), where=whole > 0
        )
        return np.concatenate([held.sum(axis=1, keepdims=True), others], axis=1)

    def prior_share(self, held: F8) -> float:
        """Return how much of a part, given by atom, rests on the prior. [1]"""
        total = float(held.sum())
        return float((held * (1.0 - self.informed)).sum()) / total if total > 0 else 0.0


def envelope(mean: F8x2, deviation: F8x2) -> tuple[F8, F8]:
    """Return the lowest 10 % and the highest 90 % over Gammas, the first being the estimate.

    Parameters
    ----------
    mean, deviation : ndarray, shape (m, k)
        [USD]

    Returns
    -------
    low, high : ndarray, shape (m,)
        At most and at least the first mean: a Gamma's 90 % may lie below its mean. [USD]
    """
    low, high = (
        gamma_quantile(mean.ravel(), deviation.ravel(), probability).reshape(mean.shape)
        for probability in (LOW, HIGH)
    )
    return np.minimum(low.min(axis=1), mean[:, 0]), np.maximum(high.max(axis=1), mean[:, 0])


def tilts_of(atoms: Atoms, informed: F8) -> F8x2:
    """Return factors on the atoms' weights under every tilt of the prior.

    Parameters
    ----------
    atoms : Atoms
    informed : ndarray, shape (a,)
        An atom wholly informed by data does not move with its prior. [1]

    Returns
    -------
    ndarray, shape (len(TILTS), a)
        [1]
    """
    half_life = atoms.half_lives_days[atoms.class_of]
    free = 1.0 - informed
    return np.stack(
        [(atoms.leverage**leverage * half_life**holding) ** free for leverage, holding in TILTS]
    )
