"""The journey of a row, in code: tables in, ladder, heatmap and zones out.

In:  `Market`: what the lake may show of one instrument at one moment.
Out: `LiquidationMap`: the ladder with its zones, pictures, assumptions and ages.
Pure: frames in, values out; no I/O, no clock, no global state.

Read this file first. Each call below is one stage, and each stage is one folder:

    open interest, mark, volume ─▶ bars ─▶ flows ─▶ LiquidationLadder ─▶ heatmap ─▶ zones
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from forcedflow.heatmap import (
    Heatmap,
    build_heatmap,
    lay_canvas,
    lay_columns,
    lay_prices,
)
from forcedflow.instruments import Instrument
from forcedflow.margin import BracketSchedule, MarginRule
from forcedflow.positions import (
    Bars,
    Flows,
    LiquidationLadder,
    PriceGrid,
    Replay,
    bin_width,
    build_bars,
    infer_flows,
    prior_atoms,
    view,
)
from forcedflow.tables import is_simulated
from forcedflow.units import HOUR_MS, SECOND_MS, SIDES, F8x2, Side
from forcedflow.volatility import ewma_volatility
from forcedflow.zones import SideProfile, Zone, find_zones
from forcedflow.zones.find import DENSE, MAJOR_SHARE, REACH, SADDLE, TINY_SHARE

MODEL = "prior"
"""Name of the mixture: stated shares of leverage and holding time, not fitted to anything."""

ALTERNATIVE_TILTS = tuple(
    (leverage, holding)
    for leverage in (-0.5, 0.0, 0.5)
    for holding in (-0.5, 0.0, 0.5)
    if (leverage, holding) != (0.0, 0.0)
)
"""Powers of leverage and half-life that tilt the prior; the range under them is printed."""


@dataclass(frozen=True, slots=True)
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

    @property
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
    """

    market: Market
    bars: Bars
    flows: Flows
    ladder: LiquidationLadder
    replay: Replay
    scale: F8x2
    sigma_day: float
    heatmap: Heatmap | None = None

    @property
    def simulated(self) -> bool:
        """Return whether this is of the simulated exchange; every surface must say so."""
        return self.market.simulated

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

    def zones(self) -> list[Zone]:
        """Return the clusters around the mark, nearest first."""
        grid, births = self.grid(), self._births()
        profiles = [self._side_profile(grid, side, births) for side in SIDES]
        return find_zones(profiles, self.mark, self.sigma_day, self.known_ms)

    def assumptions(self) -> dict[str, Any]:
        """Return everything the estimate rests on, for every answer that carries a number."""
        atoms, market = self.ladder.atoms, self.market
        schedule, rule = market.schedule, market.rule
        tier_share = [float(atoms.share[atoms.leverage == tier].sum()) for tier in atoms.tiers]
        total = sum(tier_share)
        return {
            "model": MODEL,
            "calibrated": False,
            "simulated": self.simulated,
            "estimate": "notional force-closed if touched; not a forecast that it will be touched",
            "inputs": list(self.flows.inputs),
            "open_interest": "one-sided, base coins at the mark price",
            "opens": "opens_long + opens_short = volume + change of open interest, per bar",
            "consumed_by": "mark price; a bar's own entries enter after its range",
            "leverage_prior": [
                {"leverage": round(float(tier), 2), "share": round(share / total, 4)}
                for tier, share in zip(atoms.tiers, tier_share, strict=True)
            ],
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
            "range": "least and most over eight priors tilted by leverage^±½ and half-life^±½",
            "zones": {
                "dense": DENSE,
                "saddle": SADDLE,
                "reach": REACH,
                "tiny_share": TINY_SHARE,
                "major_share": MAJOR_SHARE,
            },
            "bin_log_width": self.ladder.width,
            "notes": list(market.notes),
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
        }

    def _births(self) -> LiquidationLadder:
        """Return the same ladder fed with contracts times hours since the first bar.

        The ladder is linear in its opens, so this over the ladder is the mean hour of entry; what
        stood before the first bar counts from there.
        """
        hours = ((self.bars.end_ms - self._first_ms) / HOUR_MS)[:, None]
        weighted = replace(
            self.flows,
            opens_long=self.flows.opens_long * hours,
            opens_short=self.flows.opens_short * hours,
        )
        births = LiquidationLadder(self.ladder.atoms, self.ladder.width)
        births.replay(self.bars, weighted)
        return births

    def _side_profile(self, grid: PriceGrid, side: Side, births: LiquidationLadder) -> SideProfile:
        contracts = self.ladder.profile(grid, side).sum(axis=0)
        hours = births.profile(grid, side).sum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean_hours = np.where(contracts > 0, hours / contracts, 0.0)
        held = float(self.bars.open_interest[-1])
        alternatives = []
        for leverage_power, holding_power in ALTERNATIVE_TILTS:
            weight = self.ladder.atoms.tilted(leverage_power, holding_power)
            standing = self.ladder.standing(side, weight)
            other = self.ladder.profile(grid, side, weight).sum(axis=0)
            alternatives.append(other * (held / standing if standing > 0 else 0.0) * grid.prices)
        return SideProfile(
            side=side,
            grid=grid,
            notional_usd=contracts * self.scale[-1, SIDES.index(side)] * grid.prices,
            alternatives_usd=np.asarray(alternatives),
            birth_ms=self._first_ms + mean_hours * HOUR_MS,
            open_interest_usd=self.open_interest_usd,
        )

    @property
    def _first_ms(self) -> int:
        return int(self.bars.end_ms[0] - self.bars.elapsed_ms[0])

    def _unseen_share(self, side: int) -> float:
        """Most of a side that may still be positions opened before the first bar."""
        seeded = float(self.bars.open_interest[0] - self.bars.change[0])
        days = (self.known_ms - int(self.bars.end_ms[0])) / (24 * HOUR_MS)
        atoms = self.ladder.atoms
        left = float(
            (atoms.standing_share * 2.0 ** (-days / atoms.half_lives_days[atoms.class_of])).sum()
        )
        alive = float(self.replay.alive[-1, side])
        return min(1.0, seeded * left / alive) if alive > 0 else 0.0


def build_map(market: Market, picture_span_ms: int | None = None) -> LiquidationMap:
    """Return the estimated ladder of a market.

    Parameters
    ----------
    market : Market
    picture_span_ms : int, optional
        Also paint the heatmap of this span before the last bar. [ms]

    Returns
    -------
    LiquidationMap

    Raises
    ------
    NoDataError
        If there is too little open interest to begin.
    """
    bars = build_bars(market.open_interest, market.mark_klines, market.trade_klines, market.funding)
    # The prior gives both roles the same mixture, so one ladder holds both.
    flows = infer_flows(bars).joined()
    atoms = prior_atoms(market.schedule, market.rule, roles=flows.roles)
    # The first close fixes the lattice, so that no later price can move it.
    width = bin_width(float(bars.close[0]), market.instrument.tick_size)
    ladder = LiquidationLadder(atoms, width)
    ladder.seed(float(bars.open_interest[0] - bars.change[0]), float(bars.close[0]))
    canvas = None
    if picture_span_ms is not None:
        # A span longer than what is held would only make the columns coarser.
        held_from = int(bars.end_ms[0] - bars.elapsed_ms[0])
        columns = lay_columns(bars, max(int(bars.end_ms[-1]) - picture_span_ms, held_from))
        grid = lay_prices(bars, columns, width)
        canvas = lay_canvas(bars, columns, grid)
    seen = ladder.replay(bars, flows, canvas=canvas)
    scale = _scale_to_open_interest(seen.alive, bars.open_interest[:, None])
    sigma = ewma_volatility(bars.close, bars.end_ms)
    heatmap = None
    if seen.image is not None:
        heatmap = build_heatmap(seen.image, bars, columns, grid, scale)
    return LiquidationMap(market, bars, flows, ladder, seen, scale, float(sigma[-1]), heatmap)


def _scale_to_open_interest(alive: F8x2, open_interest: F8x2) -> F8x2:
    """Factor per bar and side; 0 where all that is alive is the rounding of running totals."""
    standing = alive > 1e-9 * open_interest
    return np.where(standing, open_interest / np.where(standing, alive, 1.0), 0.0)


def _newest(frame: pl.DataFrame) -> int:
    return int(frame.select(pl.col("event_time").dt.epoch("ms").max()).item())


__all__ = ["ALTERNATIVE_TILTS", "LiquidationMap", "Market", "build_map"]
