"""Statistics of Binance: open interest and long/short ratios every five minutes.

In:  bodies of replies under ``/futures/data``.   Out: rows of open_interest, long_short_ratio.
Pure: no I/O, no clock, no global state.

What a stamp under ``/futures/data`` means, and why archive and HTTP meet in one key:

- Open interest and the three ratios of accounts and positions are snapshots, stamped with their
  own moment. ``sumOpenInterestValue / sumOpenInterest`` is the mark price of that very moment.
- The taker ratio is a flow, stamped with the *start* of its five minutes.
- In the archive's ``metrics``, from the file of 25 June 2026 on, every column is stamped with the
  start of the period at whose end it is taken; files before are stamped with that end. So one open
  interest stands five minutes later here than there, and one taker ratio at the same stamp. That is
  what was measured of both (+300 s and 0 s; the archive's 23:55 is HTTP's 00:00 of 1 October 2026)
  and what a report to the archive's keepers says of its files. Of the other three ratios nobody
  has published a comparison; they are taken as the snapshots that the report calls them.

An event time is the moment of a snapshot and the end of a flow, wherever it was read, so both
sources give one key. The venue publishes some minutes late: a row counts as known five minutes
after its event, as in the archive.
"""

from __future__ import annotations

from typing import Final, TypeVar

import msgspec

from forcedflow.venues.base import PRECEDENCE_REST
from forcedflow.venues.binance.contract import Contract
from forcedflow.venues.binance.decoding import Quantity, Time, decode, refuse
from forcedflow.venues.binance.rest import RATIO_ENDPOINTS, RatioKind
from forcedflow.venues.binance.spec import NAME, STATISTICS_PERIOD_MS
from forcedflow.venues.row_buffer import RowBuffer


class _OpenInterest(msgspec.Struct):
    quantity: Quantity = msgspec.field(name="sumOpenInterest")
    value: Quantity = msgspec.field(name="sumOpenInterestValue")
    time: Time = msgspec.field(name="timestamp")
    symbol: str | None = None
    pair: str | None = None


class _Ratio(msgspec.Struct):
    time: Time = msgspec.field(name="timestamp")
    symbol: str | None = None
    pair: str | None = None
    ratio: Quantity | None = msgspec.field(default=None, name="longShortRatio")
    taker_ratio: Quantity | None = msgspec.field(default=None, name="buySellRatio")
    taker_buy: Quantity | None = msgspec.field(default=None, name="takerBuyVol")
    taker_sell: Quantity | None = msgspec.field(default=None, name="takerSellVol")


_Named = TypeVar("_Named", _OpenInterest, _Ratio)

_OPEN_INTEREST: Final = msgspec.json.Decoder(list[_OpenInterest], strict=False)
_RATIOS: Final = msgspec.json.Decoder(list[_Ratio], strict=False)


def parse_open_interest_history(
    raw: bytes, rows: RowBuffer, contract: Contract, period_ms: int = STATISTICS_PERIOD_MS
) -> None:
    """Add open interest, one-sided. COIN-M counts contracts and states their value in coins.

    A zero is an outage of the venue's statistics, not a market, and is left out.

    Raises
    ------
    FrameError
        If it cannot be read or is of another contract.
    """
    what = "openInterestHist"
    for reading in _own(decode(_OPEN_INTEREST, what, raw), what, raw, contract):
        if not (reading.quantity and reading.value):
            continue
        coins, usd = reading.quantity, reading.value
        if contract.usd_size is not None:
            coins, usd = reading.value, reading.quantity * contract.usd_size
        event_ms = reading.time - reading.time % period_ms
        rows.add(
            "open_interest",
            contract.symbol,
            event_ms,
            event_ms + STATISTICS_PERIOD_MS,
            coins,
            usd,
            source=f"{NAME}:{what}",
            precedence=PRECEDENCE_REST,
        )


def parse_ratios(
    raw: bytes,
    rows: RowBuffer,
    contract: Contract,
    kind: RatioKind,
    period_ms: int = STATISTICS_PERIOD_MS,
    *,
    after_ms: int = 0,
    received_ms: int | None = None,
) -> int:
    """Add long/short ratios whose event is later than ``after_ms``.

    Parameters
    ----------
    raw : bytes
        Body of one of `RATIO_ENDPOINTS`.
    rows : RowBuffer
    contract : Contract
    kind : {"accounts", "top_accounts", "top_positions", "taker_volume"}
    period_ms : int
        Period that was asked for. [ms]
    after_ms : int
        Last event that was added before. [UTC ms]
    received_ms : int, optional
        When a live reply came, from which its rows count as known. [UTC ms]

    Returns
    -------
    int
        Last event added, or ``after_ms``. [UTC ms]

    Raises
    ------
    FrameError
        If it cannot be read, is of another contract or lacks its ratio.
    """
    what = RATIO_ENDPOINTS[contract.market][kind]
    # Snapshots are stamped with their moment, the taker's flow with its start.
    ends_after_ms = period_ms if kind == "taker_volume" else 0
    found: list[tuple[int, float]] = []
    for reading in _own(decode(_RATIOS, what, raw), what, raw, contract):
        event_ms = reading.time - reading.time % period_ms + ends_after_ms
        ratio = _taker_ratio(reading) if kind == "taker_volume" else reading.ratio
        if ratio is None:
            if reading.taker_sell == 0:
                continue  # nobody sold: no ratio
            refuse(what, "a row has no ratio", raw)
        if event_ms > after_ms:
            found.append((event_ms, ratio))
    for event_ms, ratio in found:
        published = STATISTICS_PERIOD_MS + event_ms
        rows.add(
            "long_short_ratio",
            contract.symbol,
            event_ms,
            published if received_ms is None else max(event_ms, received_ms),
            kind,
            period_ms,
            ratio,
            source=f"{NAME}:{what}",
            precedence=PRECEDENCE_REST,
        )
    return max((event_ms for event_ms, _ in found), default=after_ms)


def _own(readings: list[_Named], what: str, raw: bytes, contract: Contract) -> list[_Named]:
    """Return readings, refused where they name another contract; taker ratios name none."""
    for reading in readings:
        if reading.symbol not in {None, contract.name} or reading.pair not in {None, contract.pair}:
            refuse(what, f"is not of {contract.name}", raw)
    return readings


def _taker_ratio(reading: _Ratio) -> float | None:
    if reading.taker_buy is not None and reading.taker_sell:
        return reading.taker_buy / reading.taker_sell
    return reading.taker_ratio
