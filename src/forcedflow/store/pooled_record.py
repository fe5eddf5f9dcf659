"""Pooled records: what plans and regimes came to on several markets of a venue, one file each.

In:  `HeldLegs`, `HeldRegimes`; or a lake, a market and a moment.   Out: a file; or what it holds.
Free of analysis and of the clock. Refused where the content is not what was written.

``<lake>/artefacts/<kind>/<venue>/pooled/<end of the span>-<digest>.json``
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from forcedflow.errors import DamagedFileError, DataError
from forcedflow.store.artefacts import artefact_folder, write_whole

_POOLED = "pooled"


class _Pooled(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every pooled record states.

    Parameters
    ----------
    venue : str
    symbols : list of str
        Markets counted.
    from_ms, to_ms : int
        Span that was scored, the end exclusive; nothing later was read. [UTC ms]
    simulated : bool
        Whether any row is of the simulated exchange.
    data : dict of str to dict of str to str
        Digests of what was read, by market and table.
    content_hash : str
        SHA-256 over all the rest; set by `write_pooled`.
    layout : int
        Version of this shape.
    """

    venue: str
    symbols: list[str]
    from_ms: int
    to_ms: int
    simulated: bool
    data: dict[str, dict[str, str]]
    content_hash: str = ""
    layout: Literal[1] = 1


class HeldLegs(_Pooled, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What became of ``n`` legs that hit a cluster, by when that was known.

    Parameters
    ----------
    known_ms, impulse_ms, to_extreme_ms : list of int, n of them
        [UTC ms, UTC ms, ms]
    net_bps : list of float or None, n of them
        What each plan came to after costs; None where there was no plan or no cost known. [bps]
    size_usd : float
        Size that the costs are of. [USD]
    """

    known_ms: list[int]
    impulse_ms: list[int]
    to_extreme_ms: list[int]
    net_bps: list[float | None]
    size_usd: float
    kind: Literal["second-leg"] = "second-leg"


class HeldRate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What followed one regime, beside moments alike.

    Parameters
    ----------
    regime, side, horizon, metric, baseline : str
    part : str
        ``spot alone``; empty for the perpetual with all its tables.
    n, n_days : int
        Beginnings, and days with one.
    value, matched : float
        After a beginning, and after moments alike. [unit of the metric]
    gain, low, high : float or None
        Above zero is what is said of the regime; the 95 % interval, None where none was drawn.
    p_adj : float or None
        Adjusted over all rows of the scorecard that it stood on.
    """

    regime: str
    side: str
    horizon: str
    metric: str
    baseline: str
    part: str
    n: int
    n_days: int
    value: float
    matched: float
    gain: float
    low: float | None
    high: float | None
    p_adj: float | None


class HeldRegimes(_Pooled, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What followed regimes.

    Parameters
    ----------
    rates : list of HeldRate
        Those that enough beginnings bear.
    """

    rates: list[HeldRate]
    kind: Literal["regimes"] = "regimes"


_Held = TypeVar("_Held", HeldLegs, HeldRegimes)


def write_pooled(root: Path, record: HeldLegs | HeldRegimes) -> Path:
    """Write a record into the lake at ``root`` and return its file, all of it on the disk.

    The same record has the same name, so that it is kept once.

    Raises
    ------
    DataError
        If the columns of legs are not of one length.
    """
    if isinstance(record, HeldLegs):
        columns = (record.known_ms, record.impulse_ms, record.to_extreme_ms, record.net_bps)
        if len({len(column) for column in columns}) != 1:
            raise DataError(f"record of {record.kind}, {record.venue}: columns of unequal length")
    sealed = msgspec.structs.replace(record, content_hash=_digest(record))
    folder = artefact_folder(root, sealed.kind, sealed.venue, _POOLED)
    path = folder / f"{_day(sealed.to_ms)}-{sealed.content_hash[:12]}.json"
    return write_whole(path, msgspec.json.encode(sealed) + b"\n")


def newest_legs(root: Path, venue: str, symbol: str, at_ms: int) -> HeldLegs | None:
    """Return the newest record of legs that counts a market and was over by a moment, if any.

    Parameters
    ----------
    root : Path
        Folder of the lake.
    venue, symbol : str
    at_ms : int
        The moment: what was scored after it was not known then. [UTC ms]

    Returns
    -------
    HeldLegs or None
        Of several that end at the same moment the one of most markets, then the longest.

    Raises
    ------
    DamagedFileError
        If one that comes into question is damaged.
    """
    return _newest(root, "second-leg", HeldLegs, venue, symbol, at_ms)


def newest_regimes(root: Path, venue: str, symbol: str, at_ms: int) -> HeldRegimes | None:
    """Return the newest record of regimes, chosen as `newest_legs` does."""
    return _newest(root, "regimes", HeldRegimes, venue, symbol, at_ms)


def _newest(
    root: Path, kind: str, held: type[_Held], venue: str, symbol: str, at_ms: int
) -> _Held | None:
    folder = artefact_folder(root, kind, venue, _POOLED)
    paths = sorted(folder.glob("????-??-??-*.json")) if folder.is_dir() else []
    found = [_read(path, held) for path in paths if path.name[:10] <= _day(at_ms)]
    known = [record for record in found if record.to_ms <= at_ms and symbol in record.symbols]
    return max(
        known,
        key=lambda one: (one.to_ms, len(one.symbols), -one.from_ms, one.content_hash),
        default=None,
    )


def _read(path: Path, held: type[_Held]) -> _Held:
    try:
        record = msgspec.json.decode(path.read_bytes(), type=held)
    except msgspec.MsgspecError as error:
        raise DamagedFileError(str(path), f"is no such record: {error}") from error
    if record.content_hash != _digest(record):
        raise DamagedFileError(
            str(path), "its content is not what was written\nhint: remove it and score again"
        )
    return record


def _digest(record: HeldLegs | HeldRegimes) -> str:
    bare = msgspec.structs.replace(record, content_hash="")
    return hashlib.sha256(msgspec.json.encode(bare, order="deterministic")).hexdigest()


def _day(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d")
