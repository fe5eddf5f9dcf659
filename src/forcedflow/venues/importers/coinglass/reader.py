"""CoinGlass files: which export or reply a file is, by its columns.

In:  the bytes of one file.   Out: frames of declared tables.
Pure: no I/O, no clock, no global state.
"""

from __future__ import annotations

from pathlib import Path

from forcedflow.errors import DamagedFileError
from forcedflow.venues.importers.coinglass import daily, hourly
from forcedflow.venues.importers.coinglass.reply import reply
from forcedflow.venues.importers.options import ImportOptions
from forcedflow.venues.importers.parsed import Parsed, settle
from forcedflow.venues.importers.vendor_file import read_csv, read_json

_LAYOUTS = (
    (frozenset({"timestamp", "price_open", "liquidation_long_usd", "oi_close"}), hourly.combined),
    (frozenset({"timestamp", "longUsd", "shortUsd"}), hourly.liquidations),
    *daily.LAYOUTS,
)


def read_coinglass(path: Path, data: bytes, options: ImportOptions) -> Parsed:
    """Return the rows of one exported CSV or stored reply.

    Parameters
    ----------
    path : Path
        Where the file is; its name tells coin, interval and market where columns do not.
    data : bytes
        CSV with a header, or JSON.
    options : ImportOptions
        ``coin``, ``venue``, ``interval``, ``dataset`` and ``market`` where the file does not say.

    Returns
    -------
    Parsed
        Rows of liquidation_totals, open_interest, funding, long_short_ratio and klines.

    Raises
    ------
    DamagedFileError
        If the file is none of the vendor's, or a value is not what its column declares.
    UsageError
        If the file needs an option to say what it is about.
    """
    file = str(path)
    if path.suffix.lower() == ".json":
        return settle(file, reply(path, read_json(file, data), options))
    raw = read_csv(file, data)
    columns = set(raw.columns)
    for told_by, read in _LAYOUTS:
        if told_by <= columns:
            return settle(file, read(path, raw, options))
    raise DamagedFileError(
        file, f"columns are those of no known export: {', '.join(raw.columns)}", row=1
    )
