"""Taker fees: what each venue takes of a market order in a linear perpetual, at its base tier.

In:  a venue's name.   Out: `TakerFee`, with its source and the day it was read, or nothing.
Free of sockets. Discounts for volume, holdings and promotions are the user's own to know.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class TakerFee:
    """A venue's base taker fee.

    Parameters
    ----------
    rate : float
        Of the value traded. [1]
    source : str
        Where it was read.
    read_on : str
        Day of the source, or the day it was read.
    """

    rate: float
    source: str
    read_on: str


_CCXT = "base taker fee as carried by ccxt 4.5.90"
_READ_ON = "2026-11-23"

TAKER_FEES: Final = {
    "binance": TakerFee(0.0005, f"USDⓈ-M futures, regular user: {_CCXT}", _READ_ON),
    "bybit": TakerFee(
        0.00055, "Perpetual & Futures Contract: Fees Explained, base rate", "2024-10-16"
    ),
    "okx": TakerFee(0.0005, _CCXT, _READ_ON),
    "gate": TakerFee(0.00075, "taker_fee_rate of the contract endpoint", _READ_ON),
    "kucoin": TakerFee(0.0006, "takerFeeRate of the contract endpoint", _READ_ON),
    "bitget": TakerFee(0.0006, _CCXT, _READ_ON),
    "mexc": TakerFee(0.0002, "takerFeeRate of BTC_USDT at the contract endpoint", "2026-09-15"),
    "dydx": TakerFee(0.0005, f"perpetuals, tier 1: {_CCXT}", _READ_ON),
    "hyperliquid": TakerFee(0.00045, f"perpetuals, tier 0: {_CCXT}", _READ_ON),
}
"""By venue, linear perpetuals."""
