"""Columns that grow by one figure at a time, without what stands before it being copied.

In:  columns, their next figures.   Out: columns one figure longer.
Pure: NumPy in, NumPy out; no I/O, no clock, no global state.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forcedflow.features.table import STEP_MS
from forcedflow.units import DAY_MS, F8

# A buffer is copied to a longer one so seldom.
_ROOM = DAY_MS // STEP_MS


@dataclass(slots=True)
class _Buffer:
    cells: F8
    stop: int


class GrowingColumns:
    """Buffers behind the columns of a table that is appended to again and again.

    A column is a view of its buffer up to its own end. The next figure is written after that, so
    that no column given away earlier ever changes.
    """

    __slots__ = ("_buffers",)

    def __init__(self) -> None:
        self._buffers: dict[str, _Buffer] = {}

    def grown(self, name: str, column: F8, figure: float) -> F8:
        """Return a column with one more figure.

        Parameters
        ----------
        name : str
        column : ndarray, shape (n,)
            What this returned of the name last, or the end of it: grown in place. Any other is
            copied once.
        figure : float

        Returns
        -------
        ndarray, shape (n + 1,)
        """
        buffer = self._buffers.get(name)
        if buffer is None or not _ends_in(buffer, column) or buffer.stop == buffer.cells.size:
            buffer = _Buffer(np.empty(column.size + _ROOM), column.size)
            buffer.cells[: column.size] = column
            self._buffers[name] = buffer
        buffer.cells[buffer.stop] = figure
        buffer.stop += 1
        return buffer.cells[buffer.stop - column.size - 1 : buffer.stop]


def _ends_in(buffer: _Buffer, column: F8) -> bool:
    """Whether a column is a view of a buffer's last figures."""
    if column.base is not buffer.cells or column.size > buffer.stop:
        return False
    mine = buffer.cells[buffer.stop - column.size : buffer.stop]
    return column.strides == mine.strides and column.ctypes.data == mine.ctypes.data
