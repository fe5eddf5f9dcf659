"""A vendor's file as columns of text: archives, check sums, CSV and JSON taken apart strictly.

In:  bytes of one file (and its ``.CHECKSUM`` beside it).   Out: a frame of strings, row for row.
Free of meaning: what the columns are is for the reader of each kind.
"""

from __future__ import annotations

import hashlib
import io
import lzma
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from forcedflow.errors import DamagedFileError

_BROKEN_ARCHIVE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    ValueError,
    OverflowError,
    NotImplementedError,  # a compression or version that does not exist: a flipped byte
    RuntimeError,  # "encrypted": likewise
)


def verify_checksum(path: Path, data: bytes) -> None:
    """Compare ``data`` with the SHA-256 in ``<path>.CHECKSUM``, where that file exists.

    Raises
    ------
    DamagedFileError
        If they differ, or the check sum file holds none.
    """
    beside = path.with_name(f"{path.name}.CHECKSUM")
    if not beside.is_file():
        return
    stated = beside.read_text(encoding="ascii", errors="replace").split()
    if not stated or len(stated[0]) != hashlib.sha256().digest_size * 2:
        raise DamagedFileError(str(beside), "holds no SHA-256; expected '<sha256>  <file>'")
    found = hashlib.sha256(data).hexdigest()
    if found != stated[0].lower():
        raise DamagedFileError(
            str(path), f"SHA-256 is {found[:16]}…, its .CHECKSUM says {stated[0][:16]}…"
        )


def unpack_csv(path: Path, data: bytes) -> tuple[str, bytes]:
    """Return the name for messages and the bytes of the CSV that a file is or holds.

    Raises
    ------
    DamagedFileError
        If a ``.zip`` cannot be read, or does not hold exactly one CSV of the archive's own name.
    """
    if path.suffix.lower() != ".zip":
        return str(path), data
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [name for name in archive.namelist() if name.lower().endswith(".csv")]
            if [Path(name).stem for name in members] != [path.stem]:
                raise DamagedFileError(
                    str(path), f"holds {members or 'no CSV'}, expected [{path.stem}.csv]"
                )
            return f"{path} ({members[0]})", archive.read(members[0])
    except _BROKEN_ARCHIVE as error:
        raise DamagedFileError(str(path), f"is no readable zip archive: {error}") from error


def read_csv(file: str, data: bytes, headerless: Sequence[tuple[str, ...]] = ()) -> pl.DataFrame:
    """Return a CSV as columns of strings; an empty field is null.

    Parameters
    ----------
    file : str
        Name for messages.
    data : bytes
        The file.
    headerless : sequence of tuple of str
        Column names where the first line is data (it begins with a digit), by number of columns.

    Returns
    -------
    polars.DataFrame

    Raises
    ------
    DamagedFileError
        If the file is empty, not UTF-8, or a row has more or fewer fields than the first line.
    """
    _refuse_utf_16(file, data)
    lines = data.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").strip(b"\n \t")
    if not lines:
        raise DamagedFileError(file, "is empty")
    if b"\n\n" in lines:
        lines = b"\n".join(line for line in lines.split(b"\n") if line.strip())
    first = lines.split(b"\n", 1)[0]
    width = first.count(b",") + 1
    named = not first[:1].isdigit()
    names: tuple[str, ...] | None = None
    if not named:
        names = next((columns for columns in headerless if len(columns) == width), None)
        if names is None:
            expected = " or ".join(str(len(columns)) for columns in headerless) or "a header line"
            raise DamagedFileError(file, f"has {width} columns, expected {expected}", row=1)
    if b'"' not in lines:
        _refuse_ragged(file, lines, width, skip=1 if named else 0)
    try:
        frame = pl.read_csv(lines, has_header=named, infer_schema=False)
    except (pl.exceptions.PolarsError, UnicodeDecodeError) as error:
        raise DamagedFileError(file, f"is no readable CSV: {str(error).splitlines()[0]}") from error
    if names is not None:
        frame.columns = list(names)
    return frame.rename({name: name.strip() for name in frame.columns})


def read_parquet(file: str, data: bytes) -> pl.DataFrame:
    """Return a Parquet file as it is typed.

    Raises
    ------
    DamagedFileError
        If it cannot be read.
    """
    try:
        return pl.read_parquet(io.BytesIO(data))
    except (pl.exceptions.PolarsError, OSError, pl.exceptions.PanicException) as error:
        problem = (str(error).splitlines() or ["unknown"])[0]
        raise DamagedFileError(file, f"is no readable Parquet: {problem}") from error


def read_frame(path: Path, data: bytes) -> pl.DataFrame:
    """Return a ``.parquet`` as typed, anything else as a CSV of strings.

    Raises
    ------
    DamagedFileError
        If it cannot be read as that.
    """
    if path.suffix.lower() == ".parquet":
        return read_parquet(str(path), data)
    return read_csv(str(path), data)


def read_json(file: str, data: bytes) -> Any:
    """Return a JSON document.

    Raises
    ------
    DamagedFileError
        If it is none.
    """
    _refuse_utf_16(file, data)
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DamagedFileError(file, f"is no readable JSON: {error}") from error


def frame_of_records(file: str, records: Any) -> pl.DataFrame:
    """Return a JSON array of objects as columns of strings; an absent key is null.

    Raises
    ------
    DamagedFileError
        If it is no array of objects.
    """
    if not isinstance(records, list):
        raise DamagedFileError(file, "holds no array of rows")
    names: dict[str, None] = {}
    for number, record in enumerate(records, start=1):
        if not isinstance(record, Mapping):
            raise DamagedFileError(file, "is no object", row=number)
        names |= dict.fromkeys(record)
    return pl.DataFrame(
        {
            name: [
                None if (value := record.get(name)) is None else str(value) for record in records
            ]
            for name in names
        },
        schema=dict.fromkeys(names, pl.String),
    )


def _refuse_utf_16(file: str, data: bytes) -> None:
    """Name the encoding that spreadsheets write, rather than what its bytes look like as rows."""
    if data[:2] in {b"\xff\xfe", b"\xfe\xff"} or (len(data) > 1 and 0 in data[:2]):
        raise DamagedFileError(file, "is UTF-16, expected UTF-8; save it again as UTF-8")


def _refuse_ragged(file: str, lines: bytes, width: int, skip: int) -> None:
    # One count settles it for a sound file; only a damaged one is walked line by line.
    if lines.count(b",") == (width - 1) * (lines.count(b"\n") + 1):
        return
    for number, line in enumerate(lines.split(b"\n")):
        found = line.count(b",") + 1
        if found != width:
            raise DamagedFileError(
                file, f"has {found} fields, expected {width}", row=max(1, number + 1 - skip)
            )
