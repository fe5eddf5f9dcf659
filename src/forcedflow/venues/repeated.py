"""Requests that are repeated for what a venue does not stream, one table of them per venue.

In:  `Repeated` rows, an instrument, tables that are wanted.   Out: `Poll` values.
Free of sockets, parsing and the clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from forcedflow.instruments import Instrument
from forcedflow.venues.connector import Http, Poll, Request

Get: TypeAlias = Callable[[Http, str, Instrument], bytes]
"""Asks, given where the venue answers, for what concerns an instrument."""


@dataclass(frozen=True, slots=True)
class Repeated:
    """One request that is repeated for every instrument.

    Parameters
    ----------
    tables : str or frozenset of str
        What the answer holds rows of.
    endpoint : str
        For the name, which a reader knows the answer by.
    get : callable
    every_s : float
        Pace. [s]
    """

    tables: str | frozenset[str]
    endpoint: str
    get: Get
    every_s: float


def polls_of(
    asked: Sequence[Repeated],
    root: str,
    tables: frozenset[str],
    instrument: Instrument,
    name: Callable[[str, Instrument], str],
) -> Iterator[Poll]:
    """Yield those of a venue's requests that carry a table that is wanted.

    Parameters
    ----------
    asked : sequence of Repeated
    root : str
        Where the venue answers over HTTP.
    tables : frozenset of str
        Those wanted of the instrument.
    instrument : Instrument
    name : callable
        From an endpoint and an instrument to the name of the request.
    """
    for one in asked:
        told = frozenset({one.tables}) if isinstance(one.tables, str) else one.tables
        if carried := told & tables:
            request = Request(name(one.endpoint, instrument), _send(one.get, root, instrument))
            yield Poll(request, one.every_s, carried)


def _send(get: Get, root: str, instrument: Instrument) -> Callable[[Http], bytes]:
    def send(http: Http) -> bytes:
        return get(http, root, instrument)

    return send
