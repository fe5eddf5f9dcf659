"""The bar under way of a stream, until it is known to be closed.

In:  a bar as it stands, each time it changes.   Out: bars that are closed, once they are.
Free of sockets, of the clock, and of what the values of a bar are.

Some venues say with a bar that it is closed; others only begin the next one, which says the same.
"""

from __future__ import annotations

from typing import Final, Generic, TypeVar

B = TypeVar("B")


class OpenBar(Generic[B]):
    """The bars of one contract and length, as they come.

    Parameters
    ----------
    interval_ms : int
        Their length. [ms]

    Examples
    --------
    >>> bars = OpenBar(60_000)
    >>> [bars.see(start, bar) for start, bar in ((0, "a"), (0, "b"), (60_000, "c"))]
    [(), (), ((0, 'b'),)]
    >>> bars.see(60_000, "d", is_closed=True)
    ((60000, 'd'),)
    """

    def __init__(self, interval_ms: int) -> None:
        self._interval_ms: Final = interval_ms
        self._start_ms = -1
        self._bar: B | None = None

    def clear(self) -> None:
        """Forget the bar under way: what became of it was not heard."""
        self._start_ms, self._bar = -1, None

    def see(
        self, start_ms: int, bar: B, *, is_closed: bool | None = None
    ) -> tuple[tuple[int, B], ...]:
        """Take a bar in as it stands, and return those that are closed, with their starts.

        Parameters
        ----------
        start_ms : int
            When it began. [UTC ms]
        bar : B
            Its values.
        is_closed : bool, optional
            What the venue says of it; without its word the beginning of the next bar says it.
        """
        if start_ms < self._start_ms:
            if is_closed:
                return ((start_ms, bar),)  # late, but the venue's last word on it
            if self._start_ms - start_ms <= 2 * self._interval_ms:
                return ()  # late; one time far ahead of all others must not silence the rest
            self.clear()
        closed: list[tuple[int, B]] = []
        if self._bar is not None and start_ms > self._start_ms:
            closed.append((self._start_ms, self._bar))
        self._start_ms = start_ms
        self._bar = bar if is_closed is None else None
        if is_closed:
            closed.append((start_ms, bar))
        return tuple(closed)
