"""The venue protocol: what every connector can be asked, whoever it talks to.

In:  a symbol, tables, a span of time. [UTC ms]   Out: rows of the declared tables, as they come.
Free of sockets and files: a connector brings its own; this is what its callers may rely on.

Inside a connector, fetching never parses: one function takes bytes from outside, another turns
bytes into rows, and the second is tested without the first.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias, runtime_checkable

import polars as pl

from forcedflow.errors import UsageError
from forcedflow.instruments import ContractKind, Instrument
from forcedflow.tables import TABLES, Completeness

PRECEDENCE_ARCHIVE, PRECEDENCE_REST, PRECEDENCE_STREAM = 10, 9, 8
"""Of one row from several of a venue's own sources, the one published last and whole is kept."""

UNDECODABLE: Final = (ValueError, RecursionError)
"""What a decoder raises at bytes from outside: no JSON or UTF-8, another shape, endless nesting."""

Rows: TypeAlias = dict[str, pl.DataFrame]
"""Frames by table name, each as `forcedflow.tables.check` lets it in; none without rows."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a venue can give, so that nobody has to find out by failing.

    Parameters
    ----------
    kinds : tuple of {"linear", "inverse", "spot"}
        Kinds of contract that it lists and we read.
    backfilled : frozenset of str
        Tables whose past can be asked for.
    streamed : frozenset of str
        Tables that can be followed live.
    liquidations : {"complete", "sampled lower bound", "unknown", "none"}
        What its liquidation feed is worth, by its own statement.
    public_positions : bool
        Whether it publishes accounts' positions.

    Raises
    ------
    ValueError
        If a table is not declared.
    """

    kinds: tuple[ContractKind, ...]
    backfilled: frozenset[str]
    streamed: frozenset[str]
    liquidations: Completeness
    public_positions: bool

    def __post_init__(self) -> None:
        if unknown := (self.backfilled | self.streamed) - TABLES.keys():
            raise ValueError(f"no such tables: {', '.join(sorted(unknown))}")


@runtime_checkable
class Venue(Protocol):
    """One venue. Its rows carry its `name`, a unified symbol and what each feed is worth."""

    @property
    def name(self) -> str:
        """Return the lower-case venue id."""

    @property
    def capabilities(self) -> Capabilities:
        """Return what can be asked of it."""

    def instruments(self) -> tuple[Instrument, ...]:
        """Return the contracts it lists, with their tick and contract sizes."""

    def backfill(
        self, tables: Sequence[str], symbol: str, start_ms: int, end_ms: int
    ) -> Iterator[Rows]:
        """Yield the rows that became known in ``[start_ms, end_ms)``, in the order of time.

        Parameters
        ----------
        tables : sequence of str
            Among `Capabilities.backfilled`.
        symbol : str
            Unified symbol of one of its instruments.
        start_ms, end_ms : int
            Span of available times. [UTC ms]

        Raises
        ------
        UsageError
            If a table cannot be asked for or the symbol is not listed.
        """

    def stream(self, tables: Sequence[str], symbol: str) -> AsyncGenerator[Rows, None]:
        """Yield rows as they become known, from the moment of the first request until closed.

        Closing it (``aclose``) leaves the venue.

        The first rows are those that become known at that very moment, so that a back-fill which
        ends there and the stream neither overlap nor leave a gap.

        Raises
        ------
        UsageError
            If a table cannot be followed or the symbol is not listed.
        """


def refuse_unknown(
    venue: Venue, tables: Sequence[str], symbol: str, offered: frozenset[str]
) -> None:
    """Refuse a request that a venue cannot answer, before any of it is made.

    Parameters
    ----------
    venue : Venue
    tables : sequence of str
        Tables asked for.
    symbol : str
        Symbol asked for.
    offered : frozenset of str
        `Capabilities.backfilled` or `Capabilities.streamed`.

    Raises
    ------
    UsageError
        Naming what the venue has instead.
    """
    refuse_tables(venue, tables, offered)
    listed = [instrument.symbol for instrument in venue.instruments()]
    if symbol not in listed:
        raise UsageError(f"{venue.name} does not list {symbol!r}\nhint: {', '.join(listed)}")


def refuse_tables(venue: Venue, tables: Sequence[str], offered: frozenset[str]) -> None:
    """Refuse tables that a venue cannot give.

    Raises
    ------
    UsageError
        Naming those that it gives.
    """
    if missing := sorted(set(tables) - offered):
        known = ", ".join(sorted(offered)) or "none"
        raise UsageError(f"{venue.name} does not give {', '.join(missing)}\nhint: it gives {known}")
