"""Levels of another provider's map: what it says stands where, and when that was known.

In:  levels as read from one reply, a market, a moment. [UTC ms]   Out: rows of ``peer_maps``.
Pure: no I/O, no clock, no global state.

Maps of others are opponents in a scorecard and nothing else: no stage of ours reads them. Sizes
are the provider's own and compare within one map alone, as providers say themselves.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, TypeAlias

import polars as pl

from forcedflow.errors import UsageError
from forcedflow.tables import SIMULATED_SOURCE
from forcedflow.venues.importers.columns import Field, read_columns
from forcedflow.venues.importers.parsed import rows

PRECEDENCE = 3

PeerSide: TypeAlias = Literal["long", "short", "unknown"]

_STAMP = re.compile(r"(?<!\d)(\d{4})-?(\d{2})-?(\d{2})T(\d{2})[-:]?(\d{2})(?:[-:]?(\d{2}))?Z")


@dataclass(frozen=True, slots=True)
class Level:
    """What stands between two prices; both are the same where the provider gives a point."""

    side: PeerSide
    low: float
    high: float
    size: float


@dataclass(frozen=True, slots=True)
class PeerMap:
    """Which map of whom stood when.

    Parameters
    ----------
    file : str
        Name for messages.
    provider, model : str
    venue, symbol : str
        The market; a bare coin where venues are summed.
    known_ms : int
        When the reply was made. Maps are told apart by it: two replies of one bar are two maps.
        [UTC ms]
    simulated : bool
    """

    file: str
    provider: str
    model: str
    venue: str
    symbol: str
    known_ms: int
    simulated: bool = False


def moment_in_name(name: str) -> int | None:
    """Return the moment that a file's name states, or ``None``. [UTC ms]

    Examples
    --------
    >>> moment_in_name("map_BTC_20261123T1400Z.json"), moment_in_name("map_BTC_20261123.json")
    (1795442400000, None)
    """
    if (found := _STAMP.search(name)) is None:
        return None
    try:
        moment = datetime(*(int(part or 0) for part in found.groups()), tzinfo=UTC)  # type: ignore[misc,arg-type]
    except ValueError:
        return None
    return int(moment.timestamp()) * 1000


def stated_moment(file: str, name: str) -> int:
    """Return the moment that the name states, of a reply that does not say when it was made.

    Raises
    ------
    UsageError
        If it states none.
    """
    moment = moment_in_name(name)
    if moment is None:
        raise UsageError(
            f"{file}: the reply does not say when it was made\n"
            "hint: write the moment into its name, such as BTC_20261123T1400Z.json"
        )
    return moment


def level_rows(peer: PeerMap, levels: Sequence[Level]) -> pl.DataFrame:
    """Return levels as rows of ``peer_maps``; those of one place are summed, empty ones left out.

    Raises
    ------
    DamagedFileError
        If the moment is none between 2009 and 2100.
    """
    moment = pl.DataFrame({"known": [peer.known_ms]})
    table = (
        pl.DataFrame(
            [(level.side, level.low, level.high, level.size) for level in levels],
            {"side": pl.String, "low": pl.Float64, "high": pl.Float64, "size": pl.Float64},
            orient="row",
        )
        .filter(pl.col("size") > 0)
        .group_by("side", "low", "high", maintain_order=True)
        .agg(pl.col("size").sum())
        .join(read_columns(peer.file, moment, [Field("known", "time")]), how="cross")
    )
    source = f"{peer.provider}:{peer.model}"
    return rows(
        table,
        venue=peer.venue,
        symbol=peer.symbol,
        event_time=pl.col("known"),
        source=f"{SIMULATED_SOURCE}:{source}" if peer.simulated else source,
        precedence=PRECEDENCE,
        provider=peer.provider,
        model=peer.model,
        side=pl.col("side"),
        price_low=pl.col("low"),
        price_high=pl.col("high"),
        size=pl.col("size"),
    )
