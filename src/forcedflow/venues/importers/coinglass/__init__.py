"""CoinGlass: exported CSV files and stored replies of its API."""

from forcedflow.venues.importers.coinglass.reader import read_coinglass

__all__ = ["read_coinglass"]
