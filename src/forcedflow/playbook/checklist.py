"""The checklist: eleven questions answered the same way every time, unknowns included.

In:  `Situation`; equity, risk, side and order size of the user where stated. [USD, %]
Out: `Checklist`: a value, a verdict and the evidence per question.
Pure: values in, values out; no I/O, no clock, no global state.

No line says what to do, and none foretells price: a verdict is the outcome of its stated rule.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from forcedflow.playbook.check import Check
from forcedflow.playbook.cluster_checks import nearest_cluster, next_cluster, venue_alignment
from forcedflow.playbook.lean import CLEAR_SIGMA, Lean, lean
from forcedflow.playbook.market_checks import (
    TREND,
    funding_bias,
    liquidity,
    oi_trend,
    spot_confirmation,
    volatility_window,
)
from forcedflow.playbook.risk_checks import invalidation_level, max_loss
from forcedflow.playbook.situation import Situation
from forcedflow.signals.large_cluster import NEAR_PCT, NEAR_SIGMA
from forcedflow.units import Side

ORDER_USD = 100_000.0
"""Size that slippage is asked for where none is stated. [USD]"""

RULES: Mapping[str, Mapping[str, str]] = {
    key: {
        "near": f"within {NEAR_PCT:g} % and {NEAR_SIGMA:g} σ of a day",
        "far": "further away",
        "none": f"no cluster {where} the price",
        "unknown": "the map is too old",
    }
    for key, where in (
        ("nearest_cluster_up_pct", "above"),
        ("nearest_cluster_down_pct", "below"),
    )
} | {
    "venue_alignment": {
        "aligned": "the ladders of two venues or more overlap as the signal of that name requires",
        "not aligned": "they do not",
        "unknown": "one venue alone, a borrowed ladder, or too little of the past",
    },
    "oi_trend_4h": {
        "rising": f"contracts rose, by more than in {100 * TREND:g} % of the trailing 30 days",
        "falling": f"contracts fell, by more than in {100 * TREND:g} % of the trailing 30 days",
        "flat": "neither",
        "unknown": "no open interest, or less than 7 days of it",
    },
    "funding_bias": {
        "leans long": "longs pay much for long, or have begun to and stayed",
        "leans short": "shorts do",
        "ordinary": "neither",
        "unknown": "no funding, or too little of the past",
    },
    "spot_confirmation": {
        "not confirmed": "a move of 1 σ of 4 h or more that the perpetual led and spot did not",
        "not contradicted": "such a move, with no lead out of the ordinary",
        "no move": "no such move",
        "unknown": "spot or the perpetual is not held",
    },
    "liquidity": {
        "thin": "little depth, compared with all hours or with this one",
        "ordinary": "neither",
        "unknown": "no depth and no volume to compare with",
    },
    "volatility_window_6h": {
        "open": "the window of a scheduled event of weight is open",
        "ahead": "it opens within 6 h",
        "clear": "neither",
        "unknown": "no event is known",
    },
    "next_cluster_after_first": {
        "reaches the next": "the first cluster's own flow moves price as far as the next trigger",
        "stops short": "it does not",
        "no next": "no cluster stands behind the first",
        "no first": "no cluster stands that way",
        "unknown": "no depth, no way at risk, or the map is too old",
    },
    "invalidation_level": {
        "cluster": "far border of the nearest major cluster on the other side",
        "prior day": "extreme of the day before, where that is the nearer",
        "unknown": f"neither is {CLEAR_SIGMA:g} σ or more against the reading, or the map is old",
    },
    "max_loss": {
        "stated": "equity times risk; the position follows from the distance and the slippage",
        "needs equity and risk": "the distance alone, in percent of the position",
        "unknown": "no invalidation",
    },
}
"""The questions in their order, and of each every verdict with its rule."""


@dataclass(frozen=True, slots=True)
class Checklist:
    """The eleven lines of one instrument at one moment.

    Parameters
    ----------
    situation : Situation
        What they were read from.
    way : Lean
        The way at risk that the last three lines are for.
    order_usd : float
        Size that slippage is of. [USD]
    checks : mapping of str to Check
        By question, in the order of `RULES`.
    """

    situation: Situation
    way: Lean
    order_usd: float
    checks: Mapping[str, Check]

    @property
    def unknown(self) -> tuple[str, ...]:
        """Return the questions without an answer."""
        return tuple(key for key, check in self.checks.items() if check.verdict == "unknown")

    def row(self) -> dict[str, dict[str, Any]]:
        """Return the lines as plain values, by question, in order."""
        return {key: check.row() for key, check in self.checks.items()}


def fill(
    situation: Situation,
    equity_usd: float | None = None,
    risk_pct: float | None = None,
    side: Side | None = None,
    order_usd: float = ORDER_USD,
) -> Checklist:
    """Return the checklist of a situation.

    Parameters
    ----------
    situation : Situation
    equity_usd : float, optional
        What the user trades with. [USD]
    risk_pct : float, optional
        Share of it that may be lost. [%]
    side : {"long", "short"}, optional
        Side of the position that is thought of; by default the way at risk decides.
    order_usd : float
        Size that slippage is asked for. [USD]

    Returns
    -------
    Checklist

    Raises
    ------
    ValueError
        If an amount is not positive and finite, or the risk is above 100 %.
    """
    for name, amount in (("equity", equity_usd), ("risk", risk_pct), ("order", order_usd)):
        if amount is not None and not 0 < amount < math.inf:
            raise ValueError(f"{name} is positive and finite, was {amount}")
    if risk_pct is not None and risk_pct > 100:
        raise ValueError(f"risk is a share of equity up to 100 %, was {risk_pct}")
    way = lean(situation, side)
    checks = (
        nearest_cluster(situation, "short"),
        nearest_cluster(situation, "long"),
        venue_alignment(situation),
        oi_trend(situation),
        funding_bias(situation),
        spot_confirmation(situation),
        liquidity(situation, order_usd),
        volatility_window(situation),
        next_cluster(situation, way),
        invalidation_level(situation, way),
        max_loss(situation, way, equity_usd, risk_pct, order_usd),
    )
    return Checklist(situation, way, order_usd, dict(zip(RULES, checks, strict=True)))
