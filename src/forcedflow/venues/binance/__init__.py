"""Binance: USD-M and COIN-M perpetuals and spot, archive, HTTP and streams."""

from __future__ import annotations

from forcedflow.venues.binance.connector import BinanceConnector

__all__ = ["BinanceConnector"]
