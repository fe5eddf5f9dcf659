"""A planned position: where it would be liquidated, and the leverage that keeps clear of clusters.

In:  `Situation`, `Style`, a side, an entry, a size. [quote per base, base coins]
Out: `LeverageCap`, `PlannedPosition`. [×, quote per base]
Pure: NumPy in, values out; no I/O, no clock, no global state.

The *kill zone* of a position is the way from its entry to the far border of the nearest major
cluster of its own side, and a buffer of the style's deviations beyond it: a move that empties that
cluster would take a position along that is liquidated on the way. Isolated margin, no top-ups.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from forcedflow.margin import liquidation_price_by_brackets
from forcedflow.playbook.situation import Situation
from forcedflow.playbook.styles import Style
from forcedflow.units import F8, Side
from forcedflow.zones import Zone

LADDER = (3.0, 5.0, 10.0, 20.0, 50.0, 100.0)
"""Leverages at which a liquidation price is told. [×]"""

SIZE_USD = 1_000.0
"""Size that a cap is of where none is stated: the first bracket of every venue holds it. [USD]"""

_STEP = 0.1


@dataclass(frozen=True, slots=True)
class LeverageCap:
    """The largest leverage whose liquidation price lies beyond the kill zone.

    Parameters
    ----------
    side : {"long", "short"}
        Of the position.
    entry, size : float
        [quote per base, base coins]
    zone : Zone, optional
        The cluster that is kept clear of; None where none stands beyond the entry, and the buffer
        alone counts.
    edge : float
        Price that the liquidation price has to lie beyond. [quote per base]
    leverage : float, optional
        Rounded down to a tenth; None where not even 1× is clear, or the brackets do not say. [×]
    liquidation : float, optional
        At that leverage; None where there is none, as for a long at 1×. [quote per base]
    venue_most : float
        Largest leverage that the venue opens such a size with. [×]
    reason : str
        Why there is no leverage; empty where there is one.
    """

    side: Side
    entry: float
    size: float
    zone: Zone | None
    edge: float
    leverage: float | None
    liquidation: float | None
    venue_most: float
    reason: str

    def row(self) -> dict[str, Any]:
        """Return the cap as plain values; what is not known is null."""
        return {
            "side": self.side,
            "entry": _rounded(self.entry),
            "size": _rounded(self.size),
            "leverage": self.leverage,
            "liquidation_price": _rounded(self.liquidation),
            "beyond": _rounded(self.edge),
            "cluster": None if self.zone is None else self.zone.row(),
            "venue_most": self.venue_most,
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True)
class PositionRow:
    """A leverage, the margin it takes, and where it ends.

    Parameters
    ----------
    leverage : float
        [×]
    margin : float
        [quote coins]
    liquidation : float, optional
        None where no price liquidates it. [quote per base]
    distance_pct : float, optional
        From the entry, signed. [%]
    clear : bool
        Whether it lies beyond the kill zone.
    """

    leverage: float
    margin: float
    liquidation: float | None
    distance_pct: float | None
    clear: bool


@dataclass(frozen=True, slots=True)
class PlannedPosition:
    """The user's own position.

    Parameters
    ----------
    cap : LeverageCap
    notional : float
        At entry. [quote coins]
    rows : tuple of PositionRow
        At the leverages of `LADDER` that the venue opens, and at the largest one.
    """

    cap: LeverageCap
    notional: float
    rows: tuple[PositionRow, ...]

    def row(self) -> dict[str, Any]:
        """Return the position as plain values; what is not known is null."""
        return {
            **self.cap.row(),
            "notional": _rounded(self.notional),
            "leverages": [
                {
                    "leverage": one.leverage,
                    "margin": _rounded(one.margin),
                    "liquidation_price": _rounded(one.liquidation),
                    "distance_pct": _rounded(one.distance_pct),
                    "clear": one.clear,
                }
                for one in self.rows
            ],
        }


def kill_zone(
    situation: Situation, style: Style, side: Side, entry: float
) -> tuple[Zone | None, float]:
    """Return the cluster that a position keeps clear of, and the price to lie beyond.

    Parameters
    ----------
    situation : Situation
    style : Style
    side : {"long", "short"}
    entry : float
        [quote per base]

    Returns
    -------
    zone : Zone or None
        Nearest major cluster of the side on the losing way from the entry, else the largest there.
    edge : float
        Its far border, or the entry where there is none, and the buffer beyond. NaN where the
        deviation is unknown. [quote per base]
    """
    losing = -1.0 if side == "long" else 1.0

    def far(zone: Zone) -> float:
        return zone.low if side == "long" else zone.high

    own = [z for z in situation.zones if z.side == side and losing * (far(z) - entry) > 0]
    major = [zone for zone in own if zone.major]
    zone = (
        min(major, key=lambda z: abs(far(z) - entry))
        if major
        else max(own, key=lambda z: z.notional_usd, default=None)
    )
    border = entry if zone is None else far(zone)
    buffer = style.buffer_sigma * style.sigma(situation.mapped.sigma_day)
    return zone, border * math.exp(losing * buffer)


def cap_leverage(
    situation: Situation, style: Style, side: Side, entry: float, size: float
) -> LeverageCap:
    """Return the largest leverage that stays outside the kill zone.

    Parameters
    ----------
    situation : Situation
    style : Style
    side : {"long", "short"}
    entry : float
        [quote per base]
    size : float
        [base coins]

    Returns
    -------
    LeverageCap

    Raises
    ------
    ValueError
        If the entry or the size is not positive.
    """
    _require(entry, size)
    zone, edge = kill_zone(situation, style, side, entry)
    notional = entry * size
    most = _venue_most(situation, notional)

    def cap(leverage: float | None, liquidation: float | None, reason: str) -> LeverageCap:
        return LeverageCap(side, entry, size, zone, edge, leverage, liquidation, most, reason)

    if not math.isfinite(edge):
        return cap(None, None, "the volatility that the buffer is made of is unknown")
    tried = np.round(np.arange(1.0, most + _STEP / 2, _STEP), 1)
    prices, reason = _liquidations(situation, side, entry, size, tried)
    if reason:
        return cap(None, None, reason)
    clear = _is_clear(prices, side, edge)
    if not clear.any():
        return cap(None, None, "not even 1× is liquidated beyond the kill zone")
    # The price falls towards the entry with leverage, so the last that is clear is the largest.
    best = int(np.flatnonzero(clear)[-1])
    return cap(float(tried[best]), _known(prices[best]), "")


def plan_position(
    situation: Situation, style: Style, side: Side, entry: float, size: float
) -> PlannedPosition:
    """Return where a position would be liquidated at several leverages.

    Parameters
    ----------
    situation : Situation
    style : Style
    side : {"long", "short"}
    entry : float
        [quote per base]
    size : float
        [base coins]

    Returns
    -------
    PlannedPosition

    Raises
    ------
    ValueError
        If the entry or the size is not positive.
    """
    cap = cap_leverage(situation, style, side, entry, size)
    own = () if cap.leverage is None else (cap.leverage,)
    leverages = np.array(
        sorted({*(step for step in LADDER if step <= cap.venue_most), *own, cap.venue_most})
    )
    prices, reason = _liquidations(situation, side, entry, size, leverages)
    if reason:
        return PlannedPosition(cap, entry * size, ())
    clear = _is_clear(prices, side, cap.edge)
    rows = tuple(
        PositionRow(
            leverage=float(leverage),
            margin=entry * size / float(leverage),
            liquidation=_known(price),
            distance_pct=None if math.isnan(price) else 100 * (float(price) / entry - 1),
            clear=bool(is_clear),
        )
        for leverage, price, is_clear in zip(leverages, prices, clear, strict=True)
    )
    return PlannedPosition(cap, entry * size, rows)


def _liquidations(
    situation: Situation, side: Side, entry: float, size: float, leverages: F8
) -> tuple[F8, str]:
    """Return liquidation prices, or why the brackets do not tell them."""
    market = situation.mapped.market
    inverse = market.rule.kind == "inverse"
    # Inverse contracts are sized in quote and margined in base coins.
    held = size * entry if inverse else size
    margin = (size if inverse else size * entry) / leverages
    try:
        prices = liquidation_price_by_brackets(
            np.full(leverages.size, entry), held, margin, side, market.schedule, market.rule
        )
    except ValueError as error:
        return np.full(leverages.size, np.nan), str(error).partition("\n")[0]
    found: F8 = np.asarray(prices, dtype=np.float64)
    return found, ""


def _is_clear(prices: F8, side: Side, edge: float) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    beyond = prices <= edge if side == "long" else prices >= edge
    return np.asarray(np.isnan(prices) | beyond)


def _venue_most(situation: Situation, notional: float) -> float:
    schedule = situation.mapped.market.schedule
    size = notional if schedule.unit == "quote" else notional / situation.mark
    held = [bracket for bracket in schedule.brackets if size <= bracket.notional_cap]
    return float((held or schedule.brackets[-1:])[0].max_leverage)


def _known(price: float) -> float | None:
    return float(price) if math.isfinite(price) else None


def _rounded(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(f"{value:.7g}")


def _require(entry: float, size: float) -> None:
    for name, figure in (("an entry", entry), ("a size", size)):
        if not 0 < figure < math.inf:
            raise ValueError(f"{name} must be positive, was {figure}")
