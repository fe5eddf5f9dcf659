"""Atoms: the dictionary of positions a ladder is made of.

In:  a venue's maintenance margin and largest leverage.   Out: `Atoms`, one per
     (role × leverage tier × closing half-life), valid for both sides.
Pure: NumPy in, NumPy out; no I/O, no clock, no global state.

A prior weight says which share of new positions each atom receives. It is a stated guess until a
map is calibrated; tiers below about 5× are hardly ever swept and stay guesses even then.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forcedflow.margin import BracketSchedule, MarginRule, fresh_isolated_offset
from forcedflow.units import F8, I8

ROUND_LEVERAGES = (10.0, 12.0, 15.0, 20.0, 25.0, 30.0, 40.0, 50.0, 75.0, 100.0, 125.0, 150.0, 200.0)
"""What traders set from ten times up: on venues that publish positions nearly all sit on these."""

LOW_LEVERAGES = tuple(float(x) for x in np.geomspace(1.8, 9.0, 24))
"""Below ten, effective leverage is a continuum of cross margin and top-ups: a dense grid."""

HALF_LIVES_DAYS = (0.05, 0.2, 0.7, 2.5, 8.0)
"""Closing half-lives of voluntary exits. The shortest absorbs market-making churn."""

_PRIOR_LEVERAGE = (2.0, 5.0, 10.0, 25.0, 50.0, 100.0)
_PRIOR_SHARE = (0.20, 0.25, 0.25, 0.15, 0.08, 0.04)
"""Share of open interest by effective leverage. Venues' own statements of 2018–2025 bracket it."""

_BAND_CAPS = (5.0, 10.0, 25.0, 50.0)
BANDS = ("≤5×", "5–10×", "10–25×", "25–50×", ">50×")
"""Leverage bands that pictures and tables group tiers into."""


@dataclass(frozen=True, slots=True)
class Atoms:
    """One entry per atom, ``n`` in all.

    Parameters
    ----------
    leverage : ndarray, shape (n,)
        Leverage at entry. [×]
    offset_long, offset_short : ndarray, shape (n,)
        Log of liquidation price over entry price: below zero for longs, above for shorts. [1]
    share : ndarray, shape (n,)
        Share of its role's opens that the atom receives; sums to one within a role. [1]
    class_of, role_of, band_of : ndarray of int, shape (n,)
        Index into `half_lives_days`, into `roles` and into `BANDS`.
    half_lives_days : ndarray, shape (k,)
        Half-lives of voluntary closing. [d]
    roles : tuple of str
        Who opened: ``("all",)`` or ``("taker", "maker")``.
    maintenance_margin_rate : ndarray, shape (n,)
        Rate used for each atom. [1]
    """

    leverage: F8
    offset_long: F8
    offset_short: F8
    share: F8
    class_of: I8
    role_of: I8
    band_of: I8
    half_lives_days: F8
    roles: tuple[str, ...]
    maintenance_margin_rate: F8

    @property
    def size(self) -> int:
        """Return the number of atoms."""
        return int(self.share.size)

    @property
    def standing_share(self) -> F8:
        """Return the share of a steady ladder each atom holds: inflow times mean life."""
        return self.standing(self.share)

    def standing(self, share: F8) -> F8:
        """Return the share of a steady ladder each atom holds where opens are split by ``share``.

        Parameters
        ----------
        share : ndarray, shape (n,)
            Of opens. [1]

        Returns
        -------
        ndarray, shape (n,)
            Sums to one. [1]
        """
        weight = share * self.half_lives_days[self.class_of]
        standing: F8 = weight / weight.sum()
        return standing

    @property
    def tiers(self) -> F8:
        """Return the distinct leverages, ascending. [×]"""
        return np.unique(self.leverage)


def prior_atoms(
    schedule: BracketSchedule,
    rule: MarginRule,
    *,
    roles: tuple[str, ...] = ("all",),
    typical_notional: float = 50_000.0,
    half_lives_days: tuple[float, ...] = HALF_LIVES_DAYS,
) -> Atoms:
    """Return atoms with prior weights: the stated leverage mixture times even half-lives.

    Parameters
    ----------
    schedule : BracketSchedule
        Maintenance margin by position size; caps the leverage.
    rule : MarginRule
        The venue's rule on the day: which fee it reserves.
    roles : tuple of str
        ``("taker", "maker")`` where taker flow is known.
    typical_notional : float
        Position size whose bracket sets the maintenance rate of a tier, unless the tier's leverage
        is only allowed in a smaller bracket. [quote]
    half_lives_days : tuple of float
        Half-lives of voluntary closing. [d]

    Returns
    -------
    Atoms

    Notes
    -----
    The prior is a share of *standing* open interest by leverage, the same for every half-life, so
    it is also the share of inflow by leverage; half-lives share the inflow evenly, which leaves
    most of the standing open interest with the long ones.
    """
    tiers, rates = _tiers(schedule, rule, typical_notional)
    n_tiers, fee = tiers.size, rule.fee_rate
    long_ratio = fresh_isolated_offset(tiers, rates, fee, "long")
    short_ratio = fresh_isolated_offset(tiers, rates, fee, "short")
    weight = prior_leverage_share(tiers)
    n_classes, n_roles = len(half_lives_days), len(roles)
    # Layout: role outermost, then half-life, then tier, so that a class is contiguous.
    tile = n_roles * n_classes
    return Atoms(
        leverage=np.tile(tiers, tile),
        offset_long=np.tile(np.log(long_ratio), tile),
        offset_short=np.tile(np.log(short_ratio), tile),
        share=np.tile(weight / n_classes, tile),
        class_of=np.tile(np.repeat(np.arange(n_classes), n_tiers), n_roles),
        role_of=np.repeat(np.arange(n_roles), n_classes * n_tiers),
        band_of=np.tile(np.searchsorted(_BAND_CAPS, tiers, side="left"), tile),
        half_lives_days=np.asarray(half_lives_days, dtype=np.float64),
        roles=roles,
        maintenance_margin_rate=np.tile(rates, tile),
    )


def prior_leverage_share(tiers: F8) -> F8:
    """Return the prior share of open interest of each leverage tier, summing to one.

    The stated shares are read as a density over log leverage, interpolated, and given to each tier
    over its cell, halfway to its neighbours; the outermost values hold beyond the stated range.
    """
    stated = np.log(_PRIOR_LEVERAGE)
    density = np.asarray(_PRIOR_SHARE) / _cells(stated)
    at = np.log(tiers)
    weight = np.interp(at, stated, density) * _cells(at)
    share: F8 = weight / weight.sum()
    return share


def _cells(at: F8) -> F8:
    """Width of each point's cell; the outermost cells are symmetric."""
    halfway = (at[1:] + at[:-1]) / 2
    return np.diff(np.concatenate([[2 * at[0] - halfway[0]], halfway, [2 * at[-1] - halfway[-1]]]))


def _tiers(schedule: BracketSchedule, rule: MarginRule, notional: float) -> tuple[F8, F8]:
    """Leverage tiers that the brackets allow, with the maintenance rate of each."""
    kept, rates = [], []
    for tier in (*LOW_LEVERAGES, *ROUND_LEVERAGES):
        allowed = schedule.for_leverage(tier)
        if not allowed:
            break
        holding = [bracket for bracket in allowed if notional <= bracket.notional_cap]
        rate = (holding or allowed[-1:])[0].maintenance_margin_rate
        # A position whose margin does not cover maintenance and fee cannot be opened.
        if rate + rule.fee_rate < 1 / tier:
            kept.append(tier)
            rates.append(rate)
    if len(kept) < 2:
        raise ValueError(
            f"{schedule.name}: brackets allow no leverage of {LOW_LEVERAGES[1]:g} or more"
        )
    return np.asarray(kept), np.asarray(rates)
