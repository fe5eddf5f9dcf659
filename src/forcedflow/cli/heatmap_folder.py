"""``forcedflow heatmap --out-dir``: one file per market, for as many markets as one likes.

In:  markets, a range, a moment, who works.   Out: files in a folder, what is in each, what failed.
The files are made by whoever works and written here, so that no worker needs the folder.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

from forcedflow.errors import NoDataError, UsageError

if TYPE_CHECKING:
    from forcedflow.executors import Executor, Progress
    from forcedflow.instruments import Instrument
    from forcedflow.liquidation_map import LiquidationMap
    from forcedflow.store import Lake
    from forcedflow.zones import Zone

FileFormat = Literal["png", "json", "coinglass", "pine", "csv"]

_ENDINGS = {"png": ".png", "json": ".json", "coinglass": ".json", "pine": ".pine", "csv": ".csv"}


@dataclass(frozen=True, slots=True)
class Drawing:
    """What is drawn of each market.

    Parameters
    ----------
    lake : Lake
        Travels as its address: whoever works opens it himself.
    at_ms, span_ms : int
        The moment [UTC ms], and how much before it is shown. [ms]
    model : str, optional
        As ``--model``.
    format : str
    """

    lake: Lake
    at_ms: int
    span_ms: int
    model: str | None
    format: FileFormat

    def __call__(self, instrument: Instrument) -> bytes | str:
        """Return a market's file, or why there is none."""
        from forcedflow.answers.model import read_map

        try:
            mapped = read_map(
                self.lake, instrument, self.at_ms, self.model, picture_span_ms=self.span_ms
            )
        except NoDataError as error:
            return str(error).split("\n", maxsplit=1)[0]
        return file_of(self.format, mapped, mapped.zones())


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a market: its file and the file's SHA-256, or why there is none."""

    instrument: Instrument
    path: Path | None
    sha256: str | None
    reason: str | None

    def row(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "symbol": self.instrument.symbol,
            "venue": self.instrument.venue,
            "file": None if self.path is None else str(self.path),
            "sha256": self.sha256,
            "reason": self.reason,
        }


def write_all(
    drawing: Drawing,
    instruments: Sequence[Instrument],
    folder: Path,
    executor: Executor,
    progress: Progress | None = None,
) -> list[Written]:
    """Write one file per market as soon as it is made, so that an interruption keeps the others.

    Raises
    ------
    UsageError
        If the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    files = executor.map(drawing, instruments, progress=progress)
    for instrument, content in zip(instruments, files, strict=True):
        if isinstance(content, str):
            written.append(Written(instrument, None, None, content))
            continue
        name = quote(f"{instrument.venue}-{instrument.symbol}".replace("/", "-"), safe="-:")
        path = folder / (name.replace(":", "-") + _ENDINGS[drawing.format])
        try:
            path.write_bytes(content)
        except OSError as error:
            raise UsageError(f"{path}: cannot be written: {error.strerror or error}") from error
        written.append(Written(instrument, path, hashlib.sha256(content).hexdigest(), None))
    return written


def file_of(wanted: FileFormat, mapped: LiquidationMap, zones: list[Zone]) -> bytes:
    """Return a map as the bytes of a file."""
    import msgspec

    from forcedflow.cli.heatmap import picture_writer, value_of

    if wanted == "png":
        import tempfile

        with tempfile.TemporaryDirectory(prefix="forcedflow-picture-") as folder:
            path = Path(folder) / "heatmap.png"
            picture_writer()(mapped, zones, path)
            return path.read_bytes()
    value = value_of(wanted, mapped, zones)
    return value.encode() if isinstance(value, str) else msgspec.json.encode(value) + b"\n"


def held_markets(lake: Lake, venues: Sequence[str]) -> list[Instrument]:
    """Return every contract of the venues of which open interest is held."""
    from forcedflow.instruments import parse_symbol

    return [
        parse_symbol(symbol, venue)
        for table, venue, symbol in sorted(lake.series())
        if table == "open_interest" and ":" in symbol and venue in venues
    ]
