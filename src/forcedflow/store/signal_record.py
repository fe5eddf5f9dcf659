"""Records of signals: what a market's readings were worth on a span that is over, one file each.

In:  a `SignalRecord`; or a lake, a market and a moment.   Out: a file; or the record it holds.
Free of analysis and of the clock. Refused where the content is not what was written.

``<lake>/artefacts/signals/<venue>/<symbol>/<end of the span>-<digest>.json``
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

import msgspec

from forcedflow.errors import DamagedFileError
from forcedflow.store.artefacts import artefact_folder, write_whole

KIND: Final = "signals"


class RecordedFigure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One figure of a signal beside that of moments alike.

    Parameters
    ----------
    metric, horizon : str
        Such as ``cascade_rate`` and ``24h``.
    n, n_days : int
        Firings, and days with one.
    value, matched : float
        Where it fired, and at moments alike. [1, or σ of the horizon]
    low, high : float or None
        95 % interval of the difference; None where none was drawn.
    p_adj : float or None
        Adjusted over all rows of the scorecard that it stood on.
    """

    metric: str
    horizon: str
    n: int
    n_days: int
    value: float
    matched: float
    low: float | None
    high: float | None
    p_adj: float | None


class SignalRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the signals of one market were worth.

    Parameters
    ----------
    venue, symbol : str
    from_ms, to_ms : int
        Span that was scored, the end exclusive. [UTC ms]
    simulated : bool
        Whether any row is of the simulated exchange.
    fired : dict of str to int
        Firings by signal, scored or not.
    figures : dict of str to list of RecordedFigure
        By signal; none where it fired too rarely.
    data : dict of str to str
        Digests of what was read, by table.
    content_hash : str
        SHA-256 over all the rest; set by `write_record`.
    kind : {"signals"}
    layout : int
        Version of this shape.
    """

    venue: str
    symbol: str
    from_ms: int
    to_ms: int
    simulated: bool
    fired: dict[str, int]
    figures: dict[str, list[RecordedFigure]]
    data: dict[str, str]
    content_hash: str = ""
    kind: Literal["signals"] = "signals"
    layout: Literal[1] = 1


def write_record(root: Path, record: SignalRecord) -> Path:
    """Write a record into the lake at ``root`` and return its file, all of it on the disk.

    The same record has the same name, so that it is kept once.
    """
    sealed = msgspec.structs.replace(record, content_hash=_digest(record))
    folder = artefact_folder(root, KIND, sealed.venue, sealed.symbol)
    path = folder / f"{_day(sealed.to_ms)}-{sealed.content_hash[:12]}.json"
    return write_whole(path, msgspec.json.encode(sealed) + b"\n")


def read_record(path: Path) -> SignalRecord:
    """Return the record in a file.

    Raises
    ------
    DamagedFileError
        If it is no record, or its content is not what was written.
    """
    try:
        record = msgspec.json.decode(path.read_bytes(), type=SignalRecord)
    except msgspec.MsgspecError as error:
        raise DamagedFileError(str(path), f"is no record of signals: {error}") from error
    if record.content_hash != _digest(record):
        raise DamagedFileError(
            str(path),
            "its content is not what was written\nhint: remove it and score again",
        )
    return record


def newest_record(root: Path, venue: str, symbol: str, at_ms: int) -> SignalRecord | None:
    """Return the newest record of a market whose span had ended by a moment, if any.

    Parameters
    ----------
    root : Path
        Folder of the lake.
    venue, symbol : str
    at_ms : int
        The moment: what was scored after it was not known then. [UTC ms]

    Returns
    -------
    SignalRecord or None
        Of several that end at the same moment the longest.

    Raises
    ------
    DamagedFileError
        If one that comes into question is damaged.
    """
    folder = artefact_folder(root, KIND, venue, symbol)
    paths = sorted(folder.glob("????-??-??-*.json")) if folder.is_dir() else []
    held = [read_record(path) for path in paths if path.name[:10] <= _day(at_ms)]
    known = [record for record in held if record.to_ms <= at_ms]
    return max(known, key=lambda one: (one.to_ms, -one.from_ms, one.content_hash), default=None)


def _digest(record: SignalRecord) -> str:
    bare = msgspec.structs.replace(record, content_hash="")
    return hashlib.sha256(msgspec.json.encode(bare, order="deterministic")).hexdigest()


def _day(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d")
