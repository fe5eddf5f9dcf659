"""A trained mixture: weights learned elsewhere or earlier, and to which atoms they belong.

In:  a `Mixture` with the identity of its atoms.   Out: the same weights on a ladder's own atoms.
Pure: NumPy in, NumPy out; no I/O, no clock, no global state.

Brackets change and venues differ, so the atoms of today need not be those of the fit: an atom is
found again by role, half-life and leverage, never by its place in an array.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forcedflow.errors import DataError
from forcedflow.positions.atoms import Atoms
from forcedflow.positions.mixture import PRIOR_EVENTS, Mixture
from forcedflow.units import F8, F8x2

_SAME = 1e-6


@dataclass(frozen=True, slots=True)
class TrainedMixture:
    """Weights of one market's liquidations, and what they rest on.

    Parameters
    ----------
    venue, symbol : str
        Market whose positions were explained.
    name : str
        Name of the stored map.
    fit_to_ms : int
        End of the fit; nothing later was seen. [UTC ms]
    length_ms : int
        Length of the intervals fitted. [ms]
    mixture : Mixture
        ``a`` atoms.
    role : tuple of str
        Role of each atom.
    leverage, half_life_days : ndarray, shape (a,)
        Leverage [×] and half-life [d] of each atom.
    spans_ms : tuple of int
        Memories of the path-only terms. [ms]
    level : float
        Factor between realised and expected liquidations. [1]
    level_of : str
        When and from what that was taken, in words.
    targets : str
        Whose liquidations were explained.
    simulated : bool
        Whether any row behind it is of the simulated exchange.
    card : tuple of str
        What it is, what it rests on and what it is worth, in words.
    complete_feed : bool
        Whether the feed prints every forced close; otherwise its level is a lower bound.
    """

    venue: str
    symbol: str
    name: str
    fit_to_ms: int
    length_ms: int
    mixture: Mixture
    role: tuple[str, ...]
    leverage: F8
    half_life_days: F8
    spans_ms: tuple[int, ...]
    level: float
    level_of: str
    targets: str
    simulated: bool
    card: tuple[str, ...] = ()
    complete_feed: bool = False

    def check_known_by(self, at_ms: int) -> None:
        """Return if the fit had ended by a moment.

        Raises
        ------
        DataError
            If it saw anything later; names both times.
        """
        if self.fit_to_ms > at_ms:
            raise DataError(
                f"{self.name} was fitted to data up to {_utc(self.fit_to_ms)}, which is after "
                f"the moment asked about, {_utc(at_ms)}\n"
                "hint: --model prior, or train one with an earlier --fit-to"
            )

    def on(self, atoms: Atoms) -> Mixture:
        """Return the weights on other atoms.

        Parameters
        ----------
        atoms : Atoms

        Returns
        -------
        Mixture
            An atom that the fit did not know takes its prior share of the fitted total, with the
            prior's few events and none informed; one that ``atoms`` lacks is left out.

        Raises
        ------
        DataError
            If they share no atom, or a side has no weight at all.
        """
        place = self._places(atoms)
        known = place >= 0
        if not known.any():
            raise DataError(f"{self.name}: shares no leverage and half-life with this market")
        taken = np.where(known, place, 0)
        fitted = self.mixture.weight[:, taken]
        rate = (fitted * known).sum(axis=1) / float(atoms.share[known].sum())
        weight = np.where(known, fitted, atoms.share * rate[:, None])
        if not (weight.sum(axis=1) > 0).all():
            raise DataError(f"{self.name}: a side has no weight")
        return Mixture(
            weight=weight,
            events=np.where(known, self.mixture.events[:, taken], PRIOR_EVENTS),
            background=self.mixture.background,
            dispersion=self.mixture.dispersion,
            informed=np.where(known, self.mixture.informed[:, taken], 0.0),
            n=self.mixture.n,
        )

    def _places(self, atoms: Atoms) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """Index of each of ``atoms`` in the fit, or -1."""
        place = np.full(atoms.size, -1, dtype=np.int64)
        role = np.asarray(self.role)
        half_life = atoms.half_lives_days[atoms.class_of]
        for a in range(atoms.size):
            same = (
                (role == atoms.roles[atoms.role_of[a]])
                & (np.abs(self.leverage / atoms.leverage[a] - 1) < _SAME)
                & (np.abs(self.half_life_days / half_life[a] - 1) < _SAME)
            )
            if same.any():
                place[a] = int(np.argmax(same))
        return place


def shares_of(mixture: Mixture) -> F8x2:
    """Return each side's weights as shares of opens, shape (2, a), each summing to one. [1]"""
    shares: F8x2 = mixture.weight / mixture.weight.sum(axis=1, keepdims=True)
    return shares


def _utc(ms: int) -> str:
    return f"{np.datetime64(ms, 'ms').astype('datetime64[s]')}Z"
