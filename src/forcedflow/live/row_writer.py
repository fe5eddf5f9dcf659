"""Rows on their way into the lake: gathered from every venue, written together, kept until then.

In:  row buffers of venues that are followed.   Out: rows in the lake, and counts of them.
Free of venues' messages; whoever calls decides when.

One write for all venues and tables costs one turn at the lake's lock. Each write adds a file to
each partition it touches; the lake merges those by itself at 64, and `compact` merges the rest.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Final

import polars as pl

from forcedflow.errors import ForcedflowError, SchemaError
from forcedflow.live.health import TableHealth
from forcedflow.store import Lake, TableChange
from forcedflow.venues.base import Rows
from forcedflow.venues.row_buffer import RowBuffer

MOST_UNWRITTEN: Final = 1_000_000
"""Rows that wait for a lake that cannot be written to, before recording gives up."""


class RowWriter:
    """Writes rows into a lake. Thread-safe: one write at a time.

    Parameters
    ----------
    lake : Lake
        Where rows go.
    on_written : callable, optional
        Given the rows of every write once they are in the lake.
    """

    def __init__(
        self, lake: Lake, on_written: Callable[[Mapping[str, pl.DataFrame]], None] | None = None
    ) -> None:
        self._lake: Final = lake
        self._on_written: Final = on_written
        self._lock: Final = Lock()
        self._added: deque[RowBuffer | Rows] = deque()
        self._series: set[tuple[str, str]] = set()
        self._unwritten: dict[str, list[pl.DataFrame]] = {}
        self._unwritten_rows = 0
        self._changes: dict[str, TableChange] = {}
        self._read: dict[str, Counter[str]] = {}
        self.problem = ""

    @property
    def unwritten_rows(self) -> int:
        """Return how many rows an earlier write could not store."""
        return self._unwritten_rows

    def tables(self) -> dict[str, TableHealth]:
        """Return what became of the rows so far, by table."""
        changes = sorted(self._changes.items())
        return {
            table: TableHealth(change.added, change.replaced, change.unchanged)
            for table, change in changes
        }

    def read_of(self, venue: str) -> dict[str, int]:
        """Return how many rows a venue's messages gave so far, by table."""
        return dict(sorted(self._read.get(venue, Counter()).items()))

    def add(self, rows: RowBuffer | Rows) -> None:
        """Take rows in for the next write; waits for nothing.

        Parameters
        ----------
        rows : RowBuffer or Rows
            A buffer must be one that nobody adds to any more.
        """
        self._added.append(rows)

    def write(self) -> tuple[tuple[str, SchemaError], ...]:
        """Write everything that was added, and what an earlier write could not.

        Returns
        -------
        tuple of (str, SchemaError)
            Venue and fault of each row that does not fit its table, which is left out.

        Raises
        ------
        OSError, ForcedflowError
            If the lake cannot be written to, such as on a full disk or while another process
            holds it, and `MOST_UNWRITTEN` rows wait by now. With fewer the rows wait for the next
            write and `problem` says why.
        """
        refused: list[tuple[str, SchemaError]] = []
        with self._lock:
            while self._added:
                rows = self._added.popleft()
                if isinstance(rows, RowBuffer):
                    refused += self._read_buffer(rows)
                else:
                    self._keep(rows)
            self._write_kept()
        return tuple(refused)

    def compact(self) -> None:
        """Merge what many small writes left into one file per partition."""
        with self._lock:
            if self._lake.in_bucket:
                # Other machines look after what they write themselves.
                self._lake.compact(self._series)
            else:
                self._lake.compact()

    def _read_buffer(self, buffer: RowBuffer) -> list[tuple[str, SchemaError]]:
        rows, unfit = buffer.take_sound()
        self._keep(rows)
        # Replaced, never changed: others read it meanwhile.
        before = self._read.get(buffer.venue, Counter())
        fresh = Counter({table: frame.height for table, frame in rows.items()})
        self._read = {**self._read, buffer.venue: before + fresh}
        return [(buffer.venue, error) for error in unfit]

    def _keep(self, rows: Rows) -> None:
        for table, frame in rows.items():
            self._unwritten.setdefault(table, []).append(frame)
            self._series.update(frame.select("venue", "symbol").unique().iter_rows())
            self._unwritten_rows += frame.height

    def _write_kept(self) -> None:
        if not self._unwritten:
            return
        frames = {table: pl.concat(parts) for table, parts in self._unwritten.items()}
        try:
            written = self._lake.write(frames)
        except (OSError, ForcedflowError) as error:
            self.problem = f"{self._lake.root}: {error}"
            if self._unwritten_rows > MOST_UNWRITTEN:
                raise
            return
        self._unwritten, self._unwritten_rows, self.problem = {}, 0, ""
        if self._on_written is not None:
            self._on_written(frames)
        self._changes = self._changes | {
            table: self._changes.get(table, TableChange()) + change
            for table, change in written.tables.items()
        }
