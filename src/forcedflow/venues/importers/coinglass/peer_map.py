"""CoinGlass's heatmaps and liquidation maps, as stored replies: opponents of our own map.

In:  the reply as decoded, its name.   Out: rows of ``peer_maps``; sides are unknown.
Pure: no I/O, no clock, no global state.

Of a heatmap the newest column that holds anything is read: what earlier columns show may have been
painted later. Neither shape tells longs from shorts.

References
----------
.. [1] CoinGlass API v4, "Pair Liquidation Heatmap Model1", "Coin Liquidation Heatmap Model2",
   "Pair Liquidation Map"; v3 had the keys ``y``, ``liq``, ``prices``; docs.coinglass.com, read
   2026-11-23. ``update_time`` stands in recorded replies and not on the page.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import msgspec
import numpy as np
import polars as pl

from forcedflow.errors import DamagedFileError
from forcedflow.units import SECOND_MS
from forcedflow.venues.importers.options import ImportOptions
from forcedflow.venues.importers.peer_levels import (
    Level,
    PeerMap,
    level_rows,
    moment_in_name,
    stated_moment,
)
from forcedflow.venues.importers.symbols import stated, stated_series

PROVIDER = "coinglass"

_OLD_KEYS = {"y": "y_axis", "liq": "liquidation_leverage_data", "prices": "price_candlesticks"}
_MODEL = re.compile(r"model[ _-]?([123])(?!\d)", re.IGNORECASE)

_Price: TypeAlias = Annotated[float, msgspec.Meta(gt=0, lt=1e12)]
_Size: TypeAlias = Annotated[float, msgspec.Meta(ge=0, lt=1e18)]
_Index: TypeAlias = Annotated[int, msgspec.Meta(ge=0)]
# Bounded so that a 64-bit column holds it; whether it is a time is for `level_rows` to say.
_Moment: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=10**15)]
_Seconds: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=10**11)]


class _Heatmap(msgspec.Struct, frozen=True):
    """Cells are (column, price, size); a candle begins with its start. [s]"""

    y_axis: Annotated[list[_Price], msgspec.Meta(min_length=2)]
    liquidation_leverage_data: list[tuple[_Index, _Index, _Size]]
    price_candlesticks: Annotated[list[list[Any]], msgspec.Meta(min_length=2)]
    update_time: _Moment | None = None


class _Map(msgspec.Struct, frozen=True):
    """Under each price rows of (price, size, leverage or null, null)."""

    data: dict[str, list[tuple[_Price, _Size, Any, Any]]]
    update_time: _Moment | None = None


def is_map(data: Any) -> bool:
    """Return whether a reply's ``data`` is a heatmap or a map, not a history."""
    return isinstance(data, Mapping)


def map_rows(
    path: Path, document: Mapping[str, Any], options: ImportOptions
) -> dict[str, list[pl.DataFrame]]:
    """Return the levels of one reply.

    Parameters
    ----------
    path : Path
        Its name may tell the model (``model2``) and when it was made (``20261123T1400Z``).
    document : mapping
        The reply.
    options : ImportOptions
        ``coin`` and ``venue``, ``all`` for the aggregated ones; ``dataset`` names a heatmap's model
        where the name does not.

    Returns
    -------
    dict of str to list of polars.DataFrame

    Raises
    ------
    DamagedFileError
        If the reply is neither shape, a cell lies outside its axes, or nothing stands anywhere.
    UsageError
        If an option is missing, or nothing says when a map was made.
    """
    file, data = str(path), document["data"]
    venue, symbol, _ = stated_series(file, options)
    simulated = document.get("simulated") is True
    if isinstance(data.get("data"), Mapping):
        found = _read(file, data, _Map)
        levels = [
            Level("unknown", price, price, size)
            for placed in found.data.values()
            for price, size, _, _ in placed
        ]
        known_ms = found.update_time or stated_moment(file, path.name)
        model = "map"
    else:
        heatmap = _read(file, {_OLD_KEYS.get(key, key): part for key, part in data.items()})
        named = _MODEL.search(path.name)
        model = stated(file, "dataset", named[0] if named else options.dataset, "model1").lower()
        model = re.sub("[ _-]", "", model)
        levels, known_ms = _newest_column(file, heatmap, moment_in_name(path.name))
    peer = PeerMap(file, PROVIDER, model, venue, symbol, known_ms, simulated)
    return {"peer_maps": [level_rows(peer, levels)]}


def _read(file: str, data: Mapping[str, Any], shape: Any = _Heatmap) -> Any:
    try:
        return msgspec.convert(data, shape, strict=False)
    except msgspec.ValidationError as error:
        raise DamagedFileError(file, f"is no heatmap and no map of CoinGlass: {error}") from error


def _newest_column(file: str, heatmap: _Heatmap, named_ms: int | None) -> tuple[list[Level], int]:
    """Return levels and when they were known. [UTC ms]"""
    prices = heatmap.y_axis
    if any(low >= high for low, high in pairwise(prices)):
        raise DamagedFileError(file, "prices do not ascend", field="y_axis")
    starts = _starts_ms(file, heatmap.price_candlesticks)
    filled = [cell for cell in heatmap.liquidation_leverage_data if cell[2] > 0]
    if not filled:
        raise DamagedFileError(file, "nothing stands anywhere", field="liquidation_leverage_data")
    if any(x >= len(starts) or y >= len(prices) for x, y, _ in filled):
        raise DamagedFileError(
            file, "a cell lies outside the axes", field="liquidation_leverage_data"
        )
    newest = max(x for x, _, _ in filled)
    length_ms = min(after - before for before, after in pairwise(starts))
    # Without a word on when the reply was made, its running bar bounds it.
    known_ms = heatmap.update_time or named_ms or starts[-1] + length_ms
    if known_ms < starts[-1]:
        problem = "the reply was made before its newest bar began, as its name or update_time says"
        raise DamagedFileError(file, problem, field="price_candlesticks")
    # Prices are read as the middles of their rows: the page does not say.
    middles = (np.array(prices[:-1]) + np.array(prices[1:])) / 2
    first, last = 2 * prices[0] - middles[0], 2 * prices[-1] - middles[-1]
    borders = [max(float(first), prices[0] / 2), *middles.tolist(), float(last)]
    levels = [
        Level("unknown", borders[y], borders[y + 1], size) for x, y, size in filled if x == newest
    ]
    return levels, known_ms


def _starts_ms(file: str, candles: list[list[Any]]) -> list[int]:
    try:
        starts = [
            msgspec.convert(candle[0], _Seconds, strict=False) * SECOND_MS for candle in candles
        ]
    except (msgspec.ValidationError, IndexError) as error:
        raise DamagedFileError(
            file, "a candle does not begin with its start in seconds", field="price_candlesticks"
        ) from error
    if any(before >= after for before, after in pairwise(starts)):
        raise DamagedFileError(file, "candles do not ascend", field="price_candlesticks")
    return starts
