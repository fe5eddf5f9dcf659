"""KuCoin: linear perpetuals, over its futures interface, its public socket and its archive."""

from forcedflow.venues.kucoin.connector import KucoinConnector

__all__ = ["KucoinConnector"]
