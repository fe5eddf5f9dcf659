"""MEXC: perpetuals settled in USDT and USDC. It publishes no liquidations."""

from forcedflow.venues.mexc.connector import MexcConnector

__all__ = ["MexcConnector"]
