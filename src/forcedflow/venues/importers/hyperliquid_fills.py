"""Fills of Hyperliquid's node: every trade of the venue, and whose position it closed by force.

In:  JSON lines by block or by fill, packed with LZ4 or gzip or not.   Out: liquidations, trades.
Pure: no I/O, no clock, no global state.

Each trade stands there twice, once per party. Both name the account that was liquidated, so either
tells the side of the position: whoever is liquidated out of a long sells, out of a short buys. The
printed price is that of the fill; the ``markPx`` beside it is the mark that triggered, and is not
kept. Deleveraged positions are no liquidations and carry no such mark.

References
----------
.. [1] Hyperliquid docs, "L1 data schemas" and "Historical data": ``node_fills_by_block`` since 27
   July 2025 and ``node_fills`` before; read 2026-11-23.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import msgspec
import polars as pl

from forcedflow.errors import DamagedFileError, UsageError
from forcedflow.instruments import parse_symbol
from forcedflow.tables import TIME
from forcedflow.venues.base import PRECEDENCE_ARCHIVE
from forcedflow.venues.hyperliquid.messages import Fill, TimeMs
from forcedflow.venues.hyperliquid.spec import VENUE, instrument, is_own
from forcedflow.venues.importers.columns import Field, read_columns
from forcedflow.venues.importers.options import ImportOptions
from forcedflow.venues.importers.parsed import Parsed, rows, settle

_LZ4, _GZIP = b"\x04\x22\x4d\x18", b"\x1f\x8b"
_SOURCE = "hyperliquid-fills"


class _PartyFill(Fill, frozen=True, gc=False, kw_only=True):
    """One party's side of a trade: the one that ``crossed`` took, the other made."""

    time: TimeMs
    tid: int
    crossed: bool


_Party: TypeAlias = tuple[str, _PartyFill]


class _Block(msgspec.Struct, frozen=True):
    """Fills of one block, as account and fill."""

    events: list[_Party]


@dataclass(slots=True)
class _Trades:
    """Trades by coin and id, with what each party said of who took."""

    first: dict[tuple[str, int], _PartyFill] = field(default_factory=dict)
    taker: dict[tuple[str, int], set[str]] = field(default_factory=dict)


def read_hyperliquid_fills(path: Path, data: bytes, options: ImportOptions) -> Parsed:
    """Return the liquidations and the trades of one file, usually an hour of the whole venue.

    Parameters
    ----------
    path : Path
        Where the file is; its name tells nothing that is needed.
    data : bytes
        One block a line, ``{"events": [[account, fill], …]}``, or one ``[account, fill]`` a line,
        as it is or packed with LZ4 or gzip. Sizes are in coins, times UTC ms.
    options : ImportOptions
        ``coin`` to keep that coin alone.

    Returns
    -------
    Parsed
        Rows of ``liquidations`` (``complete``, the side of the position, the fill's price) and of
        ``trades``, under the ids that the stream has too. Spot pairs and perpetuals that others
        deployed there are passed over. Trades whose parties do not agree on who took, as between
        the liquidated and the venue's own vault, are left out of ``trades`` with a warning.

    Raises
    ------
    DamagedFileError
        If a line is no block and no fill, or the file cannot be unpacked.
    UsageError
        If the file is packed with LZ4 and the library for it is not installed.
    """
    file = str(path)
    kept = None if options.coin is None else parse_symbol(options.coin, VENUE).base
    trades = _Trades()
    closed: list[tuple[str, str, _PartyFill]] = []
    for account, fill in _parties(file, _unpacked(path, data)):
        if not is_own(fill.coin) or kept not in {None, fill.coin}:
            continue
        key = fill.coin, fill.tid
        trades.first.setdefault(key, fill)
        trades.taker.setdefault(key, set()).add("buy" if _is_taker_buyer(fill) else "sell")
        if fill.liquidation is not None:
            own = fill.liquidation.liquidatedUser.lower() == account.lower()
            closed.append(("long" if own == (fill.side == "A") else "short", account, fill))
    agreed = {key: fill for key, fill in trades.first.items() if len(trades.taker[key]) == 1}
    said = []
    if disputed := len(trades.first) - len(agreed):
        said.append(f"{file}: {disputed} trades name no single taker; left out of trades")
    sides = [min(trades.taker[key]) for key in agreed]
    return settle(
        file,
        {
            "liquidations": [_liquidations(file, closed)],
            "trades": [_trades(file, list(agreed.values()), sides)],
        },
        said,
    )


def _is_taker_buyer(fill: _PartyFill) -> bool:
    return (fill.side == "B") == fill.crossed


def _liquidations(file: str, closed: list[tuple[str, str, _PartyFill]]) -> pl.DataFrame:
    table = _told(file, [fill for _, _, fill in closed])
    # Both parties give the same row, which `settle` keeps once.
    return rows(
        table.with_columns(pl.Series("position", [side for side, _, _ in closed], pl.String)),
        venue=VENUE,
        symbol=pl.col("symbol"),
        event_time=pl.col("time"),
        source=_SOURCE,
        precedence=PRECEDENCE_ARCHIVE,
        side=pl.col("position"),
        price=pl.col("px"),
        price_kind="fill",
        amount=pl.col("sz"),
        notional_usd=pl.col("px") * pl.col("sz"),
        event_id=pl.col("tid"),
        completeness="complete",
    )


def _trades(file: str, fills: list[_PartyFill], sides: list[str]) -> pl.DataFrame:
    return rows(
        _told(file, fills).with_columns(pl.Series("taker", sides, pl.String)),
        venue=VENUE,
        symbol=pl.col("symbol"),
        event_time=pl.col("time"),
        source=_SOURCE,
        precedence=PRECEDENCE_ARCHIVE,
        trade_id=pl.col("tid"),
        price=pl.col("px"),
        amount=pl.col("sz"),
        taker_side=pl.col("taker"),
    )


def _told(file: str, fills: list[_PartyFill]) -> pl.DataFrame:
    symbols = {coin: instrument(coin).symbol for coin in {fill.coin for fill in fills}}
    times = pl.DataFrame({"time": [fill.time for fill in fills]}, {"time": pl.Int64})
    return pl.DataFrame(
        {
            "time": read_columns(file, times, [Field("time", "time")])["time"],
            "symbol": [symbols[fill.coin] for fill in fills],
            "px": [fill.px for fill in fills],
            "sz": [fill.sz for fill in fills],
            "tid": [str(fill.tid) for fill in fills],
        },
        {
            "time": TIME,
            "symbol": pl.String,
            "px": pl.Float64,
            "sz": pl.Float64,
            "tid": pl.String,
        },
    )


def _parties(file: str, data: bytes) -> Iterator[_Party]:
    # Numbers are strings there.
    blocks = msgspec.json.Decoder(_Block, strict=False)
    single = msgspec.json.Decoder(_Party, strict=False)
    for number, line in enumerate(data.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            if line.lstrip().startswith(b"["):
                yield single.decode(line)
            else:
                yield from blocks.decode(line).events
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise DamagedFileError(
                file, f"is no block of fills and no fill: {error}", row=number
            ) from error


def _unpacked(path: Path, data: bytes) -> bytes:
    """Unpack by what a file begins with: mirrors of the archive rename them."""
    if data.startswith(_GZIP):
        try:
            return gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            raise DamagedFileError(str(path), f"is no readable gzip: {error}") from error
    if not data.startswith(_LZ4):
        return data
    try:
        import lz4.frame  # noqa: PLC0415 - an extra, wanted for packed files alone
    except ModuleNotFoundError as error:
        raise UsageError(
            f"{path}: is packed with LZ4, and the library lz4 is not installed\n"
            "hint: pip install 'forcedflow[lz4]', or unpack it with unlz4"
        ) from error
    try:
        unpacked: bytes = lz4.frame.decompress(data)
    except (RuntimeError, ValueError) as error:
        raise DamagedFileError(str(path), f"is no readable LZ4: {error}") from error
    return unpacked
