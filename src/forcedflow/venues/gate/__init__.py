"""Gate: perpetuals settled in USDT, over its v4 interface and public archive."""

from forcedflow.venues.gate.connector import GateConnector

__all__ = ["GateConnector"]
