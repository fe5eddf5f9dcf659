"""The liquidation map: the estimated ladder of one instrument at one moment, and what it answers.

In:  the ladder, the path that led to it, the market it was built from.
Out: profiles, what-if, zones, and everything the estimate rests on. [USD, quote per base]
Pure: frames in, values out; no I/O, no clock, no global state.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from forcedflow.heatmap import Heatmap
from forcedflow.instruments import Instrument
from forcedflow.margin import BracketSchedule, MarginRule
from forcedflow.positions import Atoms, Bars, Flows, LiquidationLadder, PriceGrid, Replay, view
from forcedflow.positions.bands import AS_TOLD, MODEL_ERROR, SideMass, tilts_of
from forcedflow.positions.mixture import Mixture
from forcedflow.positions.trained import TrainedMixture
from forcedflow.positions.what_if import FeedUnits, WhatIf, path_terms, sweep
from forcedflow.tables import is_simulated
from forcedflow.units import F8, HOUR_MS, SECOND_MS, SIDES, F8x2, Side
from forcedflow.zones import SideProfile, Zone, find_zones
from forcedflow.zones.find import DENSE, MAJOR_SHARE, REACH, SADDLE, TINY_SHARE

MODEL = "prior"
"""Name of the stated mixture: shares of leverage and holding time, not fitted to anything."""

CALIBRATED = "calibrated"
"""Name of a mixture whose weights were learned from realised liquidations."""


@dataclass(frozen=True)
class Market:
    """What could be known of one instrument at one moment.

    Parameters
    ----------
    instrument : Instrument
    at_ms : int
        The moment. Every row was available by then. [UTC ms]
    open_interest, mark_klines, trade_klines, funding : polars.DataFrame
        Rows of those tables; all but the first may be empty.
    schedule : BracketSchedule
        Leverage brackets, with their date and source.
    rule : MarginRule
        The venue's margin rule in force.
    notes : tuple of str
        What had to be assumed to fill the rest, in words.
    lent_by : str, optional
        The market whose history this is, scaled, where the instrument's own is too short.
    """

    instrument: Instrument
    at_ms: int
    open_interest: pl.DataFrame
    mark_klines: pl.DataFrame
    trade_klines: pl.DataFrame
    funding: pl.DataFrame
    schedule: BracketSchedule
    rule: MarginRule
    notes: tuple[str, ...] = ()
    lent_by: str | None = None

    @cached_property
    def simulated(self) -> bool:
        """Return whether any row came from the simulated exchange; one is enough."""
        frames = (self.open_interest, self.mark_klines, self.trade_klines, self.funding)
        return is_simulated(self.schedule.source) or any(
            is_simulated(source) for frame in frames for source in frame["source"].unique()
        )


@dataclass(frozen=True, slots=True)
class LiquidationMap:
    """The estimated ladder of one instrument at one moment, and the path that led to it.

    Parameters
    ----------
    market : Market
    bars : Bars
        ``n`` bars; everything below is known at the end of the last.
    flows : Flows
    ladder : LiquidationLadder
        State after the last bar. [base coins]
    replay : Replay
    scale : ndarray, shape (n, 2)
        Factor per bar and side that brings the ladder to the open interest. [1]
    sigma_day : float
        Standard deviation of the log return over the coming 24 h. [1]
    heatmap : Heatmap, optional
        The picture, where one was asked for.
    trained : TrainedMixture, optional
        What was learned of the weights; none under the stated prior.
    weights : Mixture, optional
        The same on this ladder's atoms.
    births : LiquidationLadder, optional
        The same ladder fed with contracts times hours since the first bar, where somebody keeps
        one as bars come; replayed anew where nobody does. [base coins × h]
    """

    market: Market
    bars: Bars
    flows: Flows
    ladder: LiquidationLadder
    replay: Replay
    scale: F8x2
    sigma_day: float
    heatmap: Heatmap | None = None
    trained: TrainedMixture | None = None
    weights: Mixture | None = None
    births: LiquidationLadder | None = None

    @property
    def simulated(self) -> bool:
        """Return whether this is of the simulated exchange; every surface must say so."""
        return self.market.simulated or (self.trained is not None and self.trained.simulated)

    @property
    def model(self) -> str:
        """Return the name of the mixture: `MODEL` or `CALIBRATED`."""
        return MODEL if self.trained is None else CALIBRATED

    @property
    def borrowed_from(self) -> str | None:
        """Return the market whose weights these are, where it is not this one."""
        if self.trained is None:
            return None
        here = self.market.instrument
        if (self.trained.venue, self.trained.symbol) == (here.venue, here.symbol):
            return None
        return f"{self.trained.venue} {self.trained.symbol}"

    @property
    def model_words(self) -> str:
        """Return what the mixture is, in words that fit beside a number."""
        lent_by = self.market.lent_by
        ladder = f"ladder borrowed from {lent_by}, scaled; " if lent_by else ""
        if self.trained is None:
            return f"{ladder}stated prior mixture, not calibrated"
        weights = f", borrowed from {self.borrowed_from}" if self.borrowed_from else ""
        return f"{ladder}mixture calibrated on realised liquidations ({self.trained.name}{weights})"

    @property
    def range_words(self) -> str:
        """Return what the range of standing notional is, in words that fit beside a number."""
        if self.trained is None:
            return "range over stated priors"
        return "10–90 % incl. model error"

    @property
    def mark(self) -> float:
        """Return the last mark price. [quote per base]"""
        return float(self.bars.close[-1])

    @property
    def open_interest_usd(self) -> float:
        """Return one-sided open interest at the mark. [USD]"""
        return float(self.bars.open_interest[-1]) * self.mark

    @property
    def known_ms(self) -> int:
        """Return the end of the last bar. [UTC ms]"""
        return int(self.bars.end_ms[-1])

    def grid(self, reach: float = 0.25) -> PriceGrid:
        """Return the finest price window ``reach`` on either side of the mark."""
        return view(self.mark * (1 - reach), self.mark * (1 + reach), self.ladder.width)

    def profile_usd(self, grid: PriceGrid, side: Side) -> F8x2:
        """Return estimated notional by leverage band and price bin, shape ``(bands, p)``. [USD]"""
        contracts = self.ladder.profile(grid, side)
        scaled: F8x2 = contracts * self.scale[-1, SIDES.index(side)] * grid.prices
        return scaled

    def mass(self, grid: PriceGrid, side: Side) -> SideMass:
        """Return what stands on one side by atom and price bin, and how firmly that is known."""
        s = SIDES.index(side)
        atoms = self.ladder.atoms
        held = self.ladder.standing_by_atom(side)
        # In place: a fresh array of atoms times bins costs more than the product.
        by_atom_usd = self.ladder.by_atom(grid, side)
        by_atom_usd *= self.scale[-1, s]
        by_atom_usd *= grid.prices
        informed = np.zeros(atoms.size) if self.weights is None else self.weights.informed[s]
        events = np.full(atoms.size, np.inf) if self.weights is None else self.weights.events[s]
        return SideMass(
            side=side,
            grid=grid,
            by_atom_usd=by_atom_usd,
            held_share=held / held.sum() if held.sum() > 0 else np.zeros(atoms.size),
            events=events,
            informed=informed,
            tilts=tilts_of(atoms, informed),
            model_error=AS_TOLD if self.weights is None else MODEL_ERROR,
        )

    def what_if(self, to_price: float) -> WhatIf:
        """Return what would be liquidated on the way from the mark to a price.

        Parameters
        ----------
        to_price : float
            [quote per base]

        Returns
        -------
        WhatIf

        Raises
        ------
        ValueError
            If the price is not positive.
        """
        if not to_price > 0:
            raise ValueError(f"a price must be positive, was {to_price}")
        low, high = min(self.mark, to_price), max(self.mark, to_price)
        # A few bins more, so that the window's borders touch nothing.
        reach = 4 * self.ladder.width
        grid = view(low * (1 - reach), high * (1 + reach), self.ladder.width)
        long, short = (self.mass(grid, side) for side in SIDES)
        units = None if self.trained is None else self._feed_units(to_price)
        length_ms = None if self.trained is None else self.trained.length_ms
        return sweep((long, short), self.mark, to_price, units, length_ms)

    def zones(self) -> list[Zone]:
        """Return the clusters around the mark, nearest first."""
        return find_zones(self.profiles(), self.mark, self.sigma_day, self.known_ms)

    def profiles(self) -> list[SideProfile]:
        """Return what zones are found in: both sides around the mark, longs first."""
        grid, births = self.grid(), self._births()
        return [self._side_profile(grid, side, births) for side in SIDES]

    def assumptions(self) -> dict[str, Any]:
        """Return everything the estimate rests on, for every answer that carries a number."""
        atoms, market = self.ladder.atoms, self.market
        schedule, rule = market.schedule, market.rule
        return {
            "model": self.model,
            "calibrated": self.trained is not None,
            "simulated": self.simulated,
            "estimate": "notional force-closed if touched; not a forecast that it will be touched",
            "inputs": list(self.flows.inputs),
            "open_interest": "one-sided, base coins at the mark price",
            "opens": "opens_long + opens_short = volume + change of open interest, per bar",
            "consumed_by": "mark price; a bar's own entries enter after its range",
            "leverage_prior": _shares_by_tier(atoms, atoms.share),
            **self._learned(),
            "half_lives_days": atoms.half_lives_days.tolist(),
            "roles": list(atoms.roles),
            "maintenance_margin": {
                "brackets": schedule.source,
                "brackets_of_ms": schedule.effective_ms,
                "partial": schedule.partial,
                "rule": rule.source,
                "value": rule.maintenance_value,
                "fee_rate": rule.fee_rate,
            },
            "scaled_to_open_interest": {
                side: round(float(self.scale[-1, s]), 4) for s, side in enumerate(SIDES)
            },
            "unseen_entries_share": {
                side: round(self._unseen_share(s), 4) for s, side in enumerate(SIDES)
            },
            "range": (
                "least and most over eight priors tilted by leverage^±½ and half-life^±½"
                if self.weights is None
                else "10–90 %, widened by the model error measured on the simulated exchange: the "
                "weights' posterior and eight tilts of the prior by leverage^±½ and half-life^±½, "
                "where data did not inform a weight, their ends times the factors of model_error"
            ),
            "zones": {
                "dense": DENSE,
                "saddle": SADDLE,
                "reach": REACH,
                "tiny_share": TINY_SHARE,
                "major_share": MAJOR_SHARE,
            },
            "bin_log_width": self.ladder.width,
            "notes": list(market.notes),
            **({"ladder_lent_by": market.lent_by} if market.lent_by else {}),
        }

    def freshness(self) -> dict[str, Any]:
        """Return how old each input was at the moment asked about."""
        at = self.market.at_ms
        ages = {
            name: None if frame.is_empty() else (at - _newest(frame)) / SECOND_MS
            for name, frame in (
                ("open_interest", self.market.open_interest),
                ("mark_klines", self.market.mark_klines),
                ("trade_klines", self.market.trade_klines),
                ("funding", self.market.funding),
            )
        }
        return {
            "at_ms": at,
            "last_bar_end_ms": self.known_ms,
            "age_s": (at - self.known_ms) / SECOND_MS,
            "history_days": round((self.known_ms - int(self.bars.end_ms[0])) / (24 * HOUR_MS), 2),
            "input_age_s": ages,
            "fit_age_s": None
            if self.trained is None
            else (at - self.trained.fit_to_ms) / SECOND_MS,
        }

    def realised_per_usd(self, side: Side) -> float:
        """Return what the fitted feed shows of a dollar standing on the map, its level included.

        Raises
        ------
        ValueError
            If nothing was fitted.
        """
        if self.trained is None:
            raise ValueError("a stated prior knows no feed")
        return self.trained.level * self._fitted_per_usd(SIDES.index(side))

    def _fitted_per_usd(self, s: int) -> float:
        if self.weights is None:
            raise ValueError("a stated prior knows no feed")
        # The ladder holds shares of opens; a weight is their sum times its share.
        scale = float(self.scale[-1, s])
        return float(self.weights.weight[s].sum()) / scale if scale > 0 else 0.0

    def _births(self) -> LiquidationLadder:
        """Return the same ladder fed with contracts times hours since the first bar.

        The ladder is linear in its opens, so this over the ladder is the mean hour of entry; what
        stood before the first bar counts from there.
        """
        if self.births is not None:
            return self.births
        hours = ((self.bars.end_ms - self._first_ms) / HOUR_MS)[:, None]
        weighted = replace(
            self.flows,
            opens_long=self.flows.opens_long * hours,
            opens_short=self.flows.opens_short * hours,
        )
        births = LiquidationLadder(self.ladder.atoms, self.ladder.width, self.ladder.share)
        births.replay(self.bars, weighted)
        return births

    def _side_profile(self, grid: PriceGrid, side: Side, births: LiquidationLadder) -> SideProfile:
        contracts = self.ladder.profile(grid, side).sum(axis=0)
        hours = births.profile(grid, side).sum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean_hours = np.where(contracts > 0, hours / contracts, 0.0)
        mass = self.mass(grid, side)
        return SideProfile(
            side=side,
            grid=grid,
            notional_usd=contracts * self.scale[-1, SIDES.index(side)] * grid.prices,
            alternatives_usd=np.zeros((0, grid.size)),
            birth_ms=self._first_ms + mean_hours * HOUR_MS,
            open_interest=float(self.bars.open_interest[-1]),
            mass=mass,
        )

    def _feed_units(self, to_price: float) -> tuple[FeedUnits, FeedUnits]:
        """Return what turns each side's map into liquidations of the feed that was fitted."""
        if self.trained is None or self.weights is None:
            raise ValueError("a stated prior knows no feed")
        trained, weights = self.trained, self.weights
        terms = path_terms(self.bars, to_price, trained.length_ms, trained.spans_ms)
        long, short = (
            FeedUnits(
                per_usd=self._fitted_per_usd(s),
                background_usd=float(terms[s] @ weights.background[s]),
                level=trained.level,
                dispersion=float(weights.dispersion[s]),
            )
            for s in range(len(SIDES))
        )
        return long, short

    def _learned(self) -> dict[str, Any]:
        """Return what the weights rest on, where they were learned."""
        if self.trained is None or self.weights is None:
            return {}
        atoms, trained = self.ladder.atoms, self.trained
        return {
            "mixture": {
                "name": trained.name,
                "fit_to_ms": trained.fit_to_ms,
                "interval_ms": trained.length_ms,
                "targets": trained.targets,
                "level": round(trained.level, 4),
                "level_of": trained.level_of,
                "borrowed_from": self.borrowed_from,
                "card": list(trained.card),
            },
            "leverage_fitted": {
                side: _shares_by_tier(atoms, self.ladder.share[s]) for s, side in enumerate(SIDES)
            },
            "prior_share": {side: round(self._prior_share(side), 4) for side in SIDES},
            "model_error": {
                "low_factor": MODEL_ERROR.low,
                "high_factor": MODEL_ERROR.high,
                "source": "measured on the simulated exchange (seeds 11–13); applies to standing "
                "notional only. The estimate is scaled to all open interest, and the truth was "
                "about a quarter of it there; nothing says that a real venue errs alike",
            },
        }

    def _prior_share(self, side: Side) -> float:
        """Share of a side's standing contracts whose weights data did not inform."""
        held = self.ladder.standing_by_atom(side)
        if self.weights is None or not held.sum() > 0:
            return 1.0
        return float(held @ (1.0 - self.weights.informed[SIDES.index(side)]) / held.sum())

    @property
    def _first_ms(self) -> int:
        return int(self.bars.end_ms[0] - self.bars.elapsed_ms[0])

    def _unseen_share(self, side: int) -> float:
        """Most of a side that may still be positions opened before the first bar."""
        seeded = float(self.bars.open_interest[0] - self.bars.change[0])
        days = (self.known_ms - int(self.bars.end_ms[0])) / (24 * HOUR_MS)
        atoms = self.ladder.atoms
        left = float(
            (
                atoms.standing(self.ladder.share[side])
                * 2.0 ** (-days / atoms.half_lives_days[atoms.class_of])
            ).sum()
        )
        alive = float(self.replay.alive[-1, side])
        return min(1.0, seeded * left / alive) if alive > 0 else 0.0


def scale_to_open_interest(alive: F8x2, open_interest: F8x2) -> F8x2:
    """Return the factor per bar and side that brings a ladder to the open interest.

    Parameters
    ----------
    alive : ndarray, shape (n, 2)
        Contracts standing after each bar. [base coins]
    open_interest : ndarray, shape (n, 1)
        One-sided open interest. [base coins]

    Returns
    -------
    ndarray, shape (n, 2)
        0 where all that is alive is the rounding of running totals. [1]
    """
    standing = alive > 1e-9 * open_interest
    return np.where(standing, open_interest / np.where(standing, alive, 1.0), 0.0)


def _shares_by_tier(atoms: Atoms, share: F8) -> list[dict[str, float]]:
    """Return the share of opens by leverage."""
    return [
        {
            "leverage": round(float(tier), 2),
            "share": round(float(share[atoms.leverage == tier].sum() / share.sum()), 4),
        }
        for tier in atoms.tiers
    ]


def _newest(frame: pl.DataFrame) -> int:
    # By a view: the table engine's planner takes a thousand times as long for one column.
    return int(frame["event_time"].to_numpy().view(np.int64).max())
