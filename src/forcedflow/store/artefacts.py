"""Artefacts: what was learned from the lake, one dated JSON file each.

In:  a `MapArtefact`; or a lake, a market and a moment.   Out: a file; or the artefact it holds.
Free of analysis and of the clock. Files are written whole or not at all, and refused where their
content is not what was written.

``<lake>/artefacts/map/<venue>/<symbol>/<end of the fit>-<digest>.json``
"""

from __future__ import annotations

import hashlib
import math
import os
from datetime import UTC, datetime
from pathlib import Path
from threading import get_ident
from typing import Literal
from urllib.parse import quote

import msgspec

from forcedflow.errors import DamagedFileError, DataError, NoDataError

_FOLDER = "artefacts"
_SIDES = 2
_DAY = "%Y-%m-%d"


class DataPart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Rows that a fit read: how many, when from and to, and the digest of them."""

    rows: int
    first_ms: int | None
    last_ms: int | None
    sha256: str


class AtomIdentity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which atom each weight belongs to, ``a`` of them: leverage [×], half-life [d], role."""

    leverage: list[float]
    half_life_days: list[float]
    role: list[str]


class MapArtefact(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A trained map.

    Parameters
    ----------
    created : str
        When it was made, UTC.
    venue, symbol : str
        Market whose positions were explained.
    fit_to_ms : int
        End of the fit; nothing later was read. [UTC ms]
    horizon_ms : int
        Length of the intervals fitted. [ms]
    n : int
        Intervals fitted.
    targets : str
        Whose liquidations were explained.
    inputs : list of str
        What the flows rest on, in words.
    simulated : bool
        Whether any row is of the simulated exchange.
    data : dict of str to DataPart
        What was read, by table.
    atoms : AtomIdentity
    weight, events, informed : list of list of float, shape (2, a)
        Posterior mean [USD liquidated per USD swept], its effective events, and the share of those
        that came from data; longs then shorts.
    spans_ms : list of int
        Memories of the path-only terms. [ms]
    background : list of list of float, shape (2, len(spans_ms) + 2)
        Weights of the path-only terms.
    dispersion : list of float, shape (2,)
        Variance over mean of an interval's liquidations. [USD]
    level : float
        Realised over expected at the end of the fit, later intervals counting more. [1]
    card : list of str
        What it is, what it rests on and what it is worth, in words.
    complete_feed : bool, optional
        Whether every row of liquidations fitted to is of a feed that prints each forced close;
        not stated by maps stored before this was kept, which then count as incomplete.
    content_hash : str
        SHA-256 over all the rest; set by `write_artefact`.
    kind : {"map"}
    layout : int
        Version of this shape.
    """

    created: str
    venue: str
    symbol: str
    fit_to_ms: int
    horizon_ms: int
    n: int
    targets: str
    inputs: list[str]
    simulated: bool
    data: dict[str, DataPart]
    atoms: AtomIdentity
    weight: list[list[float]]
    events: list[list[float]]
    informed: list[list[float]]
    spans_ms: list[int]
    background: list[list[float]]
    dispersion: list[float]
    level: float
    card: list[str]
    # Left out where it was never stated, so that older files keep the digest they were sealed with.
    complete_feed: bool | msgspec.UnsetType = msgspec.UNSET
    content_hash: str = ""
    kind: Literal["map"] = "map"
    layout: Literal[1] = 1

    @property
    def name(self) -> str:
        """Return the name of its file without the ending: end of the fit and digest."""
        return f"{_day(self.fit_to_ms)}-{self.content_hash[:12]}"


def write_artefact(root: Path, artefact: MapArtefact) -> Path:
    """Write an artefact into the lake at ``root`` and return its file, all of it on the disk.

    Raises
    ------
    DataError
        If its numbers have not the shapes that it states, or one is not finite.
    """
    if problem := _problem(artefact):
        raise DataError(f"artefact of {artefact.venue} {artefact.symbol}: {problem}")
    sealed = msgspec.structs.replace(artefact, content_hash=_digest(artefact))
    folder = artefact_folder(root, sealed.kind, sealed.venue, sealed.symbol)
    return write_whole(folder / f"{sealed.name}.json", msgspec.json.encode(sealed) + b"\n")


def write_whole(path: Path, content: bytes) -> Path:
    """Write a file so that it is whole and on the disk when this returns, or not there at all."""
    folder = path.parent
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = folder / f".{path.stem}.{os.getpid()}-{get_ident()}"
    with unfinished.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)  # a rename is durable only once its folder is
    finally:
        os.close(descriptor)
    return path


def read_artefact(path: Path) -> MapArtefact:
    """Return the artefact in a file.

    Raises
    ------
    NoDataError
        If there is no such file.
    DamagedFileError
        If it is no artefact, or its content is not what was written.
    """
    try:
        content = path.read_bytes()
    except (FileNotFoundError, IsADirectoryError) as error:
        raise NoDataError(
            f"{path}: no such artefact\nhint: forcedflow train map --symbol SYMBOL --fit-to TIME"
        ) from error
    try:
        artefact = msgspec.json.decode(content, type=MapArtefact)
    except msgspec.MsgspecError as error:
        raise DamagedFileError(str(path), f"is no trained map: {error}") from error
    expected = _digest(artefact)
    if artefact.content_hash != expected:
        raise DamagedFileError(
            str(path),
            f"its content has the digest {expected[:12]}…, it states "
            f"{artefact.content_hash[:12]}…\nhint: remove it and train again",
        )
    if problem := _problem(artefact):
        raise DamagedFileError(str(path), problem)
    return artefact


def newest_artefact(
    root: Path, kind: Literal["map"], venue: str, symbol: str, at_ms: int
) -> Path | None:
    """Return the file of the newest artefact whose fit had ended by a moment.

    Parameters
    ----------
    root : Path
        Folder of the lake.
    kind : {"map"}
    venue, symbol : str
    at_ms : int
        The moment. [UTC ms]

    Returns
    -------
    Path or None
        Of several fits to the same moment the one made last.

    Raises
    ------
    DamagedFileError
        If one that comes into question is damaged.
    """
    folder = artefact_folder(root, kind, venue, symbol)
    by_day: dict[str, list[Path]] = {}
    for path in folder.glob("????-??-??-*.json") if folder.is_dir() else ():
        by_day.setdefault(path.name[:10], []).append(path)
    for day in sorted((d for d in by_day if d <= _day(at_ms)), reverse=True):
        held = [(read_artefact(path), path) for path in by_day[day]]
        known = [(a.fit_to_ms, a.created, path) for a, path in held if a.fit_to_ms <= at_ms]
        if known:
            return max(known)[2]
    return None


def artefact_folder(root: Path, kind: str, venue: str, symbol: str) -> Path:
    """Return where artefacts of one kind and market are kept in the lake at ``root``."""
    return root / _FOLDER / kind / quote(venue, safe="+") / quote(symbol, safe="")


def _digest(artefact: MapArtefact) -> str:
    bare = msgspec.structs.replace(artefact, content_hash="")
    return hashlib.sha256(msgspec.json.encode(bare, order="deterministic")).hexdigest()


def _day(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime(_DAY)


def _problem(artefact: MapArtefact) -> str | None:
    """Return what is wrong with an artefact's numbers, or None."""
    size = len(artefact.atoms.leverage)
    if not size or len(artefact.atoms.half_life_days) != size or len(artefact.atoms.role) != size:
        return "atoms of unequal number, or none"
    terms = len(artefact.spans_ms) + 2
    for name, rows, width in (
        ("weight", artefact.weight, size),
        ("events", artefact.events, size),
        ("informed", artefact.informed, size),
        ("background", artefact.background, terms),
        ("dispersion", [[value] for value in artefact.dispersion], 1),
    ):
        if len(rows) != _SIDES or any(len(row) != width for row in rows):
            return f"{name} has not the shape (2, {width})"
        if not all(math.isfinite(value) and value >= 0 for row in rows for value in row):
            return f"{name} holds a number that is negative or not finite"
    if not (all(e > 0 for row in artefact.events for e in row) and artefact.level > 0):
        return "events and the level must be above zero"
    return None
