"""Alerts and printed liquidations as events: what is heard between two bar closes.

In:  alerts that were let through; rows of ``liquidations`` as they came.   Out: events.
Free of HTTP and of any clock. One event holds all prints of a market that came together, so that
a cascade of thousands floods no listener.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import polars as pl

from forcedflow.alerts.alert import Alert
from forcedflow.answers.alerts import alert_row
from forcedflow.answers.times import iso_time
from forcedflow.server.event_stream import EventStream, Market
from forcedflow.tables import is_simulated

MOST_PRINTS: Final = 100
"""Prints that one event lists, the largest; all are summed."""

_REMEMBERED: Final = 20_000
"""Prints by which one that is told again, as after an outage, is known again."""

_COLUMNS: Final = (
    "event_time",
    "side",
    "price",
    "price_kind",
    "amount",
    "notional_usd",
    "event_id",
    "completeness",
    "source",
)


def alert_publisher(stream: EventStream) -> Callable[[Alert], None]:
    """Return what publishes an alert as an event of the kind ``alert``."""

    def publish(alert: Alert) -> None:
        stream.publish("alert", Market(alert.venue, alert.symbol), alert_row(alert))

    return publish


class PrintPublisher:
    """Publishes printed liquidations, each once. For one thread at a time.

    Parameters
    ----------
    stream : EventStream
    markets : iterable of Market
        Those that are followed; prints of others are passed over.
    """

    def __init__(self, stream: EventStream, markets: Iterable[Market]) -> None:
        self._stream, self._markets = stream, tuple(markets)
        self._order: deque[tuple[Any, ...]] = deque()
        self._told: set[tuple[Any, ...]] = set()

    def publish(self, rows: Mapping[str, pl.DataFrame]) -> None:
        """Publish what of some rows are liquidations, an event a market.

        Parameters
        ----------
        rows : mapping of str to DataFrame
            By table, as they reach the lake.
        """
        printed = rows.get("liquidations")
        if printed is None or printed.is_empty():
            return
        for market in self._markets:
            own = printed.filter(
                (pl.col("venue") == market.venue) & (pl.col("symbol") == market.symbol)
            )
            new = self._new(market, own.select(_COLUMNS))
            if new:
                self._stream.publish("liquidation", market, _payload(market, new))

    def _new(self, market: Market, printed: pl.DataFrame) -> list[dict[str, Any]]:
        new = []
        for row in printed.iter_rows(named=True):
            key = (
                market.key,
                row["event_time"],
                row["side"],
                row["price"],
                row["amount"],
                row["event_id"],
            )
            if key in self._told:
                continue
            self._told.add(key)
            self._order.append(key)
            if len(self._order) > _REMEMBERED:
                self._told.discard(self._order.popleft())
            new.append(row)
        return new


def _payload(market: Market, printed: list[dict[str, Any]]) -> dict[str, Any]:
    largest = sorted(printed, key=lambda row: row["notional_usd"], reverse=True)[:MOST_PRINTS]
    return {
        "symbol": market.symbol,
        "venue": market.venue,
        "simulated": any(is_simulated(row["source"]) for row in printed),
        "count": len(printed),
        "longs_usd": sum(row["notional_usd"] for row in printed if row["side"] == "long"),
        "shorts_usd": sum(row["notional_usd"] for row in printed if row["side"] == "short"),
        "completeness": printed[-1]["completeness"],
        "prints": [
            {
                "at": iso_time(row["event_time"].timestamp() * 1000),
                "side": row["side"],
                "price": row["price"],
                "price_kind": row["price_kind"],
                "amount": row["amount"],
                "notional_usd": row["notional_usd"],
            }
            for row in sorted(largest, key=lambda row: row["event_time"])
        ],
    }
