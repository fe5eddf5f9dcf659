"""dYdX: perpetuals of the v4 chain, over its indexer, with liquidations and positions in public."""

from forcedflow.venues.dydx.connector import DydxConnector

__all__ = ["DydxConnector"]
