"""Ray: the work on several machines, or on one that plays several.

In:  a task, items, the address of a cluster.   Out: results in order, as one process has them.
Free of analysis. Never starts or joins a cluster by itself: that is what making one does.

A machine that leaves takes its running items with it; Ray runs those again elsewhere, a bounded
number of times. Every machine needs this package, the same version, and a way to what a task reads:
a lake in a bucket, or a folder that all of them see.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Generator, Iterator, Sequence
from types import TracebackType
from typing import Any, Self

from forcedflow.errors import UsageError, WorkerLostError
from forcedflow.executors.base import RETRIES, Item, Progress, Result, words
from forcedflow.executors.outcome import Outcome, in_order, reply

_AHEAD = 4
"""Items handed out per core of the cluster: enough to keep them busy, few enough to take back."""


class RayExecutor:
    """Runs items on a Ray cluster; use it in a ``with`` statement.

    Parameters
    ----------
    address : str, optional
        ``host:port`` of the cluster, or ``auto`` for the one this machine belongs to. Without one a
        cluster of this machine alone is started, and ended with the executor.
    workers : int, optional
        Cores of a cluster that is started here; not of one that is joined.
    retries : int
        How often an item is tried again whose worker or machine died.

    Raises
    ------
    UsageError
        If Ray is not installed, no cluster answers at the address, or there is one already.
    """

    def __init__(
        self,
        address: str | None = None,
        *,
        workers: int | None = None,
        retries: int = RETRIES,
    ) -> None:
        if address is not None and workers is not None:
            raise UsageError("a cluster has the cores it has\nhint: leave out --workers")
        if workers is not None and workers < 1:
            raise UsageError(f"{workers} workers do no work\nhint: --workers 2")
        # Ray reports its use to its makers unless it is told not to; whoever wants it may say so.
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        self._ray = _ray()
        if self._ray.is_initialized():
            raise UsageError("this process is part of a Ray cluster already; end that one first")
        self._retries = retries
        try:
            self._ray.init(
                address="local" if address is None else address,
                num_cpus=workers,
                include_dashboard=False if address is None else None,
                log_to_driver=False,
                configure_logging=False,
                logging_level="ERROR",
            )
        except (ConnectionError, OSError, RuntimeError, ValueError) as error:
            self._ray.shutdown()
            place = "this machine" if address is None else address
            reason = str(error).strip().split("\n", maxsplit=1)[0]
            raise UsageError(
                f"no Ray cluster on {place}: {reason}\n"
                "hint: ray start --head prints the address, and RAY_AUTH_TOKEN must be the same "
                "everywhere"
            ) from error

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
            finished.close()

    def close(self) -> None:
        """Leave the cluster; one that was started here ends."""
        self._ray.shutdown()

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
        ray = self._ray
        remote = ray.remote(num_cpus=1, max_retries=self._retries)(reply)
        shared = ray.put(task)  # once a machine, not once an item: it holds what all of them share
        given: dict[Any, int] = {}
        following = 0
        try:
            while following < len(items) or given:
                ahead = _AHEAD * max(1, int(ray.cluster_resources().get("CPU", 1)))
                while following < len(items) and len(given) < ahead:
                    given[remote.remote(shared, pickle.dumps(items[following]))] = following
                    following += 1
                ready, _ = ray.wait(list(given), num_returns=1)
                for reference in ready:
                    index = given[reference]
                    try:
                        outcome = pickle.loads(ray.get(reference))  # noqa: S301 - of our own task
                    except ray.exceptions.RayError as error:
                        raise WorkerLostError(words(items[index]), self._retries + 1) from error
                    del given[reference]
                    yield index, outcome
        finally:
            for reference in given:
                ray.cancel(reference, force=True)


def _ray() -> Any:
    """Return Ray where it is installed; imported by nobody else, and here only when it is used."""
    try:
        import ray  # noqa: PLC0415 - an extra of half a second
    except ModuleNotFoundError as error:
        if error.name != "ray":
            raise
        raise UsageError("Ray is not installed\nhint: pip install 'forcedflow[ray]'") from error
    return ray
