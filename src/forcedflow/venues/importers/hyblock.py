"""Hyblock's liquidation heatmaps, as stored replies: opponents of our own map.

In:  ``{"data": [{"timestamp", "size", "startingPrice", "endingPrice", "side"}]}``.
Out: rows of ``peer_maps``.
Pure: no I/O, no clock, no global state.

The provider does not say whether rows of several times are columns of the picture or levels that
opened then and still stand, so a person has to.

References
----------
.. [1] Hyblock Capital API, ``/liquidationHeatmap`` (parameters ``lookback``, ``leverage`` L1 to L5,
   ``scaling``); shape by the OpenAPI description of v1; read 2026-11-23.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, TypeAlias

import msgspec

from forcedflow.errors import DamagedFileError, UsageError
from forcedflow.units import SECOND_MS
from forcedflow.venues.importers.options import ImportOptions
from forcedflow.venues.importers.parsed import Parsed, settle
from forcedflow.venues.importers.peer_levels import (
    Level,
    PeerMap,
    PeerSide,
    level_rows,
    stated_moment,
)
from forcedflow.venues.importers.symbols import stated_series
from forcedflow.venues.importers.vendor_file import read_json

PROVIDER = "hyblock"

_LEVERAGE = re.compile(r"(?<![A-Za-z0-9])L[1-5](?![A-Za-z0-9])")
_SIDES: dict[str, PeerSide] = {"long": "long", "short": "short"}
# Seconds and milliseconds of any year of an exchange do not overlap.
_LEAST_MS = 10**11

_Price: TypeAlias = Annotated[float, msgspec.Meta(gt=0, lt=1e12)]


class _Cell(msgspec.Struct, frozen=True, rename="camel"):
    """One row of the reply."""

    timestamp: Annotated[int, msgspec.Meta(ge=10**9, le=10**13)]
    size: Annotated[float, msgspec.Meta(ge=0, lt=1e18)]
    starting_price: _Price
    ending_price: _Price
    side: str | None = None


def read_hyblock(path: Path, data: bytes, options: ImportOptions) -> Parsed:
    """Return the levels of one stored reply.

    Parameters
    ----------
    path : Path
        Its name tells when the reply was made (``20261123T1400Z``) and may tell the leverage
        (``L3``).
    data : bytes
        The reply, or its rows alone.
    options : ImportOptions
        ``coin`` and ``venue``, several joined by ``+``; ``dataset`` is ``columns`` (the newest
        time alone stands) or ``levels`` (all of them do) where rows are of several times.

    Returns
    -------
    Parsed
        Rows of ``peer_maps``, of the moment when the reply was made.

    Raises
    ------
    DamagedFileError
        If a row is not of that shape, or names a side that is neither long nor short.
    UsageError
        If an option is missing, or the name does not say when the reply was made.
    """
    file = str(path)
    document = read_json(file, data)
    listed = document.get("data") if isinstance(document, Mapping) else document
    try:
        cells = msgspec.convert(listed, list[_Cell], strict=False)
    except msgspec.ValidationError as error:
        raise DamagedFileError(file, f"is no heatmap of Hyblock: {error}") from error
    venue, symbol, _ = stated_series(file, options)
    if not cells:
        return settle(file, {})
    newest = max(cell.timestamp for cell in cells)
    if options.dataset == "columns":
        cells = [cell for cell in cells if cell.timestamp == newest]
    elif options.dataset != "levels" and any(cell.timestamp != newest for cell in cells):
        raise UsageError(
            f"{file}: rows are of several times, and whether those are columns or levels that "
            "opened then the provider does not say\n"
            "hint: --dataset columns (the newest alone) or --dataset levels (all of them stand)"
        )
    at_ms = newest if newest >= _LEAST_MS else newest * SECOND_MS
    known_ms = stated_moment(file, path.name)
    if at_ms > known_ms:
        problem = "a row is of later than the moment in the file's name"
        raise DamagedFileError(file, problem, field="timestamp")
    leverage = _LEVERAGE.search(path.stem)
    model = f"heatmap {leverage[0]}" if leverage else "heatmap"
    levels = [_level(file, number, cell) for number, cell in enumerate(cells, start=1)]
    peer = PeerMap(file, PROVIDER, model, venue, symbol, known_ms)
    return settle(file, {"peer_maps": [level_rows(peer, levels)]})


def _level(file: str, number: int, cell: _Cell) -> Level:
    side = "unknown" if cell.side is None else _SIDES.get(cell.side.lower())
    if side is None:
        problem = f"{cell.side!r} is neither long nor short"
        raise DamagedFileError(file, problem, row=number, field="side")
    low, high = sorted((cell.starting_price, cell.ending_price))
    return Level(side, low, high, cell.size)
