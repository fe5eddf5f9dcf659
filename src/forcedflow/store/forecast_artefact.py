"""Forecast artefacts: models fitted on several markets together, one dated file each.

In:  a `ForecastArtefact`; or a folder and a moment.   Out: a file; or the artefact it holds.
Free of analysis and of the clock. Models are plain numbers here: nothing that is read is run.

``<lake>/artefacts/forecast/<end of the fit>-<digest>.json``
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import msgspec

from forcedflow.errors import DamagedFileError, NoDataError
from forcedflow.store.artefacts import write_whole

_DAY = "%Y-%m-%d"


class FittedOn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One market that a forecast learned from.

    Parameters
    ----------
    venue, symbol : str
    first_ms, last_ms : int
        First and last moment read. [UTC ms]
    rows : int
        Hours at which open interest was known.
    events : dict of str to int
        Distinct events by the name of their rule.
    liquidations : bool
        Whether hourly liquidations were held, which sizes and event C1 need.
    sha256 : str
        Of everything read of it.
    """

    venue: str
    symbol: str
    first_ms: int
    last_ms: int
    rows: int
    events: dict[str, int]
    liquidations: bool
    sha256: str


class ForecastArtefact(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A trained forecast.

    Parameters
    ----------
    created : str
        When it was made, UTC.
    fit_to_ms : int
        End of the fit; nothing later was read. [UTC ms]
    markets : list of FittedOn
    simulated : bool
        Whether any of them is of the simulated exchange.
    size : dict of str to dict of str to Any
        Models of sizes by set of inputs and by horizon in hours, as plain numbers.
    timing : dict of str to Any
        Models of events by the name of their rule, as plain numbers.
    daily : Any
        Model of tomorrow's risk as plain numbers; None where no daily panel was held.
    scores : list of dict
        What it was worth on the last part of its own past, each fitted before what it is scored on.
    card : list of str
        What it is, what it rests on, what it is worth and where it ends, in words.
    content_hash : str
        SHA-256 over all the rest; set by `write_forecast`.
    """

    created: str
    fit_to_ms: int
    markets: list[FittedOn]
    simulated: bool
    size: dict[str, dict[str, Any]]
    timing: dict[str, Any]
    daily: Any
    scores: list[dict[str, Any]]
    card: list[str]
    content_hash: str = ""
    kind: Literal["forecast"] = "forecast"
    layout: Literal[1] = 1

    @property
    def name(self) -> str:
        """Return the name of its file without the ending: end of the fit and digest."""
        return f"{_day(self.fit_to_ms)}-{self.content_hash[:12]}"


def forecast_folder(root: Path) -> Path:
    """Return where forecasts are kept in the lake at ``root``."""
    return root / "artefacts" / "forecast"


def write_forecast(folder: Path, artefact: ForecastArtefact) -> Path:
    """Write an artefact into a folder and return its file, all of it on the disk."""
    sealed = msgspec.structs.replace(artefact, content_hash=_digest(artefact))
    return write_whole(folder / f"{sealed.name}.json", msgspec.json.encode(sealed) + b"\n")


def read_forecast(path: Path) -> ForecastArtefact:
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
            f"{path}: no such forecast\nhint: forcedflow train forecast --fit-to TIME"
        ) from error
    return _checked(content, str(path))


def decode_forecast(content: bytes, name: str) -> ForecastArtefact:
    """Return the artefact in bytes, such as the one that ships with the package.

    Raises
    ------
    DamagedFileError
        As `read_forecast`.
    """
    return _checked(content, name)


def newest_forecast(root: Path, at_ms: int) -> ForecastArtefact | None:
    """Return the forecast of a lake whose fit ended last by a moment; None without one.

    Parameters
    ----------
    root : Path
        Folder of the lake.
    at_ms : int
        [UTC ms]

    Returns
    -------
    ForecastArtefact or None
        Of several fits to the same moment the one made last.

    Raises
    ------
    DamagedFileError
        If one that comes into question is damaged.
    """
    folder = forecast_folder(root)
    by_day: dict[str, list[Path]] = {}
    for path in folder.glob("????-??-??-*.json") if folder.is_dir() else ():
        by_day.setdefault(path.name[:10], []).append(path)
    for day in sorted((day for day in by_day if day <= _day(at_ms)), reverse=True):
        held = [read_forecast(path) for path in by_day[day]]
        known = [one for one in held if one.fit_to_ms <= at_ms]
        if known:
            return max(known, key=lambda one: (one.fit_to_ms, one.created, one.content_hash))
    return None


def _checked(content: bytes, name: str) -> ForecastArtefact:
    try:
        artefact = msgspec.json.decode(content, type=ForecastArtefact)
    except msgspec.MsgspecError as error:
        raise DamagedFileError(name, f"is no trained forecast: {error}") from error
    expected = _digest(artefact)
    if artefact.content_hash != expected:
        raise DamagedFileError(
            name,
            f"its content has the digest {expected[:12]}…, it states "
            f"{artefact.content_hash[:12]}…\nhint: remove it and train again",
        )
    return artefact


def _digest(artefact: ForecastArtefact) -> str:
    bare = msgspec.structs.replace(artefact, content_hash="")
    return hashlib.sha256(msgspec.json.encode(bare, order="deterministic")).hexdigest()


def _day(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime(_DAY)
