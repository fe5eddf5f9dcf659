"""Fetching the past into the lake: archives first, HTTP for the rest, each piece once.

In:  a lake, a venue, tables and a span. [UTC ms]   Out: rows in the lake, and a `FetchReport`.
Free of sockets and of any single venue: a connector says what to ask for, `Http` asks.

Pieces are asked for by several threads and written in the order of the plan, so that the lake's
contents do not depend on who answered first. Rows and the receipt of their piece are one write:
whatever ends the process, running again goes on where the lake stands.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Final

import polars as pl

from forcedflow.errors import (
    ForcedflowError,
    LeftAloneError,
    NotThereError,
    UsageError,
    VenueError,
)
from forcedflow.instruments import Instrument, parse_symbol
from forcedflow.store import Lake, Receipt, TableChange
from forcedflow.venues.base import Rows
from forcedflow.venues.connector import Connector, Http, Piece
from forcedflow.venues.fetch_plan import Plan, Step
from forcedflow.venues.fetch_report import Failure, FetchReport, Gap, Progress, join_gaps
from forcedflow.venues.host_guard import HostGuard

# Rows held before they are written: few writes are fast, and this much fits in little memory.
_BATCH_ROWS: Final = 500_000
# And no longer than this, so that a kill costs seconds of work. [s]
_BATCH_S: Final = 1.0
# How often, and how far apart, an interrupted fetch tries to write what it has. [1], [s]
_ATTEMPTS_TO_KEEP: Final = 20
_NOTICED_S: Final = 0.1
_SPOT_TABLES: Final = frozenset({"klines", "trades", "order_book"})


def fetch(
    lake: Lake,
    connector: Connector,
    http: Http,
    tables: Sequence[str],
    symbols: Sequence[str],
    start_ms: int,
    end_ms: int,
    interval_ms: int,
    *,
    concurrency: int | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
) -> FetchReport:
    """Bring a span of the past into the lake.

    A piece whose content is in the lake is not asked for again. What the venue does not hold is a
    gap; what could not be had is a failure, and the others go on. A host that refuses this address
    is left alone: the venue's archive may answer all the same.

    Parameters
    ----------
    lake : Lake
        Where rows go.
    connector : Connector
        The venue.
    http : Http
        Who asks.
    tables : sequence of str
        Tables wanted, among those that the venue can back-fill.
    symbols : sequence of str
        Contracts, as `forcedflow.instruments.parse_symbol` understands them.
    start_ms, end_ms : int
        Span wanted; the days or months that it touches are asked for whole. [UTC ms]
    interval_ms : int
        Length of price bars. [ms]
    concurrency : int, optional
        Pieces asked for at once; what the venue allows by default.
    on_progress : callable, optional
        Told after every piece.
    now_ms : callable
        Local clock. [UTC ms]

    Returns
    -------
    FetchReport

    Raises
    ------
    UsageError
        If a table cannot be asked for, a symbol is not listed or the span is empty.
    """
    present_ms = now_ms()
    end_ms = min(end_ms, present_ms)
    _refuse(connector, tables, start_ms, end_ms)
    guard = HostGuard(connector.name, http)
    run = _Run(lake, connector.name, guard, now_ms)
    planned: list[Piece] = []
    for instrument in _instruments(connector, guard, symbols, run):
        pieces = connector.pieces(
            guard, tables, instrument, start_ms, end_ms, present_ms, interval_ms
        )
        planned += pieces
        for table in _unplanned(tables, instrument, pieces):
            # Such as brackets of the past: only those of today are told.
            reason = "the venue tells nothing of that span"
            run.gaps.append(Gap(instrument.symbol, (table,), start_ms, end_ms, reason))
    # Time first: what lies in one partition of the lake is written together.
    threads = concurrency or connector.rate_limit.concurrent
    plan: Plan[_Answer] = Plan(
        sorted(planned, key=lambda piece: (piece.start_ms, piece.name)), threads
    )
    run.read_all(plan, threads, on_progress or (lambda _: None))
    return run.report(start_ms, end_ms)


def _refuse(connector: Connector, tables: Sequence[str], start_ms: int, end_ms: int) -> None:
    offered = connector.capabilities.backfilled
    if missing := sorted(set(tables) - offered):
        raise UsageError(
            f"{connector.name} does not give the past of {', '.join(missing)}\n"
            f"hint: it gives that of {', '.join(sorted(offered))}"
        )
    if start_ms >= end_ms:
        raise UsageError("the span is empty\nhint: it begins before it ends, and before now")


def _unplanned(tables: Sequence[str], instrument: Instrument, pieces: Sequence[Piece]) -> list[str]:
    planned = {table for piece in pieces for table in piece.tables}
    # Nobody holds open interest or funding of a spot pair: there is none.
    there_is = _SPOT_TABLES if instrument.kind == "spot" else frozenset(tables)
    return [table for table in tables if table in there_is - planned]


def _instruments(
    connector: Connector, http: Http, symbols: Sequence[str], run: _Run
) -> list[Instrument]:
    wanted = [parse_symbol(symbol, connector.name) for symbol in symbols]
    try:
        listed = {instrument.symbol: instrument for instrument in connector.instruments(http)}
    except LeftAloneError:
        return wanted  # names are enough for an archive; sizes of contracts are not known then
    except VenueError as error:
        run.failures.append(Failure("list of contracts", error))
        return wanted
    for instrument in wanted:
        if instrument.symbol not in listed:
            near = sorted(s for s, known in listed.items() if known.base == instrument.base)
            hint = f"\nhint: it lists {', '.join(near)}" if near else ""
            raise UsageError(f"{connector.name} does not list {instrument.symbol!r}{hint}")
    return [listed[instrument.symbol] for instrument in wanted]


@dataclass(frozen=True, slots=True)
class _Answer:
    """What became of one piece: rows, unless the lake held them already."""

    rows: Rows | None
    receipt: Receipt | None
    remarks: tuple[str, ...] = ()


@dataclass(slots=True)
class _Batch:
    """Rows and receipts on their way into the lake, in the order of the plan."""

    frames: dict[str, list[pl.DataFrame]] = field(default_factory=dict)
    receipts: list[Receipt] = field(default_factory=list)
    row_count: int = 0
    since_s: float = field(default_factory=time.monotonic)

    @property
    def is_due(self) -> bool:
        return self.row_count >= _BATCH_ROWS or time.monotonic() - self.since_s >= _BATCH_S

    def add(self, answer: _Answer) -> None:
        for table, frame in (answer.rows or {}).items():
            self.frames.setdefault(table, []).append(frame)
            self.row_count += frame.height
        if answer.receipt is not None:
            self.receipts.append(answer.receipt)


@dataclass(slots=True)
class _Run:
    """One fetch under way. Threads call `_ask`; everything else is the caller's thread."""

    lake: Lake
    venue: str
    guard: HostGuard
    now_ms: Callable[[], int]
    batch: _Batch = field(default_factory=_Batch)
    read: int = 0
    held: int = 0
    tables: dict[str, TableChange] = field(default_factory=dict)
    gaps: list[Gap] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def read_all(
        self, plan: Plan[_Answer], concurrency: int, on_progress: Callable[[Progress], None]
    ) -> None:
        """Ask for every piece and write what comes, whatever ends this."""
        executor = ThreadPoolExecutor(concurrency, thread_name_prefix="fetch")
        asked: dict[Future[_Answer], Step[_Answer]] = {}
        finished = False
        try:
            while plan.done < plan.total:
                on_progress(Progress(plan.done, plan.total, self.guard.received_bytes))
                for step in plan.start():
                    asked[executor.submit(self._ask, step.piece)] = step
                for future in wait(asked, return_when=FIRST_COMPLETED).done:
                    self._settle(plan, asked.pop(future), future)
                for answer in plan.due():
                    self._take(answer)
            on_progress(Progress(plan.done, plan.total, self.guard.received_bytes))
            finished = True
        finally:
            # An interruption keeps what is here, and waits for nobody who is still asking.
            executor.shutdown(wait=finished, cancel_futures=True)
            self._flush_though_interrupted()

    def report(self, start_ms: int, end_ms: int) -> FetchReport:
        return FetchReport(
            read=self.read,
            held=self.held,
            received_bytes=self.guard.received_bytes,
            tables=self.tables,
            gaps=join_gaps(self.gaps, start_ms, end_ms),
            failures=tuple(self.failures),
            refusals=self.guard.refusals,
            warnings=tuple(self.remarks),
        )

    def _ask(self, piece: Piece) -> _Answer:
        """Ask for one piece, unless the lake remembers it. Runs in a thread."""
        if piece.fingerprint is not None:
            checksum = piece.fingerprint()
        else:
            checksum = hashlib.sha256(piece.name.encode()).hexdigest()
        kind, options = piece.remembered_as or (f"fetch:{self.venue}", "")
        if piece.lasting and self.lake.receipt(checksum, kind, options) is not None:
            return _Answer(None, None)
        rows = piece.read()
        remarks = piece.remarks() if piece.remarks is not None else ()
        # An empty answer may be filled one day; a file of known content will not.
        remember = piece.lasting and (bool(rows) or piece.fingerprint is not None)
        name = piece.name.rpartition("/")[2]
        receipt = Receipt(checksum, kind, options, name, self.now_ms()) if remember else None
        return _Answer(rows, receipt, remarks)

    def _settle(self, plan: Plan[_Answer], step: Step[_Answer], future: Future[_Answer]) -> None:
        """Find out what has become of a step: an answer, something else to ask for, or nothing."""
        try:
            answer = future.result()
        except (NotThereError, LeftAloneError) as error:
            reason = "not there" if isinstance(error, NotThereError) else error.problem
            if step.piece.instead:
                for known, origin in plan.replace(step):
                    self._miss(known, [origin])
            else:
                plan.drop(step, reason)
                self._miss(step, step.origins)
        except ForcedflowError as error:
            plan.drop(step)
            self.failures.append(Failure(step.piece.name, error))
        else:
            if answer.rows is not None and not answer.rows and step.piece.lasting:
                step.missed = "answered without rows"
                self._miss(step, step.origins)
            plan.answer(step, answer)

    def _miss(self, step: Step[_Answer], origins: Sequence[Piece]) -> None:
        tables = tuple(sorted(step.piece.tables))
        for origin in origins:
            gap = Gap(origin.name, tables, origin.start_ms, origin.end_ms, str(step.missed))
            self.gaps.append(gap)

    def _take(self, answer: _Answer) -> None:
        if answer.rows is None:
            self.held += 1
            return
        self.read += bool(answer.rows)
        self.remarks += answer.remarks
        self.batch.add(answer)
        if self.batch.is_due:
            self._flush()

    def _flush(self) -> None:
        # The batch is let go of only once it is written: an interruption may come in between, and
        # writing it once more adds nothing.
        frames = {table: pl.concat(parts) for table, parts in self.batch.frames.items()}
        written = self.lake.write(frames, self.batch.receipts)
        self.batch = _Batch()
        for table, change in written.tables.items():
            self.tables[table] = self.tables.get(table, TableChange()) + change

    def _flush_though_interrupted(self) -> None:
        # Polars passes an interruption on to whatever it computes until the last of the threads
        # that were computing when it came has noticed: this write among them.
        for _ in range(_ATTEMPTS_TO_KEEP):
            try:
                return self._flush()
            except KeyboardInterrupt:
                time.sleep(_NOTICED_S)
        return self._flush()
