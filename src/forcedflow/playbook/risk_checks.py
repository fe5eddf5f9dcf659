"""Checks of risk: where the reading is void, and what being wrong costs.

In:  `Situation`, the way at risk, equity and risk where stated.   Out: `Check` values.
Pure: values in, values out; no I/O, no clock, no global state.
"""

from __future__ import annotations

import math

from forcedflow.playbook.check import Check, borrowed_words, map_age_s, map_is_stale
from forcedflow.playbook.lean import CLEAR_SIGMA, Invalidation, Lean, invalidation, level_words
from forcedflow.playbook.market_checks import slippage_bps
from forcedflow.playbook.situation import Situation
from forcedflow.units import format_pct, format_price, format_usd

_UNIT = "quote per base"


def invalidation_level(situation: Situation, way: Lean) -> Check:
    """Return the price at which the reading for the way at risk is void. [quote per base]"""
    age = map_age_s(situation)
    found = _invalidation(situation, way)
    if isinstance(found, str):
        return Check(math.nan, _UNIT, "unknown", found, age)
    tick = situation.mapped.market.instrument.tick_size
    sigma = situation.mapped.sigma_day
    away = "" if not sigma > 0 else f", {abs(found.distance) / sigma:.1f} σ of a day"
    words = (
        f"read {way.direction} ({way.why}), void {'above' if found.distance > 0 else 'below'} "
        f"{format_price(found.price, tick)}, {format_pct(math.expm1(found.distance))}{away}: the "
        f"nearer, at least {CLEAR_SIGMA:g} σ away, of {level_words(found, tick)}"
        f"{borrowed_words(situation)}"
    )
    return Check(found.price, _UNIT, found.rule, words, age)


def max_loss(
    situation: Situation,
    way: Lean,
    equity_usd: float | None,
    risk_pct: float | None,
    order_usd: float,
) -> Check:
    """Return what is lost at the invalidation: of the user's equity, or per position without it.

    Parameters
    ----------
    situation : Situation
    way : Lean
    equity_usd : float, optional
        What the user trades with. [USD]
    risk_pct : float, optional
        Share of it that may be lost. [%]
    order_usd : float
        Size that slippage is of, once in and once out. [USD]

    Returns
    -------
    Check
        With equity and risk the loss [USD], the position that it allows in the evidence; without
        them the distance [% of the position].
    """
    age = map_age_s(situation)
    found = _invalidation(situation, way)
    if equity_usd is None or risk_pct is None:
        return _asked(found, _slippage(situation, order_usd), age, order_usd)
    loss = equity_usd * risk_pct / 100
    stated = f"{risk_pct:g} % of {format_usd(equity_usd)} is {format_usd(loss)}"
    if isinstance(found, str):
        return Check(loss, "USD", "stated", f"{stated}; no size follows: {found}", age)
    slippage = _slippage(situation, order_usd)
    share = abs(math.expm1(found.distance)) + 2 * (slippage or 0.0)
    position = loss / share
    tick = situation.mapped.market.instrument.tick_size
    words = (
        f"{stated}: a position of {format_usd(position)}, {position / equity_usd:.2g}× equity, "
        f"loses it at {format_price(found.price, tick)}, {100 * share:.2f} % away "
        f"{_slippage_words(slippage, order_usd)}"
    )
    return Check(loss, "USD", "stated", words, age)


def _asked(
    found: Invalidation | str, slippage: float | None, age: float, order_usd: float
) -> Check:
    unit, asks = "% of the position", "state equity and risk for an amount"
    if isinstance(found, str):
        return Check(math.nan, unit, "unknown", f"{found}; {asks}", age)
    share = abs(math.expm1(found.distance)) + 2 * (slippage or 0.0)
    words = (
        f"{100 * share:.2f} % of the position at the invalidation "
        f"{_slippage_words(slippage, order_usd)}; {asks}"
    )
    return Check(100 * share, unit, "needs equity and risk", words, age)


def _invalidation(situation: Situation, way: Lean) -> Invalidation | str:
    """Return the level, or why there is none."""
    if why := map_is_stale(situation):
        return why
    if way.direction is None:
        return f"unknown: {way.why}"
    found = invalidation(situation, way.direction)
    if found is None:
        return (
            f"unknown: read {way.direction} ({way.why}), and neither a cluster nor the prior day "
            f"gives a level {CLEAR_SIGMA:g} σ or more against it"
        )
    return found


def _slippage(situation: Situation, order_usd: float) -> float | None:
    """Return what is paid once, as a share of the order; None where nothing tells."""
    bps = slippage_bps(situation, order_usd)
    return bps / 1e4 if math.isfinite(bps) else None


def _slippage_words(slippage: float | None, order_usd: float) -> str:
    if slippage is None:
        return "without slippage, which is unknown, fees, funding or a gap"
    return (
        f"with {1e4 * slippage:.2g} bps of slippage in and out for {format_usd(order_usd)}, "
        "without fees, funding or a gap"
    )
