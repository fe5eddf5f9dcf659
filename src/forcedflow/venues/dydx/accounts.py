"""Positions of the accounts that were named, and the oracle price that would close each.

In:  replies of ``/addresses/{address}``; the markets' oracle prices and margin fractions.
Out: rows of positions; amounts in base coins and USD, times [UTC ms].
Free of sockets and of the clock.

The venue publishes what an address holds, and its rule, but no price of liquidation. A subaccount
is closed once its equity is below the maintenance margin of all it holds, both at oracle prices;
with every other price held still that is one price of each market::

    p* = (equity - s * p - margin of the others) / (|s| * mmf - s)

with size ``s`` below zero for a short, oracle price ``p`` and maintenance fraction ``mmf``.

References
----------
.. [1] dYdX v4 documentation, "Liquidations": maintenance margin, oracle price, equity.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from forcedflow.errors import FrameError, UsageError
from forcedflow.instruments import Instrument
from forcedflow.units import MINUTE_MS
from forcedflow.venues.base import PRECEDENCE_STREAM
from forcedflow.venues.dydx.messages import Market, Position, Subaccounts, by_ticker, decode
from forcedflow.venues.dydx.spec import VENUE
from forcedflow.venues.row_buffer import RowBuffer

MOST_ACCOUNTS: Final = 300
"""Accounts that are followed at once: half of what the venue's limit lets us ask in a minute."""

_ADDRESS: Final = re.compile(r"dydx1[02-9ac-hj-np-z]{38}")
_ACCOUNTS: Final = msgspec.json.Decoder(Subaccounts, strict=False)
_POSITION: Final = msgspec.json.Decoder(Position, strict=False)
# From this number on a subaccount holds one isolated position.
_FIRST_ISOLATED: Final = 128


class Holding(NamedTuple):
    """What one subaccount holds.

    Parameters
    ----------
    address : str
    number : int
    equity : float
        Value at oracle prices. [USD]
    positions : mapping of str to Position
        By ticker.
    """

    address: str
    number: int
    equity: float
    positions: Mapping[str, Position]


def read_accounts(path: Path) -> tuple[str, ...]:
    """Return the addresses that a file names, one a line; ``#`` begins a remark.

    Raises
    ------
    UsageError
        If the file cannot be read, a line is no address, or there are more than can be followed.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read: {error}") from error
    named = [line.partition("#")[0].strip() for line in lines]
    return check_accounts([name for name in named if name])


def check_accounts(accounts: list[str] | tuple[str, ...]) -> tuple[str, ...]:
    """Return addresses, each once.

    Raises
    ------
    UsageError
        If one is no address, or there are more than can be followed.
    """
    for account in accounts:
        if not _ADDRESS.fullmatch(account):
            raise UsageError(f"{account!r} is no address of {VENUE}\nhint: dydx1 and 38 more")
    found = tuple(dict.fromkeys(accounts))
    if len(found) > MOST_ACCOUNTS:
        raise UsageError(f"{len(found)} accounts are named; {MOST_ACCOUNTS} can be followed")
    return found


def parse_positions(
    raw: bytes,
    listed: Mapping[str, Instrument],
    markets: Mapping[str, Market],
    received_ms: int,
    rows: RowBuffer,
) -> None:
    """Add what an address holds of the followed contracts, at the whole minute it was asked.

    A subaccount that holds a market whose price or margin is not known yet is left out: what would
    close it is not known either.

    Parameters
    ----------
    raw : bytes
        Reply of ``/addresses/{address}``.
    listed : mapping of str to Instrument
        Contracts that are followed, by ticker.
    markets : mapping of str to Market
        Oracle prices and fractions of all markets, by ticker.
    received_ms : int
        When the reply came; it bears no time. [UTC ms]
    rows : RowBuffer

    Raises
    ------
    FrameError
        If it is not what it should be.
    """
    accounts = decode(_ACCOUNTS, "addresses", raw).subaccounts
    held = [
        Holding(
            account.address,
            account.number,
            account.equity,
            by_ticker(_POSITION, "addresses", account.positions),
        )
        for account in accounts
    ]
    for account in held:
        for name, position in account.positions.items():
            if name != position.market or (position.size > 0) != (position.side == "LONG"):
                problem = f"{name}: {position.side} of {position.size:g} {position.market}"
                raise FrameError(VENUE, "addresses", problem, raw)
    minute_ms = received_ms - received_ms % MINUTE_MS
    for account in held:
        known = _margins(account, markets)
        if known is None:
            continue
        for ticker, position in account.positions.items():
            if (instrument := listed.get(ticker)) is not None and position.size:
                price, _ = known[ticker]
                isolated = account.number >= _FIRST_ISOLATED
                rows.add(
                    "positions",
                    instrument.symbol,
                    minute_ms,
                    received_ms,
                    f"{account.address}/{account.number}",
                    "long" if position.size > 0 else "short",
                    abs(position.size),
                    position.entry_price,
                    abs(position.size) * price,
                    None,
                    "isolated" if isolated else "cross",
                    position.unrealized,
                    account.equity,
                    liquidation_price(account, position, known),
                    source=f"{VENUE}:addresses",
                    precedence=PRECEDENCE_STREAM,
                )


def liquidation_price(
    account: Holding, position: Position, known: Mapping[str, tuple[float, float]]
) -> float | None:
    """Return the oracle price at which a position is closed, all other prices held still.

    Parameters
    ----------
    account : Holding
    position : Position
        One of its own.
    known : mapping of str to (float, float)
        Oracle price and maintenance fraction of every market that it holds. [USDC per base, 1]

    Returns
    -------
    float or None
        None where no price above zero closes it. [USDC per base]

    Examples
    --------
    >>> btc = Position("BTC-USD", "LONG", 2.0, 50_000.0, 0.0)
    >>> own = Holding("dydx1", 0, 10_000.0, {"BTC-USD": btc})
    >>> round(liquidation_price(own, btc, {"BTC-USD": (50_000.0, 0.012)}), 2)
    45546.56
    """
    others = sum(
        abs(other.size) * known[ticker][0] * known[ticker][1]
        for ticker, other in account.positions.items()
        if ticker != position.market
    )
    price, fraction = known[position.market]
    size = position.size
    found = (account.equity - size * price - others) / (abs(size) * fraction - size)
    return found if found > 0 else None


def _margins(
    account: Holding, markets: Mapping[str, Market]
) -> dict[str, tuple[float, float]] | None:
    known: dict[str, tuple[float, float]] = {}
    for ticker in account.positions:
        market = markets.get(ticker)
        if market is None or market.oracle_price is None or market.maintenance is None:
            return None
        if market.maintenance >= 1:
            return None
        known[ticker] = (market.oracle_price, market.maintenance)
    return known
