"""Bybit: linear and inverse perpetuals and spot, over its v5 interface and public archive."""

from forcedflow.venues.bybit.connector import BybitConnector

__all__ = ["BybitConnector"]
