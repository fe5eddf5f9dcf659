"""Recorded messages as a venue: the same reader that heard them live hears them again.

In:  runs of a raw log, the venue's connector.   Out: rows, as they were or as parsed today.
Free of sockets; nothing is asked of the venue, since the answers were recorded too.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from typing import Final, TypeAlias

import polars as pl

from forcedflow.errors import DamagedFileError, FrameError, NoDataError, SchemaError
from forcedflow.instruments import Instrument
from forcedflow.store.raw_block import TornTail
from forcedflow.store.raw_log import Frame, RawRun, read_raw_log
from forcedflow.venues.base import Capabilities, Rows, refuse_unknown
from forcedflow.venues.connector import Connector, Reader
from forcedflow.venues.row_buffer import RowBuffer

BATCH_ROWS: Final = 200_000
"""Rows that are handed on at once."""

_COUNT_EVERY: Final = 500

# In a replay paced by the clock, messages closer than this come together. [s]
_SHORTEST_PAUSE_S: Final = 0.001


Refused: TypeAlias = Callable[[FrameError | SchemaError], None]
"""Told of a message that cannot be read, or of a row that fits no table."""


def replay_run(
    connector: Connector, run: RawRun, on_torn: Callable[[TornTail], None], on_refused: Refused
) -> Iterator[Rows]:
    """Yield all rows of a run, in the order in which its messages came.

    Parameters
    ----------
    connector : Connector
        Of the venue that was recorded.
    run : RawRun
        Its files.
    on_torn : callable
        Told of each file that ends within a block.
    on_refused : callable
        Told of what cannot be taken; the rest is.

    Yields
    ------
    dict of str to polars.DataFrame
        At most about `BATCH_ROWS` rows at a time.

    Raises
    ------
    DamagedFileError
        If a file is damaged before its end; the rows before that are yielded first.
    """
    reader = connector.reader(run.header.instruments)
    buffer = RowBuffer(connector.name)
    damage: DamagedFileError | None = None
    try:
        for number, frame in enumerate(read_raw_log(run.files, on_torn=on_torn)):
            _read(reader, frame, buffer, on_refused)
            # Counting rows costs as much as reading a message does.
            if number % _COUNT_EVERY == 0 and len(buffer) >= BATCH_ROWS:
                yield _take(buffer, on_refused)
    except DamagedFileError as error:
        damage = error  # what was read before it is whole
    if rows := _take(buffer, on_refused):
        yield rows
    if damage is not None:
        raise damage


class ReplayVenue:
    """Recorded runs of one venue behind the venue protocol.

    Parameters
    ----------
    connector : Connector
        Of the venue that was recorded; its reader parses.
    runs : sequence of RawRun
        In the order of time, at least one.
    on_torn, on_refused : callable
        Told what cannot be read, as by `replay_run`.
    speed : float
        Recorded seconds per second of a stream; 0 is as fast as possible.
    sleep : callable, optional
        Waits so many seconds.

    Raises
    ------
    NoDataError
        If there is no run of this venue.
    """

    def __init__(
        self,
        connector: Connector,
        runs: Sequence[RawRun],
        on_torn: Callable[[TornTail], None],
        on_refused: Refused,
        *,
        speed: float = 0.0,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._connector = connector
        self._runs = tuple(run for run in runs if run.header.venue == connector.name)
        self._on_torn, self._on_refused = on_torn, on_refused
        self._speed, self._sleep = speed, sleep
        if not self._runs:
            raise NoDataError(
                f"no messages of {connector.name} were recorded there\n"
                f"hint: forcedflow record {connector.name} SYMBOL"
            )

    @property
    def name(self) -> str:
        """Return the venue id of the rows: that of the venue recorded."""
        return self._connector.name

    @property
    def capabilities(self) -> Capabilities:
        """Return what was recorded; it can be had as the past and as a stream."""
        own = self._connector.capabilities
        held = frozenset(table for run in self._runs for table in run.header.tables)
        return Capabilities(own.kinds, held, held, own.liquidations, own.public_positions)

    def instruments(self) -> tuple[Instrument, ...]:
        """Return the contracts recorded, with their sizes of the latest run."""
        by_symbol = {
            instrument.symbol: instrument
            for run in self._runs
            for instrument in run.header.instruments
        }
        return tuple(by_symbol.values())

    def backfill(
        self, tables: Sequence[str], symbol: str, start_ms: int, end_ms: int
    ) -> Iterator[Rows]:
        """Yield the rows that became known in ``[start_ms, end_ms)``.

        Raises
        ------
        UsageError
            If a table or the symbol was not recorded.
        """
        refuse_unknown(self, tables, symbol, self.capabilities.backfilled)
        known = pl.col("available_time").dt.epoch("ms").is_between(start_ms, end_ms, closed="left")
        batches = (
            batch
            for run in self._runs
            for batch in replay_run(self._connector, run, self._on_torn, self._on_refused)
        )
        return (own for batch in batches if (own := _select(batch, tables, symbol, known)))

    def stream(self, tables: Sequence[str], symbol: str) -> AsyncGenerator[Rows, None]:
        """Yield rows message by message at the pace of the recording, run after run.

        Raises
        ------
        UsageError
            If a table or the symbol was not recorded.
        """
        refuse_unknown(self, tables, symbol, self.capabilities.streamed)
        return self._play(tables, symbol)

    async def _play(self, tables: Sequence[str], symbol: str) -> AsyncGenerator[Rows, None]:
        for run in self._runs:
            reader = self._connector.reader(run.header.instruments)
            buffer = RowBuffer(self.name)
            before_ns: int | None = None
            owed_s = 0.0
            for frame in read_raw_log(run.files, on_torn=self._on_torn):
                if before_ns is not None and self._speed > 0:
                    owed_s += (frame.received_ns - before_ns) / 1e9 / self._speed
                before_ns = frame.received_ns
                if owed_s >= _SHORTEST_PAUSE_S:
                    await self._sleep(owed_s)
                    owed_s = 0.0
                if _read(reader, frame, buffer, self._on_refused):
                    rows = _take(buffer, self._on_refused)
                    if own := _select(rows, tables, symbol, pl.lit(value=True)):
                        yield own


def _read(reader: Reader, frame: Frame, buffer: RowBuffer, on_refused: Refused) -> bool:
    """Return whether a frame gave rows."""
    buffer.last_event_ms = None
    try:
        reader.read(frame, buffer)
    except FrameError as error:
        on_refused(error)
    return buffer.last_event_ms is not None


def _take(buffer: RowBuffer, on_refused: Refused) -> Rows:
    rows, refused = buffer.take_sound()
    for error in refused:
        on_refused(error)
    return rows


def _select(rows: Rows, tables: Sequence[str], symbol: str, rule: pl.Expr) -> Rows:
    own = rule & (pl.col("symbol") == symbol)
    kept = {name: frame.filter(own) for name, frame in rows.items() if name in tables}
    return {name: frame for name, frame in kept.items() if frame.height}
