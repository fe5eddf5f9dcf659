"""Kinds of vendor files: which there are, which files are theirs, who reads them.

In:  a kind and paths.   Out: the files to read, in order, and the reader.
Walks folders; reads no file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from forcedflow.errors import UsageError
from forcedflow.venues.importers.binance_vision import (
    is_archive_name,
    parse_archive_name,
    read_binance_vision,
)
from forcedflow.venues.importers.candles import read_candles
from forcedflow.venues.importers.coinalyze import read_coinalyze
from forcedflow.venues.importers.coinglass import read_coinglass
from forcedflow.venues.importers.hyblock import read_hyblock
from forcedflow.venues.importers.hyperliquid_fills import read_hyperliquid_fills
from forcedflow.venues.importers.hyperliquid_positions import read_hyperliquid_positions
from forcedflow.venues.importers.hyperliquid_tape import is_tape_name, read_hyperliquid_tape
from forcedflow.venues.importers.options import ImportOptions
from forcedflow.venues.importers.parsed import Parsed
from forcedflow.venues.importers.table_file import read_table_file
from forcedflow.venues.importers.tardis import is_tardis_name, read_tardis

Reader: TypeAlias = Callable[[Path, bytes, ImportOptions], Parsed]

# Companions of data files that are nobody's rows: passed over without a word.
_COMPANION_SUFFIXES = {".checksum", ".md", ".txt", ".html", ".license", ".gitignore"}


@dataclass(frozen=True, slots=True)
class ImportKind:
    """One kind of vendor file.

    ``suffixes`` are the endings of its files. ``reader`` turns one into tables.
    """

    name: str
    doc: str
    suffixes: tuple[str, ...]
    reader: Reader


@dataclass(frozen=True, slots=True)
class Discovery:
    """Files of a kind under some paths, in order, and files that were passed over."""

    files: tuple[Path, ...]
    warnings: tuple[str, ...]


_ALL = (
    ImportKind(
        "binance-vision",
        "Binance's public archive: bars, metrics, funding, depth bands, trades",
        (".zip", ".csv"),
        read_binance_vision,
    ),
    ImportKind("candles", "OHLCV of perpetuals and spot pairs", (".csv", ".parquet"), read_candles),
    ImportKind(
        "coinglass",
        "CoinGlass exports and replies, maps included",
        (".csv", ".json"),
        read_coinglass,
    ),
    ImportKind("coinalyze", "Coinalyze exports and replies", (".csv", ".json"), read_coinalyze),
    ImportKind("hyblock", "Hyblock's heatmaps, to be scored beside ours", (".json",), read_hyblock),
    ImportKind(
        "hyperliquid-fills",
        "fills of Hyperliquid's node: every liquidation and trade",
        (".lz4", ".jsonl", ".json", ".gz"),
        read_hyperliquid_fills,
    ),
    ImportKind(
        "hyperliquid-positions",
        "published positions of Hyperliquid accounts",
        (".parquet", ".csv"),
        read_hyperliquid_positions,
    ),
    ImportKind(
        "hyperliquid-tape",
        "recorded trades, books and context of Hyperliquid",
        (".jsonl", ".gz"),
        read_hyperliquid_tape,
    ),
    ImportKind(
        "tardis",
        "Tardis.dev's CSV: trades, liquidations, ticker values, books",
        (".gz", ".csv"),
        read_tardis,
    ),
    ImportKind(
        "table", "files in this package's own schema", (".parquet", ".csv"), read_table_file
    ),
)

KINDS: dict[str, ImportKind] = {kind.name: kind for kind in _ALL}
"""Every kind by the name it has on the command line."""


def find_kind(name: str) -> ImportKind:
    """Return the kind called ``name``.

    Raises
    ------
    UsageError
        If there is none.
    """
    if name not in KINDS:
        raise UsageError(f"{name!r} is no kind of file\nhint: one of {', '.join(KINDS)}")
    return KINDS[name]


def discover(kind: str, paths: Sequence[Path]) -> Discovery:
    """Return the files of a kind among ``paths``, folders walked in sorted order.

    A file named outright is taken whatever it is called; one met in a folder only if its name fits
    the kind. A file reached twice is listed once.

    Parameters
    ----------
    kind : str
        Name of the kind.
    paths : sequence of Path
        Files and folders.

    Returns
    -------
    Discovery

    Raises
    ------
    UsageError
        If a path does not exist or there is no such kind.
    """
    wanted = find_kind(kind)
    files: dict[Path, Path] = {}
    warnings: list[str] = []
    for path in paths:
        if not path.exists():
            raise UsageError(f"{path}: no such file or folder")
        if path.is_file():
            files.setdefault(path.resolve(), path)
            continue
        for met in sorted(entry for entry in path.rglob("*") if entry.is_file()):
            if _fits(wanted, met):
                files.setdefault(met.resolve(), met)
            elif not _is_companion(met):
                warnings.append(f"{met}: not a file of {kind}; passed over")
    return Discovery(tuple(files.values()), tuple(warnings))


def identity(kind: str, path: Path, options: ImportOptions) -> str:
    """Return what, besides the content, decides what a file becomes.

    Names carry meaning (symbol, dataset, interval), so the same bytes under another name are
    another import.

    Raises
    ------
    UsageError
        If an archive file's name leaves open what it is.
    """
    said = path.name
    if kind == "binance-vision":
        name = parse_archive_name(path, options)
        said = f"{name.market}/{name.dataset}/{path.name}"
    return f"{said} {options.fingerprint()}"


def _fits(kind: ImportKind, path: Path) -> bool:
    if kind.name == "binance-vision":
        return is_archive_name(path)
    if kind.name == "hyperliquid-tape":
        return is_tape_name(path)
    if kind.name == "tardis":
        return is_tardis_name(path)
    return path.suffix.lower() in kind.suffixes and not _is_companion(path)


def _is_companion(path: Path) -> bool:
    return (
        path.suffix.lower() in _COMPANION_SUFFIXES
        or path.name.startswith(".")
        or path.stem.upper() in {"README", "LICENSE", "INDEX"}
    )
