"""Drivers of the loop: when a bar closes, by the wall clock, by a simulated one, or over the past.

In:  a `LiveLoop`, a clock. [UTC ms]   Out: bar closes, until told to stop.
Every clock and every wait is given; nothing here knows the time by itself.
"""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, Final, TypeAlias

import polars as pl

from forcedflow.errors import NoDataError, UsageError
from forcedflow.features.table import STEP_MS
from forcedflow.live.loop import LiveLoop
from forcedflow.store import Lake
from forcedflow.units import DAY_MS, SECOND_MS
from forcedflow.venues.base import Rows

GRACE_MS: Final = 6 * SECOND_MS
"""How long after a bar's end it is closed: what happened until then has reached the lake. [ms]"""

HEARD_EVERY_MS: Final = 30 * SECOND_MS
"""How often ladders are brought up to date between two bar closes. [ms]"""

# What others write into a lake late is looked for so far back.
_READ_AGAIN_MS: Final = 2 * DAY_MS


_Call: TypeAlias = tuple[asyncio.Future[Any], Callable[..., Any], tuple[object, ...]]


@dataclass(frozen=True, slots=True)
class Clock:
    """A clock and how to wait by it.

    Parameters
    ----------
    now_ms : callable
        The time. [UTC ms]
    sleep : callable
        Waits so many seconds. [s]
    """

    now_ms: Callable[[], int]
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


async def follow_clock(
    loop: LiveLoop,
    clock: Clock,
    stop: asyncio.Event,
    *,
    grace_ms: int = GRACE_MS,
    reads_again: bool = False,
) -> None:
    """Close bars as the clock goes on, beginning with the last one that is over.

    Parameters
    ----------
    loop : LiveLoop
    clock : Clock
    stop : asyncio.Event
        Ends it.
    grace_ms : int
        A bar is closed so long after its end. [ms]
    reads_again : bool
        Whether rows come from others who write into the lake, and nobody hands them in.

    Notes
    -----
    A bar close that takes longer than a bar skips those that ended meanwhile; the next one has
    their rows.
    """
    with _one_thread() as beside:
        while not stop.is_set():
            over_ms = clock.now_ms() - grace_ms
            at_ms = over_ms // STEP_MS * STEP_MS
            if at_ms > loop.at_ms:
                if reads_again:
                    await beside(loop.refresh, at_ms - _READ_AGAIN_MS)
                await beside(loop.close_bar, at_ms)
            elif not reads_again:
                await beside(loop.hear, over_ms)
            left_ms = loop.at_ms + STEP_MS + grace_ms - clock.now_ms()
            await _wait(min(max(left_ms, 0), HEARD_EVERY_MS) / SECOND_MS, clock, stop)


async def follow_streams(
    loop: LiveLoop,
    lake: Lake,
    streams: Sequence[AsyncGenerator[Rows, None]],
    now_ms: Callable[[], int],
    stop: asyncio.Event,
) -> None:
    """Store what venues without a network say, and close bars by their own clock.

    Parameters
    ----------
    loop : LiveLoop
    lake : Lake
        Where rows go.
    streams : sequence of async generator
        Of rows, which come together: the next of each are of one minute.
    now_ms : callable
        The venues' clock. [UTC ms]
    stop : asyncio.Event
        Ends it after the minute that is due.
    """
    with _one_thread() as beside:
        while not stop.is_set():
            rows = _joined([await anext(stream) for stream in streams])
            await beside(lake.write, rows)
            loop.add(rows)
            at_ms = now_ms() // STEP_MS * STEP_MS
            if at_ms > loop.at_ms:
                await beside(loop.close_bar, at_ms)


async def replay(
    loop: LiveLoop,
    start_ms: int,
    end_ms: int,
    speed: float,
    clock: Clock,
    stop: asyncio.Event,
) -> None:
    """Close the bars of a past span of the lake, one after the other.

    Parameters
    ----------
    loop : LiveLoop
    start_ms, end_ms : int
        Bars that end in ``[start, end)``. [UTC ms]
    speed : float
        Seconds of the past per second; infinite for as fast as it goes.
    clock : Clock
    stop : asyncio.Event
        Ends it after the bar that is under way.

    Raises
    ------
    UsageError
        If no bar ends in the span, or the speed is not above zero.
    NoDataError
        If nothing was known of any market in the whole span.
    """
    if not speed > 0:
        raise UsageError(f"--speed {speed:g}: seconds of the past per second, above zero")
    first_ms = -(-start_ms // STEP_MS) * STEP_MS
    if first_ms >= end_ms:
        raise UsageError("no bar ends in that span\nhint: --replay FROM TO, FROM before TO")
    heard = False
    began_ms = clock.now_ms()
    with _one_thread() as beside:
        for at_ms in range(first_ms, end_ms, STEP_MS):
            if stop.is_set():
                return
            due_s = 0.0 if math.isinf(speed) else (at_ms - first_ms) / SECOND_MS / speed
            await _wait(due_s - (clock.now_ms() - began_ms) / SECOND_MS, clock, stop)
            updates = await beside(loop.close_bar, at_ms)
            heard = heard or any(update.mark is not None for update in updates)
    if not heard:
        raise NoDataError(
            "no open interest of any of these markets was known in that span\n"
            "hint: forcedflow coverage shows what the lake holds"
        )


def _joined(batches: Sequence[Rows]) -> Rows:
    names = dict.fromkeys(name for batch in batches for name in batch)
    return {name: pl.concat([batch[name] for batch in batches if name in batch]) for name in names}


@contextmanager
def _one_thread() -> Iterator[Callable[..., Awaitable[Any]]]:
    """Give a way to call beside the event loop, always from one and the same thread.

    From a pool of them each would keep the memory that one bar close took. Whoever is cancelled
    does not wait for the call under way: the thread ends with the process, which a pool's does not.
    """
    running = asyncio.get_running_loop()
    calls: SimpleQueue[_Call | None] = SimpleQueue()
    worker = threading.Thread(target=_work, args=(calls, running), name="bar-close", daemon=True)
    worker.start()
    is_waited_for = True

    def beside(call: Callable[..., Any], *given: object) -> asyncio.Future[Any]:
        future = running.create_future()
        calls.put((future, call, given))
        return future

    try:
        yield beside
    except asyncio.CancelledError:
        is_waited_for = False
        raise
    finally:
        calls.put(None)
        if is_waited_for:
            worker.join()


def _work(calls: SimpleQueue[_Call | None], running: asyncio.AbstractEventLoop) -> None:
    while (asked := calls.get()) is not None:
        future, call, given = asked
        found: object = None
        error: Exception | None = None
        try:
            found = call(*given)
        except Exception as raised:  # noqa: BLE001 - whoever called is told
            error = raised
        # Where nobody waits any more, the event loop may be closed.
        with suppress(RuntimeError):
            running.call_soon_threadsafe(_answer, future, found, error)


def _answer(future: asyncio.Future[Any], found: object, error: Exception | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(found)
    else:
        future.set_exception(error)


async def _wait(seconds: float, clock: Clock, stop: asyncio.Event) -> None:
    """Wait by the clock, or until told to stop."""
    if seconds <= 0 or stop.is_set():
        return
    tasks = [asyncio.ensure_future(clock.sleep(seconds)), asyncio.ensure_future(stop.wait())]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
