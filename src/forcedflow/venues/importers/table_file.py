"""Files that are already in this package's own schema.

In:  Parquet or CSV with a declared table's columns.   Out: that table's rows.
Pure: no I/O, no clock, no global state.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from forcedflow.errors import DamagedFileError, UsageError
from forcedflow.tables import TABLES, TIME, Column
from forcedflow.venues.importers.columns import Field, FieldKind, read_columns, refuse
from forcedflow.venues.importers.options import ImportOptions
from forcedflow.venues.importers.parsed import Parsed, settle
from forcedflow.venues.importers.vendor_file import read_frame


def read_table_file(path: Path, data: bytes, options: ImportOptions) -> Parsed:
    """Return the rows of one file.

    Parameters
    ----------
    path : Path
        Where the file is; its stem is the table's name unless ``options.table`` is set.
    data : bytes
        Parquet, or CSV with a header. Times may be UTC text or epochs.
    options : ImportOptions
        ``table`` names the table.

    Returns
    -------
    Parsed
        Rows of that table, with the file's own ``source`` and ``precedence``.

    Raises
    ------
    DamagedFileError
        If a column is absent or not declared, or a value is not what its column declares.
    UsageError
        If there is no such table.
    """
    file, name = str(path), options.table or path.stem
    if name not in TABLES:
        raise UsageError(f"{file}: {name} is no table\nhint: --table {' | '.join(TABLES)}")
    raw = read_frame(path, data)
    columns = {column.name: column for column in TABLES[name].columns}
    if unknown := [given for given in raw.columns if given not in columns]:
        raise DamagedFileError(file, f"is not declared for {name}", field=unknown[0])
    frame = read_columns(file, raw, [_field(column) for column in columns.values()])
    for column in columns.values():
        given = frame[column.name]
        if column.choices:
            wrong = given.is_not_null() & ~given.is_in(column.choices)
            refuse(file, column.name, wrong, f"is not {' or '.join(column.choices)}", given)
    return settle(file, {name: [frame]})


def _field(column: Column) -> Field:
    return Field(column.name, _kind(column), required=column.required, positive=column.positive)


def _kind(column: Column) -> FieldKind:
    if column.dtype == TIME:
        return "time"
    if column.dtype == pl.String:
        return "text"
    return "number" if column.dtype == pl.Float64 else "count"
