"""Typed columns from whatever a vendor wrote, or the row and field that is at fault.

In:  a frame of text, numbers or times.   Out: Float64, Int64, String, Boolean, UTC milliseconds.
Pure: no I/O, no clock, no global state.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import polars as pl

from forcedflow.errors import DamagedFileError
from forcedflow.tables import TIME

FieldKind: TypeAlias = Literal["number", "count", "time", "text", "flag"]

# No exchange is older and no recording is from the future: a time outside is a damaged digit.
_FIRST_MS, _LAST_MS = 1_230_768_000_000, 4_102_444_800_000  # 2009-01-01, 2100-01-01

# Seconds, milliseconds, microseconds and nanoseconds of those years do not overlap, so the size
# of the number decides. The date never does: files of one day may carry either.
_MIN_MS, _MIN_US, _MIN_NS = 10**11, 10**14, 10**17

_TIME_TEXT = (
    r"^(?<date>\d{4}-\d{2}-\d{2})"
    r"(?:[T ](?<clock>\d{2}:\d{2}(?::\d{2})?)(?<fraction>\.\d{1,9})?"
    r"\s*(?:Z|UTC|(?<sign>[+-])(?<hours>\d{2}):?(?<minutes>\d{2})?)?)?$"
)


@dataclass(frozen=True, slots=True)
class Field:
    """One column to read: how, and what its values must be.

    A ``required`` field is never empty. A ``positive`` one is above zero, an ``unsigned`` one not
    below.
    """

    name: str
    kind: FieldKind = "number"
    required: bool = True
    positive: bool = False
    unsigned: bool = False


def read_columns(file: str, raw: pl.DataFrame, fields: Sequence[Field]) -> pl.DataFrame:
    """Return the named columns with their types, in the file's own row order.

    Parameters
    ----------
    file : str
        Name for messages.
    raw : polars.DataFrame
        Columns as read; text is interpreted. A field that is not required may be absent.
    fields : sequence of Field
        Columns to return.

    Returns
    -------
    polars.DataFrame
        One column per field: ``number`` Float64, ``count`` Int64, ``time`` UTC ms (floored),
        ``text`` String, ``flag`` Boolean.

    Raises
    ------
    DamagedFileError
        If a column is absent, or naming the first row whose value is empty, of another kind, not
        finite or out of range.
    """
    return pl.DataFrame([_typed(file, raw, field) for field in fields])


def refuse(file: str, field: str, bad: pl.Series, problem: str, shown: pl.Series) -> None:
    """Raise for the first row that is ``bad``, showing its value.

    Raises
    ------
    DamagedFileError
        If there is one.
    """
    if bad.any():
        row = int(bad.fill_null(value=False).arg_max() or 0)
        raise DamagedFileError(file, f"{shown[row]!r} {problem}", row=row + 1, field=field)


def _typed(file: str, raw: pl.DataFrame, field: Field) -> pl.Series:
    if field.name not in raw.columns:
        if field.required:
            raise DamagedFileError(
                file, f"column is absent; found {', '.join(raw.columns)}", field=field.name
            )
        return _cast(pl.Series(field.name, [None] * raw.height, dtype=pl.String), field.kind)
    given = raw.get_column(field.name)
    if given.dtype == pl.String and field.kind != "text":
        given = given.str.strip_chars()
        given = given.set(given == "", None)
    typed = _cast(given, field.kind)
    refuse(file, field.name, typed.is_null() & given.is_not_null(), f"is no {field.kind}", given)
    if field.kind == "number":
        refuse(file, field.name, ~typed.is_finite(), "is not a finite number", given)
    if field.kind == "time":
        milliseconds = typed.cast(pl.Int64)
        outside = (milliseconds < _FIRST_MS) | (milliseconds >= _LAST_MS)
        refuse(file, field.name, outside, "is no time between 2009 and 2100", given)
    if field.required:
        refuse(file, field.name, typed.is_null(), "stands where a value is required", given)
    if field.positive:
        refuse(file, field.name, typed <= 0, "is not above zero", given)
    if field.unsigned:
        refuse(file, field.name, typed < 0, "is below zero", given)
    return typed


def _cast(given: pl.Series, kind: FieldKind) -> pl.Series:
    match kind:
        case "number":
            return given.cast(pl.Float64, strict=False)
        case "count":
            return given.cast(pl.Int64, strict=False)
        case "text":
            return given.cast(pl.String)
        case "flag":
            return _flags(given)
        case "time":
            return _times(given)


def _flags(given: pl.Series) -> pl.Series:
    if given.dtype != pl.String:
        return given.cast(pl.Boolean, strict=False)
    lowered = given.str.to_lowercase()
    return lowered.replace_strict(
        {"true": True, "false": False}, default=None, return_dtype=pl.Boolean
    )


def _times(given: pl.Series) -> pl.Series:
    if given.dtype in {pl.Datetime, pl.Date}:
        moments = given.cast(pl.Datetime("us")) if given.dtype == pl.Date else given
        zone = getattr(moments.dtype, "time_zone", None)
        utc = moments.dt.replace_time_zone("UTC") if zone is None else moments
        return utc.dt.convert_time_zone("UTC").cast(TIME)
    number = given.cast(pl.Int64, strict=False)
    epochs = number.to_frame("n").select(
        pl.when(pl.col("n") >= _MIN_NS)
        .then(pl.col("n") // 1_000_000)
        .when(pl.col("n") >= _MIN_US)
        .then(pl.col("n") // 1_000)
        .when(pl.col("n") >= _MIN_MS)
        .then(pl.col("n"))
        .otherwise(pl.col("n") * 1_000)
        .cast(TIME)
    )
    moments = epochs.to_series().alias(given.name)
    if given.dtype == pl.String and moments.null_count() > given.null_count():
        return moments.zip_with(moments.is_not_null(), _times_of_text(given))
    return moments


def _times_of_text(given: pl.Series) -> pl.Series:
    part = pl.col("part").struct.field
    clock = part("clock").fill_null("00:00:00")
    seconds = pl.when(clock.str.len_chars() == 5).then(clock + ":00").otherwise(clock)
    offset = part("hours").cast(pl.Int64).fill_null(0) * 60 + part("minutes").cast(
        pl.Int64
    ).fill_null(0)
    minutes = pl.when(part("sign") == "-").then(-offset).otherwise(offset)
    fraction = (part("fraction").fill_null(".0").cast(pl.Float64) * 1000 + 1e-6).floor()
    written = (part("date") + " " + seconds).str.to_datetime(
        "%Y-%m-%d %H:%M:%S", time_unit="ms", strict=False
    )
    moments = written.cast(pl.Int64) + fraction.cast(pl.Int64) - minutes * 60_000
    split = given.to_frame("text").select(
        pl.col("text").str.extract_groups(_TIME_TEXT).alias("part")
    )
    return split.select(moments.cast(TIME)).to_series().alias(given.name)
