"""Answers being made and answers kept: heavy reads in threads, each made once.

In:  a key, a function that makes an answer.   Out: its bytes with their tag.
Free of HTTP. The queue is bounded: who would wait too long is told so at once.
"""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

WORKERS = 2
"""Threads for quick answers; slow ones have one of their own, and no page waits for them."""

MOST_WAITING = 16
MOST_KEPT = 256
MOST_KEPT_BYTES = 64 * 2**20


class BusyError(Exception):
    """As many answers are being made or waited for as may be."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it is sent.

    Parameters
    ----------
    body : bytes
    media_type : str
    tag : str
        Entity tag, a digest of the content; made here.
    """

    body: bytes
    media_type: str = "application/json"
    tag: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tag", f'"{hashlib.sha256(self.body).hexdigest()[:32]}"')


class _Lane:
    """Threads, and how many wait for them; counted in the loop alone."""

    def __init__(self, workers: int, most_waiting: int) -> None:
        self.workers, self.most_waiting = workers, most_waiting
        self.pool = ThreadPoolExecutor(workers, thread_name_prefix="answer")
        self.asked = 0


class AnswerCache:
    """A pool of threads and what they made, the least used forgotten first.

    Parameters
    ----------
    workers : int
        Quick answers made at the same time, besides one slow one.
    most_waiting : int
        Answers of either sort that may wait for a thread.
    most_kept, most_kept_bytes : int
        [answers, bytes]
    """

    def __init__(
        self,
        workers: int = WORKERS,
        most_waiting: int = MOST_WAITING,
        most_kept: int = MOST_KEPT,
        most_kept_bytes: int = MOST_KEPT_BYTES,
    ) -> None:
        self._quick = _Lane(workers, most_waiting)
        self._slow = _Lane(1, most_waiting)
        self._most_kept, self._most_bytes = most_kept, most_kept_bytes
        self._kept: OrderedDict[Hashable, Answer] = OrderedDict()
        self._bytes = 0
        self._making: dict[Hashable, asyncio.Future[Answer]] = {}
        self._lock = threading.Lock()

    @property
    def kept(self) -> int:
        """Return how many answers are kept."""
        return len(self._kept)

    @property
    def making(self) -> int:
        """Return how many answers are being made or waited for."""
        return len(self._making)

    @property
    def running(self) -> int:
        """Return how many answers are being made."""
        return sum(min(lane.asked, lane.workers) for lane in (self._quick, self._slow))

    async def get(self, key: Hashable, make: Callable[[], Answer], *, slow: bool = False) -> Answer:
        """Return the answer of a key, made by ``make`` in a thread where none is kept.

        Parameters
        ----------
        key : hashable
            Everything that the answer depends on.
        make : callable
            Errors that it raises are the caller's, and are not kept.
        slow : bool
            Whether it takes long, and is not to keep quick ones waiting.

        Raises
        ------
        BusyError
            If too many answers wait already.
        """
        if (found := self._find(key)) is not None:
            return found
        if (making := self._making.get(key)) is None:
            lane = self._slow if slow else self._quick
            if lane.asked >= lane.workers + lane.most_waiting:
                raise BusyError(f"{lane.asked} answers are being made or waited for")
            lane.asked += 1
            making = asyncio.ensure_future(self._make(key, make, lane))
            self._making[key] = making
            making.add_done_callback(lambda done: self._finished(key, done, lane))
        # Whoever asked leaves; those who asked the same still want it.
        return await asyncio.shield(making)

    def close(self) -> None:
        """Let threads end; answers that wait are given up."""
        for lane in (self._quick, self._slow):
            lane.pool.shutdown(wait=False, cancel_futures=True)

    async def _make(self, key: Hashable, make: Callable[[], Answer], lane: _Lane) -> Answer:
        answer = await asyncio.get_running_loop().run_in_executor(lane.pool, make)
        self._keep(key, answer)
        return answer

    def _finished(self, key: Hashable, done: asyncio.Future[Answer], lane: _Lane) -> None:
        self._making.pop(key, None)
        lane.asked -= 1
        if not done.cancelled():
            done.exception()  # everybody who waited may have left: then nobody else asks for it

    def _find(self, key: Hashable) -> Answer | None:
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def _keep(self, key: Hashable, answer: Answer) -> None:
        if len(answer.body) > self._most_bytes:
            return
        with self._lock:
            old = self._kept.pop(key, None)
            self._bytes += len(answer.body) - (0 if old is None else len(old.body))
            self._kept[key] = answer
            while len(self._kept) > self._most_kept or self._bytes > self._most_bytes:
                _, gone = self._kept.popitem(last=False)
                self._bytes -= len(gone.body)
