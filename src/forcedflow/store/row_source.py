"""A source of rows: what a lake and whatever stands in for one can both be asked.

In:  a table, a venue, a symbol, a span. [UTC ms]   Out: rows as the lake would return them.
Free of files and of the clock; this is the question, not an answer to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import polars as pl


class RowSource(Protocol):
    """Whoever can be asked for rows: `forcedflow.store.Lake`, or rows of one held in memory."""

    def read(
        self,
        table: str,
        *,
        venue: str | Sequence[str] | None = None,
        symbol: str | Sequence[str] | None = None,
        start_ms: int | None = None,
        end_ms: int | None = None,
        available_by_ms: int | None = None,
        price_type: str | None = None,
        columns: Sequence[str] | None = None,
    ) -> pl.DataFrame:
        """Return rows sorted by event time and then by the rest of the key."""

    def series(self) -> list[tuple[str, str, str]]:
        """Return every (table, venue, symbol) held, sorted."""
