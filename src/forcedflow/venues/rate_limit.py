"""A venue's request limit, kept by all threads together.

In:  a venue's limit and the weight of each request.   Out: permission, after a pause where needed.
Free of sockets; the clock is passed in.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from forcedflow.venues.connector import RateLimit, Weight

_SHARE: Final = 0.8
"""Part of a limit that we use: others behind the same address, and the venue's own count of what
is under way, need the rest."""


class RateLimiter:
    """Lets requests start so that no window holds more weight than our share of the limit.

    Each request books the first moment at which its weight fits behind all that were booked
    before, so that light requests cannot starve a heavy one. A pause that the venue asks for holds
    every thread.

    Parameters
    ----------
    limit : RateLimit
        The venue's own limit.
    share : float
        Part of it to use, above 0 and at most 1. [1]
    clock : callable
        Monotonic time. [s]
    sleep : callable
        Waits for so long. [s]
    """

    def __init__(
        self,
        limit: RateLimit,
        *,
        share: float = _SHARE,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        if not 0 < share <= 1:
            raise ValueError(f"share {share} is not in (0, 1]")
        self._budget: Final = max(1, int(limit.weight * share))
        self._window_s: Final = limit.window_s
        self._clock, self._sleep = clock, sleep
        self._lock: Final = threading.Lock()
        self._slots: Final = threading.BoundedSemaphore(limit.concurrent)
        self._booked: deque[tuple[float, Weight]] = deque()
        self._paused_until = -float("inf")

    @property
    def paused_s(self) -> float:
        """Return how much longer the venue's pause lasts; 0 without one. [s]"""
        return max(0.0, self._paused_until - self._clock())

    def pause(self, seconds: float) -> None:
        """Hold every request, those already booked included, for so long from now. [s]"""
        with self._lock:
            self._paused_until = max(self._paused_until, self._clock() + seconds)

    def wait_for_pause(self) -> None:
        """Return once no pause holds."""
        # Another thread may prolong the pause while this one sleeps.
        while (left := self.paused_s) > 0:
            self._sleep(left)

    @contextmanager
    def permit(self, weight: Weight) -> Iterator[None]:
        """Enter once a request of this weight may start; leave when it has been answered."""
        with self._slots:
            wait = self._book(weight)
            if wait > 0:
                self._sleep(wait)
            self.wait_for_pause()
            yield

    def _book(self, weight: Weight) -> float:
        # A request heavier than the whole budget goes alone in its window.
        weight = min(weight, self._budget)
        with self._lock:
            now = self._clock()
            while self._booked and self._booked[0][0] <= now - self._window_s:
                self._booked.popleft()
            spent = sum(booked for _, booked in self._booked)
            start = max(now, self._booked[-1][0]) if self._booked else now
            for time_booked, booked in self._booked:
                if spent + weight <= self._budget:
                    break
                spent -= booked
                start = max(start, time_booked + self._window_s)
            self._booked.append((start, weight))
            return start - now
