"""Binance's public archive: bars, metrics, funding, depth bands and trades."""

from forcedflow.venues.importers.binance_vision.archive_name import (
    is_archive_name,
    parse_archive_name,
)
from forcedflow.venues.importers.binance_vision.reader import read_binance_vision

__all__ = ["is_archive_name", "parse_archive_name", "read_binance_vision"]
