"""OKX: linear and inverse perpetual swaps and spot, over its v5 interface and public files."""

from forcedflow.venues.okx.connector import OkxConnector

__all__ = ["OkxConnector"]
