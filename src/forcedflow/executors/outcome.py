"""Outcomes: what became of one item, in a form that travels between processes.

In:  a task, an item.   Out: its result, or the error that it raised; results in order.
Free of who runs it: every executor that is not this process uses these two.
"""

from __future__ import annotations

import pickle
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from forcedflow.executors.base import Progress


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a task returned, or the error that it raised.

    Parameters
    ----------
    value : object
    error : Exception, optional
    """

    value: Any = None
    error: Exception | None = None

    def unwrap(self) -> Any:
        """Return the result, or raise the error."""
        if self.error is not None:
            raise self.error
        return self.value


def reply(task: bytes, item: bytes) -> bytes:
    """Run a pickled task on a pickled item and return the pickled `Outcome`.

    Pickled here, whoever carries it: some carriers hand arrays over that may not be written, and
    what runs elsewhere must be what would have run here.
    """
    try:
        return pickle.dumps(Outcome(_loaded(task)(pickle.loads(item))))  # noqa: S301 - from whoever asked for the work
    except Exception as error:  # noqa: BLE001 - raised again by whoever asked for the work
        return pickle.dumps(Outcome(error=_travelling(error)))


@lru_cache(maxsize=1)
def _loaded(task: bytes) -> Callable[[Any], Any]:
    """Return the task, made once for all of its items: it holds what they share."""
    loaded: Callable[[Any], Any] = pickle.loads(task)  # noqa: S301 - likewise
    return loaded


def _travelling(error: Exception) -> Exception:
    """Return an error as it can be sent, with the place where it was raised as a note."""
    error.add_note("in a worker:\n" + "".join(traceback.format_exception(error)))
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - our own; one may be sent and never be read
    except Exception:  # noqa: BLE001 - whatever keeps an error from travelling, its text travels
        return RuntimeError("\n".join((f"{type(error).__name__}: {error}", *error.__notes__)))
    return error


def in_order(
    finished: Iterable[tuple[int, Outcome]], items: int, progress: Progress | None
) -> Iterator[Any]:
    """Yield results in the order of their items from outcomes in whatever order they come.

    Raises
    ------
    Exception
        That an item raised, as soon as it is known.
    """
    early: dict[int, Any] = {}
    following = 0
    for done, (index, outcome) in enumerate(finished, start=1):
        early[index] = outcome.unwrap()
        if progress is not None:
            progress(done, items)
        while following in early:
            yield early.pop(following)
            following += 1
