"""One-minute bars of KuCoin's mark and index price, made of what its socket sends each second.

In:  mark and index prices with the venue's own times. [UTC ms]
Out: rows of klines of price types mark and index.
Free of sockets and of the clock.

The venue streams no such bars, and over HTTP they cannot be asked for without saying a time. It
sends both prices every second; a minute of which less than half came, or whose beginning was not
heard, gives no bar. What the archive and the interface hold later replaces these.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from forcedflow.instruments import Instrument
from forcedflow.units import MINUTE_MS
from forcedflow.venues.base import PRECEDENCE_STREAM
from forcedflow.venues.kucoin.parse_stream import Prices
from forcedflow.venues.kucoin.spec import VENUE, ReferencePrice
from forcedflow.venues.row_buffer import RowBuffer

_FEWEST_SECONDS: Final = 30


@dataclass(slots=True)
class _Bar:
    open: float
    high: float
    low: float
    close: float

    def grow(self, price: float) -> None:
        self.high, self.low = max(self.high, price), min(self.low, price)
        self.close = price


class MinuteMarks:
    """The minute under way of one contract.

    Parameters
    ----------
    instrument : Instrument
    """

    def __init__(self, instrument: Instrument) -> None:
        self.instrument: Final = instrument
        self.clear()

    def clear(self) -> None:
        """Forget it: the connection that would have sent the rest is gone."""
        self._minute_ms = self._seconds = self._last_ms = 0
        self._is_whole = False
        self._bars: dict[ReferencePrice, _Bar] = {}

    def take(self, prices: Prices, rows: RowBuffer) -> None:
        """Take both prices of one second in, and add the bars of a minute that is over.

        Parameters
        ----------
        prices : Prices
            Those older than what was taken last say nothing new.
        rows : RowBuffer
        """
        if prices.at <= self._last_ms:
            return
        self._last_ms = prices.at
        minute_ms = prices.at - prices.at % MINUTE_MS
        now: tuple[tuple[ReferencePrice, float], ...]
        now = (("mark", prices.mark), ("index", prices.index))
        if minute_ms == self._minute_ms:
            self._seconds += 1
            for kind, price in now:
                self._bars[kind].grow(price)
            return
        if self._is_whole and self._seconds >= _FEWEST_SECONDS:
            self._add(rows)
        # The first minute may have begun before we listened.
        self._is_whole = self._minute_ms > 0
        self._minute_ms, self._seconds = minute_ms, 1
        self._bars = {kind: _Bar(price, price, price, price) for kind, price in now}

    def _add(self, rows: RowBuffer) -> None:
        end_ms = self._minute_ms + MINUTE_MS
        for kind, bar in self._bars.items():
            rows.add(
                "klines",
                self.instrument.symbol,
                end_ms,
                end_ms,
                kind,
                MINUTE_MS,
                bar.open,
                bar.high,
                bar.low,
                bar.close,
                None,
                None,
                None,
                None,
                source=f"{VENUE}:instrument",
                precedence=PRECEDENCE_STREAM,
            )
