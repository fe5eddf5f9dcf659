"""Hosts that refuse or do not answer are left alone for the rest of a run, and that is said once.

In:  an `Http`.   Out: the same `Http`, which stops asking where asking is no use.
Free of sockets, of the clock and of any single venue.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import urlsplit

from forcedflow.errors import (
    BlockedError,
    LeftAloneError,
    NotThereError,
    RateLimitedError,
    VenueError,
)
from forcedflow.venues.connector import Http, Weight

_FAILURES_IN_A_ROW: Final = 8


class HostGuard:
    """Implements `forcedflow.venues.connector.Http` over another one. Thread-safe.

    A venue spreads itself over hosts, and one may answer where another refuses: its archive does.

    Parameters
    ----------
    venue : str
        Lower-case venue id, for messages.
    http : Http
        Who asks.
    """

    def __init__(self, venue: str, http: Http) -> None:
        self._venue: Final = venue
        self._http: Final = http
        self._lock: Final = threading.Lock()
        self._failures: dict[str, int] = {}
        self._left_alone: dict[str, str] = {}
        self._refusals: list[str] = []
        self._received_bytes = 0

    @property
    def received_bytes(self) -> int:
        """Return the length of all answers so far. [bytes]"""
        return self._received_bytes

    @property
    def refusals(self) -> tuple[str, ...]:
        """Return what is to be said of hosts that were left alone."""
        with self._lock:
            return tuple(self._refusals)

    def get(
        self, url: str, params: Mapping[str, str | int] | None = None, *, weight: Weight = 1
    ) -> bytes:
        """Return the body of a GET. ``url`` is absolute.

        Raises
        ------
        LeftAloneError
            If its host refused us before, or now, or failed many times in a row.
        """
        return self._ask(url, lambda: self._http.get(url, params, weight=weight))

    def post(self, url: str, body: Mapping[str, object], *, weight: Weight = 1) -> bytes:
        """Return the body of a POST of JSON.

        Raises
        ------
        LeftAloneError
            If its host refused us before, or now, or failed many times in a row.
        """
        return self._ask(url, lambda: self._http.post(url, body, weight=weight))

    def _ask(self, url: str, send: Callable[[], bytes]) -> bytes:
        host = urlsplit(url).netloc
        self._refuse_left_alone(host)
        try:
            answer = send()
        except NotThereError:
            self._answered(host, 0)
            raise
        except BlockedError as error:
            self._leave_alone(host, f"{host} refuses this address", str(error))
            raise LeftAloneError(self._venue, self._left_alone[host]) from error
        except RateLimitedError as error:
            # Whoever comes second is told that it is over; the first one says why.
            self._refuse_left_alone(host)
            self._leave_alone(host, f"{host} asks for a long pause", str(error))
            raise
        except VenueError:
            self._failed(host)
            raise
        self._answered(host, len(answer))
        return answer

    def _refuse_left_alone(self, host: str) -> None:
        with self._lock:
            reason = self._left_alone.get(host)
        if reason is not None:
            raise LeftAloneError(self._venue, reason)

    def _answered(self, host: str, length: int) -> None:
        with self._lock:
            self._failures[host] = 0
            self._received_bytes += length

    def _failed(self, host: str) -> None:
        with self._lock:
            self._failures[host] = self._failures.get(host, 0) + 1
            failures = self._failures[host]
        if failures >= _FAILURES_IN_A_ROW:
            reason = f"{host} does not answer as asked"
            said = f"{self._venue}: {reason}, {failures} times in a row; it is left alone"
            self._leave_alone(host, reason, said)

    def _leave_alone(self, host: str, reason: str, said: str) -> None:
        with self._lock:
            if host not in self._left_alone:
                self._left_alone[host] = reason
                self._refusals.append(said)
