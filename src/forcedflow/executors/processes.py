"""Processes: the work of one machine on several of its cores.

In:  a task, items.   Out: results in the order of the items, the same as in one process.
Free of analysis and of the network. Ends with its workers gone, whatever ended it.

Workers are started anew and import what they need: a copy of this process would hold the locks of
threads that it does not have, and the data frames' threads are such. Each talks over a pipe of its
own, so that of a worker that died it is known which item it had, and only that one is tried again.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Any, Self

from forcedflow.errors import UsageError, WorkerLostError
from forcedflow.executors.base import RETRIES, Item, Progress, Result, words
from forcedflow.executors.outcome import Outcome, in_order, reply

_SPAWN = multiprocessing.get_context("spawn")
_GRACE_S = 5.0


@dataclass(slots=True)
class _Worker:
    """A process, the pipe to it, and the number of the task that it was told."""

    process: BaseProcess
    pipe: Connection
    told: int = 0

    def give(self, number: int, task: bytes, item: bytes) -> None:
        """Tell it what to do. That it has died is noticed where its answer is waited for."""
        with suppress(BrokenPipeError):
            if self.told != number:
                self.pipe.send_bytes(b"t" + task)
                self.told = number
            self.pipe.send_bytes(b"i" + item)

    def end(self) -> None:
        """Stop it now: what it has is of no use to anybody."""
        self.pipe.close()
        self.process.terminate()
        self.process.join(_GRACE_S)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.process.close()


class ProcessExecutor:
    """Runs items in processes of this machine; use it in a ``with`` statement.

    Workers live as long as the executor, so that several runs pay for their start once.

    Parameters
    ----------
    workers : int, optional
        How many; by default as many as this process may use cores.
    retries : int
        How often an item is tried again whose worker died.

    Raises
    ------
    UsageError
        If there is not at least one worker.
    """

    def __init__(self, workers: int | None = None, *, retries: int = RETRIES) -> None:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        self.workers = (cores or 1) if workers is None else workers
        if self.workers < 1:
            raise UsageError(f"{workers} workers do no work\nhint: --workers 2")
        self._threads = max(1, (cores or 1) // self.workers)
        self._retries = retries
        self._idle: list[_Worker] = []
        self._tasks = 0

    def map(
        self,
        task: Callable[[Item], Result],
        items: Sequence[Item],
        *,
        progress: Progress | None = None,
    ) -> Iterator[Result]:
        """Yield the result of every item; see `forcedflow.executors.base.Executor`."""
        finished = self._finished(pickle.dumps(task), items)
        try:
            yield from in_order(finished, len(items), progress)
        finally:
            finished.close()  # ends what still works, now and not when it is collected

    def close(self) -> None:
        """End the workers."""
        while self._idle:
            self._idle.pop().end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _finished(
        self, task: bytes, items: Sequence[Any]
    ) -> Generator[tuple[int, Outcome], None, None]:
        """Yield what became of items as it is known."""
        self._tasks += 1
        number = self._tasks
        waiting = deque(range(len(items)))
        attempts = [0] * len(items)
        busy: dict[Connection, tuple[_Worker, int]] = {}
        try:
            while waiting or busy:
                while waiting and len(busy) < self.workers:
                    worker = self._idle.pop() if self._idle else self._start()
                    index = waiting.popleft()
                    busy[worker.pipe] = worker, index
                    worker.give(number, task, pickle.dumps(items[index]))
                for pipe in [pipe for pipe in wait(list(busy)) if isinstance(pipe, Connection)]:
                    worker, index = busy[pipe]
                    try:
                        outcome = pipe.recv()
                    except (EOFError, OSError):
                        attempts[index] += 1
                        if attempts[index] > self._retries:
                            raise WorkerLostError(words(items[index]), attempts[index]) from None
                        waiting.appendleft(index)
                        del busy[pipe]
                        worker.end()
                        continue
                    del busy[pipe]
                    self._idle.append(worker)
                    yield index, outcome
        finally:
            for worker, _ in busy.values():
                worker.end()

    def _start(self) -> _Worker:
        ours, theirs = _SPAWN.Pipe()
        process = _SPAWN.Process(
            target=_serve, args=(theirs, self._threads), name="forcedflow-worker", daemon=True
        )
        process.start()
        theirs.close()  # so that the worker's end is the only one, and its death closes the pipe
        return _Worker(process, ours)


def _serve(pipe: Connection, threads: int) -> None:
    """Work until the other end is closed: this is the whole life of a worker."""
    # Ctrl-C reaches every process of a terminal; who asked for the work ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Read when the library is first imported, which a task does: workers share the cores.
    os.environ.setdefault("POLARS_MAX_THREADS", str(threads))
    told = b""
    while True:
        try:
            message = pipe.recv_bytes()
        except (EOFError, OSError):
            return
        if message[:1] == b"t":
            told = message[1:]
            continue
        with suppress(BrokenPipeError):  # nobody waits for it any more
            pipe.send_bytes(reply(told, message[1:]))
