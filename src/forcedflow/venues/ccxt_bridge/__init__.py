"""Linear perpetuals of venues that have no connector of their own, by way of ccxt."""

from forcedflow.venues.ccxt_bridge.connector import CcxtConnector

__all__ = ["CcxtConnector"]
