"""The desk: what the server answers from: a lake, a clock, the stream of events.

In:  a lake and a clock; where something runs live, what is known of its sources.
Out: one value that every endpoint is given.
Free of HTTP. The clock is a function, so that a simulated market can be served at its own time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import msgspec

from forcedflow.answers import alerts, markets
from forcedflow.answers.times import iso_time, parse_time
from forcedflow.errors import UsageError
from forcedflow.server.event_stream import EventStream
from forcedflow.store import Lake
from forcedflow.units import MINUTE_MS

Badge: TypeAlias = Literal["LIVE", "PARTIAL", "STALE", "REPLAY", "STORED"]

_FIRST_MS, _LAST_MS = 1_230_768_000_000, 4_102_444_800_000
"""2009 and 2100: no market is asked about outside."""


class SourceState(msgspec.Struct, frozen=True):
    """How current one source is.

    Parameters
    ----------
    market : str
        Venue and symbol.
    badge : {"LIVE", "PARTIAL", "STALE", "REPLAY", "STORED"}
    age_s : float, optional
        Since its newest row; None before the first. [s]
    """

    market: str
    badge: Badge
    age_s: float | None


@dataclass(frozen=True, slots=True)
class Desk:
    """What the server answers from.

    Parameters
    ----------
    lake : Lake
    now_ms : callable
        The present moment. [UTC ms]
    events : EventStream
    sources : callable, optional
        The state of what is followed live; without it the server answers from what is stored.
    alerts : callable, optional
        From how many at most, and a moment [UTC ms] or None, to what rules watched beside have
        found; without it the outbox in the lake's folder is read.
    """

    lake: Lake
    now_ms: Callable[[], int]
    events: EventStream = field(default_factory=EventStream)
    sources: Callable[[], Sequence[SourceState]] | None = None
    alerts: Callable[[int, int | None], dict[str, Any]] | None = None

    def moment(self, text: str | None) -> int:
        """Return the moment that ``at`` means; without it the start of this minute. [UTC ms]

        Whole minutes let everybody who asks within one be given the same answer.

        Raises
        ------
        UsageError
            If the text is no time, or one that no market is asked about.
        """
        if text is None:
            return self.now_ms() // MINUTE_MS * MINUTE_MS
        if text.isascii() and text.isdigit() and len(text) > 8:
            at_ms = int(text) if len(text) < 15 else _LAST_MS + 1
        else:
            try:
                at_ms = parse_time(text)
            except (OverflowError, OSError) as error:
                raise UsageError(f"{text!r} is no time that markets know") from error
        if not _FIRST_MS <= at_ms <= _LAST_MS:
            raise UsageError(
                f"a moment is between {iso_time(_FIRST_MS)} and {iso_time(_LAST_MS)}\n"
                "hint: at=2026-02-06T00:00Z, or UTC milliseconds"
            )
        return at_ms

    async def version(self) -> str:
        """Return the name of what the lake holds now."""
        return await asyncio.to_thread(self.lake.version)

    def states(self) -> list[SourceState]:
        """Return how current every source is; what is stored says its age."""
        if self.sources is not None:
            return list(self.sources())
        now_ms = self.now_ms()
        return [
            SourceState(f"{venue} {symbol}", "STORED", max(now_ms - last_ms, 0) / 1000)
            for table, venue, symbol, first_ms, last_ms in self.lake.spans()
            # A bare coin names a sum over contracts, which is no market.
            if table == "open_interest" and "/" in symbol and first_ms <= now_ms
        ]

    def told_alerts(self, limit: int, by_ms: int | None) -> dict[str, Any]:
        """Return what fired, newest first; parameters as in `forcedflow.answers.alerts.ask`."""
        if self.alerts is not None:
            return self.alerts(limit, by_ms)
        return alerts.ask_stored(self.lake, limit, by_ms)

    def simulated(self) -> bool:
        """Return whether anything held is of the simulated exchange; one market is enough."""
        return bool(markets.ask(self.lake, self.now_ms())["simulated"])
