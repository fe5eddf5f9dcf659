"""Recording: venues followed side by side, their messages kept raw, their rows put into the lake.

In:  venues, symbols, tables, a lake.   Out: rows and raw messages in it, and `RecordHealth`.
Sockets and HTTP are the venues'; the clock is passed in.

Three loops beside each venue's own: raw messages reach the disk every second, so that a crash
loses no more; rows reach the lake a few times a minute, since each write makes files; what feeds
missed is asked for over HTTP. Whatever the lake lacks after a crash, the raw log has.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import polars as pl

from forcedflow.errors import ForcedflowError, UsageError, VenueError
from forcedflow.instruments import Instrument, parse_symbol
from forcedflow.live.clock_skew import measure_skew
from forcedflow.live.gap_watch import Outage
from forcedflow.live.health import RecordHealth, VenueHealth
from forcedflow.live.repair import read_missing
from forcedflow.live.row_writer import RowWriter
from forcedflow.live.venue_recorder import VenueRecorder
from forcedflow.log import get_logger
from forcedflow.store import Lake
from forcedflow.store.feed_gaps import FeedGap, keep_gap
from forcedflow.store.raw_log import Frame
from forcedflow.units import DAY_MS
from forcedflow.venues.follow import LIVE_INTERVAL_MS, Follower
from forcedflow.venues.network import NetworkVenue

MOST_RAW_BYTES: Final = 64 * 1024 * 1024
"""Raw messages of a venue that wait for the disk; with more, reading waits. [bytes]"""

MOST_ROWS: Final = 200_000
"""Rows of a venue that wait to be written; with more, they are written at once, and with twice as
many reading waits until they are."""

FRAMES_AT_ONCE: Final = 2_000
"""Frames of one venue that are read before others have their turn: some tens of milliseconds."""

_log = get_logger("live")


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a recording does what. All in seconds.

    Parameters
    ----------
    raw_s : float
        Between flushes of raw messages: what a crash may lose.
    rows_s : float
        Between writes into the lake.
    skew_s : float
        Between measurements of a venue's clock.
    repair_after_s : tuple of float
        Before each attempt to repair an outage: first, until its last bar is closed and published.
    """

    raw_s: float = 1.0
    rows_s: float = 15.0
    skew_s: float = 600.0
    repair_after_s: tuple[float, ...] = (5.0, 60.0, 300.0)


@dataclass(slots=True)
class _Followed:
    """A venue that is followed."""

    venue: NetworkVenue
    recorder: VenueRecorder
    follower: Follower | None = None
    repairs: set[asyncio.Task[None]] = field(default_factory=set)


async def record(
    venues: Sequence[NetworkVenue],
    symbols: Sequence[str],
    lake: Lake,
    *,
    tables: Sequence[str] | None = None,
    interval_ms: int = LIVE_INTERVAL_MS,
    stop: asyncio.Event | None = None,
    pace: Pace | None = None,
    now_ns: Callable[[], int] = time.time_ns,
    on_health: Callable[[RecordHealth], None] | None = None,
    on_rows: Callable[[Mapping[str, pl.DataFrame]], None] | None = None,
    follow: Callable[[NetworkVenue, VenueRecorder], Follower] | None = None,
) -> RecordHealth:
    """Record venues until told to stop, and return how it went.

    What was received when it ends, however it ends, is in the lake or in the raw log.

    Parameters
    ----------
    venues : sequence of NetworkVenue
        At least one, each of its own name.
    symbols : sequence of str
        As people write them; each venue takes those it lists.
    lake : Lake
    tables : sequence of str, optional
        Each venue gives those of them that it streams; by default all that it streams.
    interval_ms : int
        Length of price bars. [ms]
    stop : asyncio.Event, optional
        Ends the recording once set; without one, only cancelling does.
    pace : Pace, optional
    now_ns : callable
        Local clock. [UTC ns]
    on_health : callable, optional
        Called about every second with how it goes.
    on_rows : callable, optional
        Given the rows of every write once they are in the lake, from a thread of its own.
    follow : callable, optional
        Makes the follower of a venue.

    Returns
    -------
    RecordHealth
        A venue that could not be followed is in it with the reason; the others were recorded.

    Raises
    ------
    UsageError
        If no venue lists any of the symbols or streams any of the tables.
    OSError, ForcedflowError
        If the lake cannot be written to for so long that memory would run out.
    """
    recording = _Recording(lake, pace or Pace(), now_ns, on_health, on_rows)
    plans = await asyncio.gather(
        *(asyncio.to_thread(_plan, venue, symbols, tables) for venue in venues),
        return_exceptions=True,
    )
    for venue, plan in zip(venues, plans, strict=True):
        if isinstance(plan, ForcedflowError):
            # Its list of contracts may be unreadable too; that costs no other venue.
            recording.refuse(venue.name, plan)
        elif isinstance(plan, BaseException):
            raise plan
        else:
            instruments, followed_tables = plan
            recorder = VenueRecorder(
                venue.connector, instruments, followed_tables, interval_ms, lake.root
            )
            recording.followed.append(_Followed(venue, recorder))
    refusals = [plan for plan in plans if isinstance(plan, UsageError)]
    if len(refusals) == len(plans):
        raise refusals[0]
    await recording.run(stop or asyncio.Event(), follow or _follower(now_ns))
    return recording.health()


def _plan(
    venue: NetworkVenue, symbols: Sequence[str], tables: Sequence[str] | None
) -> tuple[tuple[Instrument, ...], tuple[str, ...]]:
    """Return what a venue lists of the symbols and streams of the tables."""
    streamed = venue.capabilities.streamed
    chosen = tuple(sorted(streamed if tables is None else streamed & set(tables)))
    if not chosen:
        known = ", ".join(sorted(streamed)) or "nothing"
        raise UsageError(f"{venue.name} streams none of these tables\nhint: it streams {known}")
    listed = {instrument.symbol: instrument for instrument in venue.instruments()}
    found: dict[str, Instrument] = {}
    for text in symbols:
        try:
            symbol = parse_symbol(text, venue.name).symbol
        except UsageError:
            symbol = text  # another venue's name of a contract
        if symbol in listed:
            found[symbol] = listed[symbol]
        else:
            _log.warning("not listed", venue=venue.name, symbol=symbol)
    if not found:
        raise UsageError(f"{venue.name} lists none of {', '.join(symbols)}")
    return tuple(found.values()), chosen


def _follower(now_ns: Callable[[], int]) -> Callable[[NetworkVenue, VenueRecorder], Follower]:
    def follow(venue: NetworkVenue, recorder: VenueRecorder) -> Follower:
        return Follower(
            venue.connector,
            recorder.tables,
            recorder.instruments,
            venue.http,
            recorder.interval_ms,
            proxy=venue.proxy,
            now_ns=now_ns,
        )

    return follow


class _Recording:
    """The loops of one recording and what they share."""

    def __init__(
        self,
        lake: Lake,
        pace: Pace,
        now_ns: Callable[[], int],
        on_health: Callable[[RecordHealth], None] | None,
        on_rows: Callable[[Mapping[str, pl.DataFrame]], None] | None,
    ) -> None:
        self._lake, self._pace, self._now_ns, self._on_health = lake, pace, now_ns, on_health
        self._writer = RowWriter(lake, on_rows)
        self._writing = asyncio.Lock()
        self._many_rows = asyncio.Event()
        self._disk = ThreadPoolExecutor(2, thread_name_prefix="forcedflow-disk")
        self._refused: list[VenueHealth] = []
        self._raw_problem = ""
        self._started_ms = self._now_ms()
        self._compacted_day = self._started_ms // DAY_MS
        self.followed: list[_Followed] = []

    def refuse(self, name: str, error: ForcedflowError) -> None:
        """Take note of a venue that cannot be followed."""
        _log.error("not recorded", venue=name, problem=str(error))
        self._refused.append(
            VenueHealth(name, "failed", str(error), (), (), {}, 0, (), None, (), 0)
        )

    async def run(
        self, stop: asyncio.Event, follow: Callable[[NetworkVenue, VenueRecorder], Follower]
    ) -> None:
        """Record until told to stop or no venue is left; then write what was received."""
        try:
            async with asyncio.TaskGroup() as group:
                keepers = [
                    group.create_task(self._keep_raw()),
                    group.create_task(self._keep_rows()),
                ]
                keepers += [group.create_task(self._keep_skew(one)) for one in self.followed]
                venues = [
                    group.create_task(self._follow(one, stop, follow(one.venue, one.recorder)))
                    for one in self.followed
                ]
                if venues:
                    await asyncio.wait(venues)
                for keeper in keepers:
                    keeper.cancel()
        except* Exception as failed:  # noqa: BLE001 - what one loop raised is raised by itself
            raise failed.exceptions[0] from None
        finally:
            await self._finish()

    def health(self) -> RecordHealth:
        """Return how it goes."""
        now_ns = self._now_ns()
        venues = []
        for one in self.followed:
            name, follower = one.recorder.name, one.follower
            numbers = {} if follower is None else follower.health()
            drops = {connection: number.drops for connection, number in numbers.items()}
            venues.append(one.recorder.health(now_ns, drops, self._writer.read_of(name)))
        waiting = sum(one.recorder.waiting_rows for one in self.followed)
        return RecordHealth(
            started_ms=self._started_ms,
            now_ms=now_ns // 1_000_000,
            venues=(*venues, *self._refused),
            tables=self._writer.tables(),
            waiting_rows=waiting + self._writer.unwritten_rows,
            problem=self._raw_problem or self._writer.problem,
        )

    async def _follow(self, one: _Followed, stop: asyncio.Event, follower: Follower) -> None:
        recorder = one.recorder
        try:
            async with follower:
                one.follower = follower
                recorder.state = "recording"
                leaving = asyncio.create_task(self._leave_when(stop, one, follower))
                try:
                    async for batch in follower.batches():
                        await self._take(one, batch, follower)
                finally:
                    leaving.cancel()
            recorder.state = "ended"
        except VenueError as error:
            _log.error("not recorded any more", venue=recorder.name, problem=str(error))
            recorder.state, recorder.problem = "failed", str(error)
        finally:
            # Cancelled while it waited for the disk, it had not asked for what came meanwhile.
            recorder.take(follower.rest())

    async def _take(self, one: _Followed, batch: Sequence[Frame], follower: Follower) -> None:
        """Read a batch in parts: in between, connections answer pings and polls keep time."""
        done = 0
        try:
            while done < len(batch):
                part = batch[done : done + FRAMES_AT_ONCE]
                done += len(part)
                taken = one.recorder.take(part)
                for request in taken.requests:
                    follower.ask(request)
                for outage in taken.outages:
                    self._repair_later(one, outage)
                await self._relieve(one.recorder)
                await asyncio.sleep(0)
        finally:
            if done < len(batch):
                one.recorder.take(batch[done:])

    async def _leave_when(self, stop: asyncio.Event, one: _Followed, follower: Follower) -> None:
        await stop.wait()
        self._give_up(one, one.recorder.leave(self._now_ms()))
        follower.stop()

    async def _relieve(self, recorder: VenueRecorder) -> None:
        """Write before more is read, where too much waits."""
        while recorder.raw.pending_bytes > MOST_RAW_BYTES and not recorder.leaving:
            # While the disk takes nothing, the follower's own bound holds the venue back.
            await self._flush_raw(recorder)
            if recorder.raw.pending_bytes > MOST_RAW_BYTES:
                await asyncio.sleep(self._pace.raw_s)
        if recorder.waiting_rows > MOST_ROWS:
            # Reading goes on meanwhile: what it does not take, a venue's buffer would have to.
            self._many_rows.set()
        if recorder.waiting_rows > 2 * MOST_ROWS:
            await self._write_rows()

    async def _keep_raw(self) -> None:
        while True:
            await asyncio.sleep(self._pace.raw_s)
            await asyncio.gather(*(self._flush_raw(one.recorder) for one in self.followed))
            now_ns = self._now_ns()
            for one in self.followed:
                one.recorder.tick(now_ns)
            if self._on_health is not None:
                self._on_health(self.health())

    async def _flush_raw(self, recorder: VenueRecorder) -> None:
        try:
            await self._on_disk(recorder.raw.flush)
        except OSError as error:
            if not self._raw_problem:
                _log.error("raw messages wait", venue=recorder.name, problem=str(error))
            self._raw_problem = str(error)
        else:
            self._raw_problem = ""

    async def _keep_rows(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._pace.rows_s):
                    await self._many_rows.wait()
            self._many_rows.clear()
            await self._write_rows()
            day = self._now_ms() // DAY_MS
            if day > self._compacted_day:
                self._compacted_day = day
                await self._on_disk(self._writer.compact)

    async def _write_rows(self) -> None:
        async with self._writing:
            # Handed over before anything is awaited, so that being cancelled loses no row.
            for one in self.followed:
                self._writer.add(one.recorder.take_buffer())
            said = self._writer.problem
            try:
                refused = await asyncio.get_running_loop().run_in_executor(
                    self._disk, self._writer.write
                )
            finally:
                if self._writer.problem and not said:
                    _log.error("rows wait", problem=self._writer.problem)
        for one in self.followed:
            own = [error for venue, error in refused if venue == one.recorder.name]
            one.recorder.refuse_rows(own, self._now_ns())

    async def _keep_skew(self, one: _Followed) -> None:
        while True:
            try:
                one.recorder.skew = await asyncio.to_thread(
                    measure_skew, one.venue.connector, one.venue.http, self._now_ns
                )
            except ForcedflowError as error:
                _log.warning("clock not measured", venue=one.recorder.name, problem=str(error))
            await asyncio.sleep(self._pace.skew_s)

    def _repair_later(self, one: _Followed, outage: Outage) -> None:
        task = asyncio.create_task(self._repair(one, outage))
        one.repairs.add(task)
        task.add_done_callback(one.repairs.discard)

    async def _repair(self, one: _Followed, outage: Outage) -> None:
        venue, recorder = one.venue, one.recorder
        left = dict.fromkeys(outage.tables, "recording ended before it could be asked for")
        try:
            for wait_s in self._pace.repair_after_s:
                await asyncio.sleep(wait_s)
                found = await asyncio.to_thread(
                    read_missing,
                    venue,
                    sorted(left),
                    recorder.symbols,
                    outage.start_ms,
                    outage.end_ms,
                    recorder.interval_ms,
                )
                for rows in found.batches:
                    self._writer.add(rows)
                self._note(one, outage, found.tables, "")
                self._note_each(one, outage, found.lost)
                left = dict(found.problems)
                if not left:
                    break
        finally:
            self._note_each(one, outage, left)

    def _give_up(self, one: _Followed, outages: Sequence[Outage]) -> None:
        for outage in outages:
            self._note(one, outage, outage.tables, "recording ended before the feed came back")

    def _note_each(self, one: _Followed, outage: Outage, problems: Mapping[str, str]) -> None:
        tables = defaultdict(list)
        for table, problem in problems.items():
            tables[problem].append(table)
        for problem, alike in tables.items():
            self._note(one, outage, alike, problem)

    def _note(self, one: _Followed, outage: Outage, tables: Iterable[str], problem: str) -> None:
        if not tables:
            return
        gap = FeedGap(
            venue=one.recorder.name,
            connection=outage.connection,
            tables=tuple(sorted(tables)),
            symbols=one.recorder.symbols,
            start_ms=outage.start_ms,
            end_ms=outage.end_ms,
            reason=outage.reason,
            repaired=not problem,
            problem=problem,
        )
        one.recorder.add_gap(gap)
        try:
            keep_gap(self._lake, gap)
        except OSError as error:
            _log.error("gap not written down", venue=gap.venue, problem=str(error))

    async def _finish(self) -> None:
        """Write what was received, however the recording ends."""
        repairs = [task for one in self.followed for task in one.repairs]
        for task in repairs:
            task.cancel()
        await asyncio.gather(*repairs, return_exceptions=True)
        # Raw first: rows can be made of it again.
        closing = [self._on_disk(one.recorder.raw.close) for one in self.followed]
        outcomes = await asyncio.gather(*closing, return_exceptions=True)
        try:
            await self._write_rows()
        finally:
            self._disk.shutdown(wait=False)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
        if waiting := self._writer.unwritten_rows:
            raise ForcedflowError(
                f"{waiting:,} rows could not be written: {self._writer.problem}\n"
                f"hint: their messages are kept: forcedflow record --from-raw {self._lake.root}"
            )
        await asyncio.to_thread(self._writer.compact)

    async def _on_disk(self, work: Callable[[], None]) -> None:
        """Do something slow beside the threads that wait for venues, which may all be busy."""
        await asyncio.get_running_loop().run_in_executor(self._disk, work)

    def _now_ms(self) -> int:
        return self._now_ns() // 1_000_000
