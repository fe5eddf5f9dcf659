"""SQL over the lake: one read-only view per table, and nothing else within reach.

In:  a lake, a moment, a query.   Out: rows as a Polars frame.
Free of analysis and of the clock. DuckDB opens the lake's own Parquet files; a query can neither
write, nor open another file, nor see a row that was not yet known at the moment stated.
"""

from __future__ import annotations

import importlib
import re
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import polars as pl

from forcedflow.errors import DataError, UsageError
from forcedflow.store.lake import Lake
from forcedflow.tables import SIMULATED_SOURCE, TABLES, TIME, Table

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MOST_ROWS = 100_000
"""Rows that a query returns unless told otherwise."""

MEMORY_MB = 1024
"""Memory that a query may use unless told otherwise. [MiB]"""

LONGEST_S = 120.0
"""Time that a query may take unless told otherwise. [s]"""

# What a FROM clause may call besides the views: makers of rows, none of which opens a file.
_ROW_MAKERS = frozenset({"range", "generate_series", "unnest", "repeat", "repeat_row"})

_NO_TABLE = re.compile(r"Table with name (\S+) does not exist")


@dataclass(frozen=True, slots=True)
class QueryResult:
    """Rows that a query returned.

    Parameters
    ----------
    rows : polars.DataFrame
        Times are in UTC.
    cut : bool
        Whether there were more rows than were allowed.
    simulated : bool
        Whether a table that the query names holds rows of the simulated exchange, known by then.
    """

    rows: pl.DataFrame
    cut: bool
    simulated: bool


class LakeSql:
    """A connection to a lake for queries.

    Every declared table is a view of its name, with rows or without. The views are those of the
    moment at which this was made: rows written later are seen by a new one.

    Parameters
    ----------
    lake : Lake
    at_ms : int, optional
        Views show only rows available by then; all rows by default. [UTC ms]
    memory_mb : int
        A query that needs more is refused; nothing is spilled to the disk. [MiB]
    longest_s : float
        A query that takes longer is ended. [s]

    Raises
    ------
    UsageError
        If DuckDB is not installed, or ``memory_mb`` is below 64.
    """

    def __init__(
        self,
        lake: Lake,
        at_ms: int | None = None,
        memory_mb: int = MEMORY_MB,
        longest_s: float = LONGEST_S,
    ) -> None:
        if memory_mb < 64:
            raise UsageError(f"a query needs at least 64 MiB of memory, was {memory_mb}")
        self._lake, self._at_ms = lake, at_ms
        self._memory_mb, self._longest_s = memory_mb, longest_s
        self._connection = self._connect()

    def query(self, sql: str, most_rows: int = MOST_ROWS) -> QueryResult:
        """Return the rows of one SELECT.

        Parameters
        ----------
        sql : str
            One statement in DuckDB's dialect that only reads: SELECT, FROM, WITH, VALUES, DESCRIBE.
        most_rows : int
            At most so many rows; at least 1.

        Raises
        ------
        UsageError
            If it is not such a statement, reads anything but the views, or names what does not
            exist: near matches are said; or it needs more memory than it may have.
        DataError
            If a file of the lake cannot be read.
        """
        if most_rows < 1:
            raise UsageError(f"a query returns at least one row, was {most_rows}")
        named = self._check(sql)
        try:
            rows = self._rows(sql, most_rows + 1)
        except _unreadable():
            # Somebody wrote meanwhile and superseded files of our views: list them anew.
            self._connection = self._connect()
            try:
                rows = self._rows(sql, most_rows + 1)
            except _unreadable() as error:
                raise _damaged(error) from error
        return QueryResult(rows.head(most_rows), rows.height > most_rows, self._simulated(named))

    def tables(self) -> list[str]:
        """Return the names of the views."""
        return list(TABLES)

    def close(self) -> None:
        """Give the memory back."""
        self._connection.close()

    def _connect(self) -> DuckDBPyConnection:
        duckdb = _duckdb()
        connection: DuckDBPyConnection = duckdb.connect(
            ":memory:",
            config={
                "memory_limit": f"{self._memory_mb}MiB",
                "temp_directory": "",
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
                "python_enable_replacements": "false",
            },
        )
        connection.execute("SET TimeZone = 'UTC'")
        opened: list[Path] = []
        for table in TABLES.values():
            files = self._lake.files(table.name)
            opened += files
            try:
                connection.execute(_view(table, files, self._at_ms))
            except _unreadable() as error:
                raise _damaged(error) from error
        connection.execute(f"SET allowed_paths = {_texts(opened)}")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        return connection

    def _check(self, sql: str) -> set[str]:
        """Return the tables that a statement names, or say why it may not run."""
        (answer,) = self._connection.execute(
            "SELECT json_serialize_sql(?::VARCHAR, skip_null := true, skip_empty := true)", [sql]
        ).fetchall()[0]
        parsed = msgspec.json.decode(answer)
        if parsed["error"]:
            said = parsed.get("error_message", "")
            problem = "this is no plain query" if "serialized" in said else said
            raise UsageError(f"{problem}\nhint: one SELECT; the lake is read-only here")
        if len(parsed["statements"]) != 1:
            raise UsageError(
                f"one query at a time, found {len(parsed['statements'])}\nhint: leave out the ;"
            )
        nodes = list(_nodes(parsed["statements"]))
        named = {node["table_name"] for node in nodes if node.get("type") == "BASE_TABLE"}
        called = {
            node["function"]["function_name"] + "()"
            for node in nodes
            if node.get("type") == "TABLE_FUNCTION"
        }
        makers = {f"{name}()" for name in _ROW_MAKERS}
        # A path in place of a table would be opened, and a file of the lake knows no moment.
        refused = [*(called - makers), *(name for name in named if re.search(r"[./\\]", name))]
        if refused:
            raise UsageError(
                f"{min(refused)} is not for queries here: they read the lake's tables and nothing "
                f"else\nhint: DESCRIBE {next(iter(TABLES))}"
            )
        return named

    def _rows(self, sql: str, most: int) -> pl.DataFrame:
        import duckdb  # noqa: PLC0415 - of an extra; told by name where it is missing

        ended = threading.Timer(self._longest_s, self._connection.interrupt)
        ended.daemon = True
        ended.start()
        try:
            rows: pl.DataFrame = self._connection.sql(sql).limit(most).pl()
        except _unreadable():
            raise
        except duckdb.InterruptException as error:
            raise UsageError(
                f"the query took longer than {self._longest_s:g} s\n"
                "hint: name a venue, a symbol and a span of time in WHERE"
            ) from error
        except duckdb.OutOfMemoryException as error:
            raise UsageError(
                f"the query needs more than {self._memory_mb} MiB of memory\n"
                "hint: name a venue, a symbol and a span of time in WHERE"
            ) from error
        except duckdb.Error as error:
            if ".parquet" in str(error):
                raise _damaged(error) from error
            raise UsageError(_told(str(error))) from error
        except pl.exceptions.ComputeError as error:
            raise UsageError(
                "a column's type has no place in a table\nhint: cast it, such as column::VARCHAR"
            ) from error
        finally:
            ended.cancel()
            ended.join()
        return rows

    def _simulated(self, named: set[str]) -> bool:
        return any(
            self._connection.execute(
                f'SELECT 1 FROM "{table}" WHERE starts_with(source, ?) LIMIT 1',  # noqa: S608 - a declared name
                [SIMULATED_SOURCE],
            ).fetchone()
            for table in sorted({name.lower() for name in named} & TABLES.keys())
        )


def _duckdb() -> Any:
    try:
        importlib.import_module("pyarrow")  # rows leave DuckDB through it
        return importlib.import_module("duckdb")
    except ModuleNotFoundError as error:
        if error.name not in {"duckdb", "pyarrow"}:
            raise
        raise UsageError(f"SQL needs {error.name}\nhint: pip install 'forcedflow[sql]'") from error


def _unreadable() -> tuple[type[Exception], ...]:
    """Return what DuckDB raises of a file that is damaged or gone; the latter as not permitted."""
    import duckdb  # noqa: PLC0415 - of an extra; told by name where it is missing

    return duckdb.IOException, duckdb.PermissionException


def _damaged(error: Exception) -> DataError:
    return DataError(
        f"a file of the lake cannot be read: {error}\nhint: forcedflow doctor --verify"
    )


def _view(table: Table, files: Sequence[Path], at_ms: int | None) -> str:
    columns = ", ".join(f'"{name}"' for name in table.schema)
    if not files:
        empty = ", ".join(
            f'NULL::{_sql_type(dtype)} AS "{name}"' for name, dtype in table.schema.items()
        )
        return f'CREATE VIEW "{table.name}" AS SELECT {empty} WHERE false'
    known = "" if at_ms is None else f" WHERE available_time <= make_timestamptz({at_ms * 1000})"
    return (
        f'CREATE VIEW "{table.name}" AS SELECT {columns} '  # noqa: S608 - declared names, quoted paths
        f"FROM read_parquet({_texts(files)}, hive_partitioning = false){known}"
    )


def _texts(paths: Sequence[Path]) -> str:
    return "[" + ", ".join("'" + str(path).replace("'", "''") + "'" for path in paths) + "]"


def _sql_type(dtype: Any) -> str:
    if dtype == TIME:
        return "TIMESTAMPTZ"
    return {pl.String: "VARCHAR", pl.Float64: "DOUBLE", pl.Int64: "BIGINT"}.get(dtype, "INTEGER")


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Yield every object of a parsed statement, however deep."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield node
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)


def _told(message: str) -> str:
    """Return what DuckDB says, and which table was probably meant."""
    if found := _NO_TABLE.search(message):
        near = get_close_matches(found[1], TABLES, n=3, cutoff=0.5)
        meant = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(TABLES)}"
        return f"no table {found[1]}\nhint: {meant}"
    return message.strip()
