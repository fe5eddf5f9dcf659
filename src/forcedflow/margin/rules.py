"""Margin rules: which formula a venue used on a day.

In:  venue, contract kind, moment.   Out: `MarginRule`.
Pure: constants and a look-up; no I/O, no clock.

A rule holds from its ``effective_ms`` until the venue's next one. Where a page names only a year,
the rule starts on the first day of it; ``effective_ms`` 0 means that no earlier rule is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

PerpetualKind: TypeAlias = Literal["linear", "inverse"]

MaintenanceValue: TypeAlias = Literal["mark", "entry"]
"""Whether maintenance margin is taken on the value at the mark price or at entry."""

Tiering: TypeAlias = Literal["gradient", "flat"]
"""Whether each slice of a position pays its own bracket's rate, or the whole pays the last's."""

_START_2024_MS = 1_704_067_200_000
_KUCOIN_2025_05_22_MS = 1_747_872_000_000
_GATE_2025_07_29_MS = 1_753_747_200_000
_START_2026_MS = 1_767_225_600_000

_SANDBOX = "sandbox: the simulated exchange's own rule"


@dataclass(frozen=True, slots=True)
class MarginRule:
    """How one venue computes liquidation prices of one kind of contract from one day on.

    Parameters
    ----------
    venue : str
        Lower-case venue id.
    kind : {"linear", "inverse"}
        Kind of contract.
    effective_ms : int
        From when the rule holds. [UTC ms]
    maintenance_value : {"mark", "entry"}
        Value that maintenance margin is taken on.
    fee_rate : float
        Closing fee that the formula reserves, at the venue's base tier; 0 where it reserves none.
        [1]
    tiering : {"gradient", "flat"}
        Whether the maintenance amount of a bracket is deducted.
    source : str
        The page and, where the fee is not on it, where the fee is from.
    """

    venue: str
    kind: PerpetualKind
    effective_ms: int
    maintenance_value: MaintenanceValue
    fee_rate: float
    source: str
    tiering: Tiering = "gradient"


RULES: tuple[MarginRule, ...] = (
    MarginRule(
        "binance", "linear", 0, "mark", 0.0, "How to Calculate Liquidation Price of USDⓈ-M Futures"
    ),
    MarginRule(
        "binance", "inverse", 0, "mark", 0.0, "Liquidation price of COIN-M Futures contracts"
    ),
    MarginRule("bybit", "linear", 0, "entry", 0.0, "Liquidation Price (USDT Contract)"),
    MarginRule("bybit", "linear", _START_2026_MS, "mark", 0.0, "Isolated Mode (UTA), page of 2026"),
    MarginRule(
        "bybit", "inverse", 0, "entry", 0.00075, "Liquidation Price (Inverse Contract), 2020"
    ),
    MarginRule(
        "bybit", "inverse", _START_2024_MS, "entry", 0.0, "Isolated Mode (UTA), page of 2024"
    ),
    MarginRule(
        "bybit", "inverse", _START_2026_MS, "mark", 0.0, "Isolated Mode (UTA), page of 2026"
    ),
    MarginRule(
        "okx",
        "linear",
        0,
        "mark",
        0.0005,
        "Tiered maintenance margin ratio rules; base taker fee as carried by ccxt 4.5.90",
    ),
    MarginRule(
        "gate",
        "linear",
        0,
        "mark",
        0.00075,
        "Liquidation price of perpetual contracts; taker fee of the contract endpoint",
        tiering="flat",
    ),
    MarginRule(
        "gate",
        "linear",
        _GATE_2025_07_29_MS,
        "mark",
        0.00075,
        "Notice on gradient maintenance margin, 29 July 2025",
    ),
    MarginRule(
        "gate",
        "inverse",
        0,
        "mark",
        0.00075,
        "Liquidation price of perpetual contracts; taker fee of the contract endpoint",
        tiering="flat",
    ),
    MarginRule(
        "gate",
        "inverse",
        _GATE_2025_07_29_MS,
        "mark",
        0.00075,
        "Notice on gradient maintenance margin, 29 July 2025",
    ),
    MarginRule(
        "kucoin", "linear", 0, "entry", 0.0, "Futures liquidation price, before 22 May 2025"
    ),
    MarginRule(
        "kucoin",
        "linear",
        _KUCOIN_2025_05_22_MS,
        "mark",
        0.0006,
        "Announcement of 22 May 2025; taker fee of the contract endpoint",
    ),
    MarginRule("mexc", "linear", 0, "entry", 0.0, "Liquidation in futures"),
    MarginRule(
        "bitget",
        "linear",
        0,
        "mark",
        0.0006,
        "Estimated liquidation price; base taker fee as carried by ccxt 4.5.90",
    ),
    MarginRule("phemex", "linear", 0, "mark", 0.0006, "Liquidation price for USDT-M contracts"),
    MarginRule("hyperliquid", "linear", 0, "mark", 0.0, "Liquidations; margin tiers"),
    MarginRule("dydx", "linear", 0, "mark", 0.0, "Maintenance margin fraction, oracle price"),
    MarginRule("sandbox", "linear", 0, "mark", 0.0, _SANDBOX),
    MarginRule("sandbox-sampled", "linear", 0, "mark", 0.0, _SANDBOX),
    MarginRule("sandbox-dark", "linear", 0, "mark", 0.0, _SANDBOX),
)
"""Every known rule. Page titles as read by 23 November 2026."""


def rule_for(venue: str, kind: PerpetualKind, at_ms: int) -> MarginRule:
    """Return the rule that a venue applied at a moment.

    Parameters
    ----------
    venue : str
        Lower-case venue id.
    kind : {"linear", "inverse"}
        Kind of contract.
    at_ms : int
        Moment. [UTC ms]

    Returns
    -------
    MarginRule

    Raises
    ------
    ValueError
        If no rule of the venue and kind is known; names those that are. No generic rule stands in.

    Examples
    --------
    >>> rule_for("kucoin", "linear", 1_747_871_999_999).maintenance_value
    'entry'
    >>> rule_for("kucoin", "linear", 1_747_872_000_000).maintenance_value
    'mark'
    """
    dated = [
        rule
        for rule in RULES
        if rule.venue == venue and rule.kind == kind and rule.effective_ms <= at_ms
    ]
    if not dated:
        known = ", ".join(sorted({f"{rule.venue} {rule.kind}" for rule in RULES}))
        raise ValueError(f"no margin rule for {venue!r} {kind!r} at {at_ms}; known are {known}")
    return max(dated, key=lambda rule: rule.effective_ms)
