"""Where a command's work runs: here, in processes of this machine, or on a Ray cluster.

In:  ``--executor``, ``--workers``, ``--address``.   Out: an executor, for a ``with`` statement.
Nothing heavy is imported before it is asked for.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from cyclopts import Parameter

from forcedflow.errors import UsageError

if TYPE_CHECKING:
    from forcedflow.executors import Executor, Progress

Name: TypeAlias = Literal["serial", "processes", "ray"]


@dataclass(frozen=True, slots=True)
class Workers:
    """Who works.

    Parameters
    ----------
    executor
        Where the work runs: serial, processes of this machine, or ray. The result is the same.
    workers
        How many processes, or cores of a Ray cluster started here; by default one a core.
    address
        Ray cluster to join, such as 10.0.0.1:6379 or auto; by default one is started here.
    """

    executor: Name = "serial"
    workers: int | None = None
    address: str | None = None

    @property
    def elsewhere(self) -> bool:
        """Return whether other processes than this one work."""
        return self.executor != "serial"

    def start(self) -> AbstractContextManager[Executor]:
        """Return the executor that a person asked for."""
        return executor_named(self.executor, self.workers, self.address)


Spread: TypeAlias = Annotated[Workers, Parameter(name="*", group="Workers")]
"""A command's parameter for who works."""

HERE = Workers()


def executor_named(
    name: Name, workers: int | None = None, address: str | None = None
) -> AbstractContextManager[Executor]:
    """Return an executor by its name; it ends with the ``with`` statement that it is used in.

    Raises
    ------
    UsageError
        If it needs what is not installed, or is told what says nothing of it.
    """
    if address is not None and name != "ray":
        raise UsageError(f"--address is of a Ray cluster, not of {name}\nhint: --executor ray")
    if name == "serial":
        if workers is not None:
            raise UsageError("one process is one worker\nhint: --executor processes")
        from forcedflow.executors import SerialExecutor

        return SerialExecutor()
    if name == "processes":
        from forcedflow.executors.processes import ProcessExecutor

        return ProcessExecutor(workers)
    from forcedflow.executors.ray import RayExecutor

    return RayExecutor(address, workers=workers)


@contextmanager
def counting(words: str) -> Iterator[Progress | None]:
    """Yield what shows a person how many pieces are done; None where nobody watches."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich import progress
    from rich.console import Console

    columns = (
        progress.TextColumn(words),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(words, total=None)
        yield lambda done, total: shown.update(task, completed=done, total=total)
