"""The executor: one method that runs a task on many items, here or elsewhere.

In:  a task, items.   Out: results in the order of the items.
Free of where the work runs; a task gets values alone, no settings and no open files.

Nothing else is promised, and three things are kept by all of them. Results do not depend on who
ran them: a task is a function of its item, seeds included. An item whose worker died is tried again
a bounded number of times; an error that the task itself raised is not. And whoever stops asking for
results, by leaving the loop or by Ctrl-C, leaves no work running behind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

Progress = Callable[[int, int], None]
"""Called with how many items are done, and how many there are."""

RETRIES = 3
"""How often an item is tried again whose worker died, before the run is given up."""


class Executor(Protocol):
    """Whoever runs a task on items: `SerialExecutor`, `ProcessExecutor`, `RayExecutor`."""

    def map(
        self,
        task: Callable[[Item], Result],
        items: Sequence[Item],
        *,
        progress: Progress | None = None,
    ) -> Iterator[Result]:
        """Yield the result of every item, in the order of the items.

        A caller that keeps each result as it comes can go on after an interruption with the items
        that are left.

        Parameters
        ----------
        task : callable
            A function at the top of a module, or a `functools.partial` of one with values: it is
            sent to other processes.
        items : sequence
            Values; one is one piece of work.
        progress : callable, optional
            Called after each item that is done, in whatever order they are.

        Yields
        ------
        object
            What the task returned.

        Raises
        ------
        WorkerLostError
            If an item's worker died more often than is tried again; names the item.
        """


def words(item: object) -> str:
    """Return an item as an error names it: enough of it to recognise it by."""
    text = str(item)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


_SHOWN = 120
