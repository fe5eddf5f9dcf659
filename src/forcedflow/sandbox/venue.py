"""The sandbox as a venue: one simulated exchange's three venues behind the venue protocol.

In:  a `SandboxMarket` and the name of one of its venues.   Out: rows, back-filled or live.
Free of files and sockets; live rows come at the market's pace.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Sequence

import polars as pl

from forcedflow.errors import UsageError
from forcedflow.instruments import Instrument
from forcedflow.sandbox.feeds import STREAMED
from forcedflow.sandbox.market import Batch, SandboxMarket, join, moment, select
from forcedflow.sandbox.parameters import COIN, CONTRACT_COINS, TICK_USD, VenueRules
from forcedflow.venues.base import Capabilities, Rows, refuse_unknown

_FORCED = frozenset({"liquidations", "liquidation_totals"})


class SandboxVenue:
    """One venue of a simulated market.

    Venues of one market see the same traders and the same minutes; each publishes its own. The
    first of them also lists the spot pair.

    Parameters
    ----------
    market : SandboxMarket
    name : str
        ``sandbox``, ``sandbox-sampled`` or ``sandbox-dark``.

    Raises
    ------
    UsageError
        If the market has no such venue.
    """

    def __init__(self, market: SandboxMarket, name: str = "sandbox") -> None:
        rules = {venue.name: venue for venue in market.parameters.venues}
        if name not in rules:
            raise UsageError(f"no sandbox venue {name!r}\nhint: one of {', '.join(rules)}")
        self._market = market
        self._rules: VenueRules = rules[name]
        self._lists_spot = name == market.parameters.venues[0].name

    @property
    def name(self) -> str:
        """Return the venue id."""
        return self._rules.name

    @property
    def capabilities(self) -> Capabilities:
        """Return what can be asked of it: everything it publishes, past and live."""
        streamed = frozenset(STREAMED)
        if self._rules.feed == "none":
            streamed -= _FORCED
        return Capabilities(
            kinds=("linear", "spot") if self._lists_spot else ("linear",),
            backfilled=streamed | {"leverage_brackets"},
            streamed=streamed,
            liquidations=self._rules.feed,
            public_positions=False,
        )

    def instruments(self) -> tuple[Instrument, ...]:
        """Return the perpetual, and the spot pair where it is listed."""
        perpetual, spot = (
            Instrument(self.name, COIN, "USDT", settle, TICK_USD, CONTRACT_COINS)
            for settle in ("USDT", None)
        )
        return (perpetual, spot) if self._lists_spot else (perpetual,)

    def backfill(
        self, tables: Sequence[str], symbol: str, start_ms: int, end_ms: int
    ) -> Iterator[Rows]:
        """Yield the rows that became known in ``[start_ms, end_ms)``, a day at a time.

        What lies ahead of the market's last minute is simulated first. Brackets became known at
        `forcedflow.sandbox.simulate.START_MS`, before the first published minute.

        Raises
        ------
        UsageError
            If a table cannot be asked for or the symbol is not listed.
        """
        refuse_unknown(self, tables, symbol, self.capabilities.backfilled)
        batches = self._market.history(start_ms, end_ms)
        return (rows for batch in batches if (rows := self._own(batch, tables, symbol)))

    def stream(self, tables: Sequence[str], symbol: str) -> AsyncGenerator[Rows, None]:
        """Yield rows as they become known, from the market's present on, at the market's pace.

        Raises
        ------
        UsageError
            If a table cannot be followed or the symbol is not listed.
        """
        refuse_unknown(self, tables, symbol, self.capabilities.streamed)
        return self._follow(tables, symbol)

    async def _follow(self, tables: Sequence[str], symbol: str) -> AsyncGenerator[Rows, None]:
        market = self._market
        # What is published with a delay may be on its way already.
        waiting = self._own(market.known_later(market.now_ms), tables, symbol)
        queue = market.subscribe()
        try:
            while True:
                due = pl.col("available_time") <= moment(market.now_ms)
                if rows := select(waiting, due):
                    yield rows
                fresh = self._own(await market.next_batch(queue), tables, symbol)
                waiting = join([select(waiting, ~due), fresh])
        finally:
            market.unsubscribe(queue)

    def _own(self, batch: Batch, tables: Sequence[str], symbol: str) -> Rows:
        """Return this venue's rows of a symbol, of the tables asked for."""
        own = (pl.col("venue") == self.name) & (pl.col("symbol") == symbol)
        return select({name: batch[name] for name in tables if name in batch}, own)
