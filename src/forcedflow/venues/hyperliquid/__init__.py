"""Hyperliquid: perpetuals settled in USDC on an own chain, where every account is public."""

from forcedflow.venues.hyperliquid.connector import HyperliquidConnector
from forcedflow.venues.hyperliquid.open_interest_share import (
    OpenInterestShare,
    share_of_open_interest,
)
from forcedflow.venues.hyperliquid.wallets import WalletBook, read_accounts

__all__ = [
    "HyperliquidConnector",
    "OpenInterestShare",
    "WalletBook",
    "read_accounts",
    "share_of_open_interest",
]
