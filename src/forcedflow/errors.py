"""Every error the package raises on purpose.

ForcedflowError
├── UsageError             the command or a setting is wrong; exit code 2
├── NoDataError            the lake does not hold what was asked for; exit code 3
├── WorkerLostError        a worker died over the same piece of work again and again; exit code 1
├── LeaseHeldError         another process writes the same series; exit code 1
├── StorageError           a bucket did not answer as asked; exit code 4
├── VenueError             a venue or the network did not answer as asked; exit code 4
│   ├── NotThereError      the venue says that it does not hold this
│   ├── RateLimitedError   the venue asks for a pause longer than we may wait
│   ├── BlockedError       the venue refuses this address or this country
│   └── LeftAloneError     a host refused or kept failing before, and is not asked again
└── DataError              data breaks its schema or an invariant; exit code 5
    ├── SchemaError        a column, dtype, unit or value is not the declared one
    ├── DamagedFileError   a file cannot be read as what it claims to be
    └── FrameError         a venue's message cannot be read as what it claims to be

The command line maps the tree to exit codes in one place (``exit_code``).
"""

from __future__ import annotations

# Enough of a bad message to recognise it by, little enough for one screen.
_QUOTED_BYTES = 300


class ForcedflowError(Exception):
    """Base of every error raised on purpose; its text is written for people."""

    exit_code = 1

    def __reduce__(self) -> tuple[object, ...]:
        # As it is, not made anew: some are made from other arguments than the text they end in,
        # and an error of another process must say here what it said there.
        return _as_it_was, (type(self), self.args), self.__dict__


def _as_it_was(kind: type[ForcedflowError], args: tuple[object, ...]) -> ForcedflowError:
    return kind.__new__(kind, *args)


class UsageError(ForcedflowError):
    """The command, an argument or a setting is wrong."""

    exit_code = 2


class NoDataError(ForcedflowError):
    """The lake does not hold what was asked for; the message says which command gets it."""

    exit_code = 3


class WorkerLostError(ForcedflowError):
    """A worker died over a piece of work as often as it is tried: memory, or a crash below Python.

    Parameters
    ----------
    item : str
        The piece of work.
    attempts : int
        How often it was tried.
    """

    def __init__(self, item: str, attempts: int) -> None:
        self.item, self.attempts = item, attempts
        super().__init__(
            f"{item}: its worker died {attempts} times; what was finished before is kept\n"
            "hint: fewer --workers leave each more memory; --executor serial shows what happens"
        )


class LeaseHeldError(ForcedflowError):
    """Another process writes the same series of the lake.

    Parameters
    ----------
    series : str
        Venue and symbol.
    doing : str
        What it does with it, such as ``recorded``.
    holder : str
        Process and machine.
    since, until : str
        When it began, and when it is succeeded unless it goes on; UTC.
    """

    def __init__(self, series: str, doing: str, holder: str, since: str, until: str) -> None:
        self.series, self.doing, self.holder = series, doing, holder
        self.since, self.until = since, until
        super().__init__(
            f"{series} is being {doing} into this lake by {holder} since {since}\n"
            f"hint: end that one, or leave the symbol out; if it died, run this again after {until}"
        )


class StorageError(ForcedflowError):
    """A bucket, or the network between, did not answer as asked.

    Parameters
    ----------
    address : str
        ``s3://bucket/prefix``.
    problem : str
        What happened and what to do about it.
    """

    exit_code = 4

    def __init__(self, address: str, problem: str) -> None:
        self.address, self.problem = address, problem
        super().__init__(f"{address}: {problem}")


class VenueError(ForcedflowError):
    """A venue or the network between did not answer as asked.

    Parameters
    ----------
    venue : str
        Lower-case venue id.
    problem : str
        What happened and what to do about it.
    """

    exit_code = 4

    def __init__(self, venue: str, problem: str) -> None:
        self.venue, self.problem = venue, problem
        super().__init__(f"{venue}: {problem}")


class NotThereError(VenueError):
    """The venue says that it does not hold what was asked for (404): a gap, not a failure."""


class RateLimitedError(VenueError):
    """The venue asks for a longer pause than the caller may wait (429, 418).

    Parameters
    ----------
    venue : str
        Lower-case venue id.
    problem : str
        What happened and what to do about it.
    retry_after_s : float
        Pause that the venue asked for. [s]
    """

    def __init__(self, venue: str, problem: str, retry_after_s: float) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(venue, problem)


class BlockedError(VenueError):
    """The venue refuses this address or this country (403, 451); archives may still answer."""


class LeftAloneError(VenueError):
    """A host refused us or failed many times in a row, and is not asked again in this run."""


class DataError(ForcedflowError):
    """Data breaks its schema or an invariant."""

    exit_code = 5


class SchemaError(DataError):
    """A column, dtype, unit or value is not the declared one.

    Parameters
    ----------
    table : str
        Name of the table the rows were meant for.
    field : str
        Column at fault.
    problem : str
        What is wrong and what was expected.
    row : int, optional
        First offending row, counted from 0.
    """

    def __init__(self, table: str, field: str, problem: str, row: int | None = None) -> None:
        self.table, self.field, self.problem, self.row = table, field, problem, row
        where = f"{table}.{field}" if row is None else f"{table}.{field}, row {row}"
        super().__init__(f"{where}: {problem}")


class DamagedFileError(DataError):
    """A file cannot be read as what it claims to be; nothing of it was stored.

    Parameters
    ----------
    file : str
        Path of the file, and of the member inside an archive where there is one.
    problem : str
        What is wrong and what would be right.
    row : int, optional
        First offending data row, counted from 1 as in a text editor without the header.
    field : str, optional
        Column at fault.
    """

    def __init__(
        self, file: str, problem: str, *, row: int | None = None, field: str | None = None
    ) -> None:
        self.file, self.problem, self.row, self.field = file, problem, row, field
        place = "".join(
            [f", row {row}" if row is not None else "", f", field {field}" if field else ""]
        )
        super().__init__(f"{file}{place}: {problem}")


class FrameError(DataError):
    """A venue's message cannot be read as what it claims to be; nothing of it was taken.

    Parameters
    ----------
    venue : str
        Lower-case venue id.
    what : str
        What the message was read as, such as ``forceOrder``.
    problem : str
        What is wrong and what was expected.
    raw : bytes
        The message; its beginning is quoted.
    """

    def __init__(self, venue: str, what: str, problem: str, raw: bytes) -> None:
        self.venue, self.what, self.problem = venue, what, problem
        quoted = raw[:_QUOTED_BYTES].decode("utf-8", errors="replace")
        more = "…" if len(raw) > _QUOTED_BYTES else ""
        super().__init__(f"{venue} {what}: {problem}; the message reads: {quoted}{more}")
