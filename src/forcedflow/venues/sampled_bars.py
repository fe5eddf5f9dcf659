"""One-minute bars of a price that a venue sends as it goes, and of which it keeps no bars itself.

In:  a price [quote per base] with the venue's own time. [UTC ms]   Out: rows of klines.
Free of sockets and of the clock.

A minute whose beginning was not heard, or of which too few samples came, gives no bar: its high
and low would not be those of the minute. What a venue's archive holds later replaces these.
"""

from __future__ import annotations

from typing import Final, Literal

from forcedflow.units import MINUTE_MS
from forcedflow.venues.base import PRECEDENCE_STREAM
from forcedflow.venues.row_buffer import RowBuffer


class SampledBars:
    """The minute under way of one price.

    Parameters
    ----------
    symbol : str
        Unified symbol.
    price_type : {"mark", "index"}
        Which price.
    source : str
        Source of its rows.
    fewest_samples : int
        Samples of a minute below which it gives no bar.

    Examples
    --------
    >>> rows, bars = RowBuffer("kucoin"), SampledBars("BTC/USDT:USDT", "mark", "kucoin:x", 2)
    >>> for at_ms, price in ((119_000, 1.0), (120_000, 2.0), (150_000, 3.0), (180_000, 2.5)):
    ...     bars.take(at_ms, price, rows)
    >>> rows.take()["klines"].select("open", "high", "low", "close").row(0)
    (2.0, 3.0, 2.0, 3.0)
    """

    def __init__(
        self, symbol: str, price_type: Literal["mark", "index"], source: str, fewest_samples: int
    ) -> None:
        self.symbol: Final = symbol
        self.price_type: Final = price_type
        self.source: Final = source
        self.fewest_samples: Final = fewest_samples
        self.clear()

    def clear(self) -> None:
        """Forget it: the connection that would have sent the rest is gone."""
        self._minute_ms = self._last_ms = self._samples = 0
        self._is_whole = False
        self._open = self._high = self._low = self._close = 0.0

    def take(self, at_ms: int, price: float, rows: RowBuffer) -> None:
        """Take a sample in, and add the bar of a minute that is over.

        Parameters
        ----------
        at_ms : int
            The venue's time; a sample no later than the last says nothing new. [UTC ms]
        price : float
            [quote per base]
        rows : RowBuffer
        """
        if at_ms <= self._last_ms:
            return
        self._last_ms = at_ms
        minute_ms = at_ms - at_ms % MINUTE_MS
        if minute_ms == self._minute_ms:
            self._samples += 1
            self._high, self._low = max(self._high, price), min(self._low, price)
            self._close = price
            return
        if self._is_whole and self._samples >= self.fewest_samples:
            self._add(rows)
        # The first minute may have begun before we listened.
        self._is_whole = self._minute_ms > 0
        self._minute_ms, self._samples = minute_ms, 1
        self._open = self._high = self._low = self._close = price

    def _add(self, rows: RowBuffer) -> None:
        end_ms = self._minute_ms + MINUTE_MS
        rows.add(
            "klines",
            self.symbol,
            end_ms,
            end_ms,
            self.price_type,
            MINUTE_MS,
            self._open,
            self._high,
            self._low,
            self._close,
            None,
            None,
            None,
            None,
            source=self.source,
            precedence=PRECEDENCE_STREAM,
        )
