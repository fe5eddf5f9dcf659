"""Every error the package raises on purpose.

ForcedflowError
├── UsageError             the command or a setting is wrong; exit code 2
├── NoDataError            the lake does not hold what was asked for; exit code 3
└── DataError              data breaks its schema or an invariant; exit code 5
    ├── SchemaError        a column, dtype, unit or value is not the declared one
    └── DamagedFileError   a file cannot be read as what it claims to be

The command line maps the tree to exit codes in one place (``exit_code``).
"""

from __future__ import annotations


class ForcedflowError(Exception):
    """Base of every error raised on purpose; its text is written for people."""

    exit_code = 1


class UsageError(ForcedflowError):
    """The command, an argument or a setting is wrong."""

    exit_code = 2


class NoDataError(ForcedflowError):
    """The lake does not hold what was asked for; the message says which command gets it."""

    exit_code = 3


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
