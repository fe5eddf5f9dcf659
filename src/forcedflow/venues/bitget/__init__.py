"""Bitget: linear perpetuals and spot, over its second interface and the streams of its third."""

from forcedflow.venues.bitget.connector import BitgetConnector

__all__ = ["BitgetConnector"]
