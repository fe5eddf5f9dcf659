"""The serial executor: one item after the other, in this process.

In:  a task, items.   Out: results in the order of the items.
Free of other processes; what every other executor is compared with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Self

from forcedflow.executors.base import Item, Progress, Result


class SerialExecutor:
    """Runs everything here."""

    def map(
        self,
        task: Callable[[Item], Result],
        items: Sequence[Item],
        *,
        progress: Progress | None = None,
    ) -> Iterator[Result]:
        """Yield the result of every item; see `forcedflow.executors.base.Executor`."""
        for done, item in enumerate(items, start=1):
            result = task(item)
            if progress is not None:
                progress(done, len(items))
            yield result

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return None
