"""What Hyperliquid publishes of single accounts, read: positions and forced closes.

In:  bytes as the venue sent them.   Out: account states, and rows of ``liquidations``.
Free of sockets, of the clock and of state: the same bytes give the same rows.

- ``szi`` of a position is signed: above zero long. ``liquidationPx`` is null where no positive
  price liquidates it.
- A fill with ``liquidation`` closed ``liquidatedUser``'s position: if the fill is theirs and sold
  (``A``), it was a long; the other party of the same trade has the opposite ``side``.
"""

from __future__ import annotations

import msgspec

from forcedflow.units import Side
from forcedflow.venues.base import PRECEDENCE_REST
from forcedflow.venues.hyperliquid.messages import ClearinghouseState, Fill, OpenPosition, decode
from forcedflow.venues.hyperliquid.parse import Symbols
from forcedflow.venues.hyperliquid.spec import VENUE
from forcedflow.venues.row_buffer import RowBuffer

_FILLS = msgspec.json.Decoder(list[Fill], strict=False)
_STATE = msgspec.json.Decoder(ClearinghouseState, strict=False)


class Position(msgspec.Struct, frozen=True, gc=False):
    """A position of an account, in the words of the ``positions`` table."""

    symbol: str
    side: Side
    amount: float
    entry_price: float
    notional_usd: float
    leverage: float
    margin_mode: str
    unrealized_pnl_usd: float
    account_value_usd: float | None
    liquidation_price: float | None


class AccountState(msgspec.Struct, frozen=True, gc=False):
    """What an account holds.

    Parameters
    ----------
    time_ms : int or None
        When, by the venue's clock; the oldest answers do not say. [UTC ms]
    positions : tuple of Position
        Those of followed coins.
    """

    time_ms: int | None
    positions: tuple[Position, ...]


def parse_fills(raw: bytes, account: str, symbols: Symbols, rows: RowBuffer) -> None:
    """Add ``liquidations`` of an answer to ``userFills`` or ``userFillsByTime``.

    Parameters
    ----------
    raw : bytes
        The answer.
    account : str
        Whose fills they are.
    symbols : mapping
        Coins to keep.
    rows : RowBuffer
        Where rows go.

    Raises
    ------
    FrameError
        If it is no such answer.
    """
    fills = decode(_FILLS, raw, "userFills")
    add_fills(fills, account, symbols, rows, "userFills", PRECEDENCE_REST)


def add_fills(
    fills: list[Fill], account: str, symbols: Symbols, rows: RowBuffer, name: str, precedence: int
) -> None:
    """Add the liquidations among an account's fills, whichever party of them it was.

    Both parties of a trade give the same row, because they share its id.
    """
    for fill in fills:
        symbol = symbols.get(fill.coin)
        if fill.liquidation is None or symbol is None:
            continue
        is_own_close = fill.liquidation.liquidatedUser.lower() == account.lower()
        # Whoever is liquidated out of a long sells; the other party then bought.
        is_long = is_own_close == (fill.side == "A")
        rows.add(
            "liquidations",
            symbol,
            fill.time,
            fill.time,
            "long" if is_long else "short",
            fill.px,
            "fill",
            fill.sz,
            fill.px * fill.sz,
            "" if fill.tid is None else str(fill.tid),
            "sampled lower bound",
            source=f"{VENUE}:{name}",
            precedence=precedence,
        )


def parse_account(raw: bytes, symbols: Symbols) -> AccountState:
    """Return the positions of an answer to ``clearinghouseState``.

    Raises
    ------
    FrameError
        If it is no such answer.
    """
    state = decode(_STATE, raw, "clearinghouseState")
    equity = None if state.marginSummary is None else state.marginSummary.accountValue
    held = (entry.position for entry in state.assetPositions)
    return AccountState(
        state.time,
        tuple(
            _position(position, symbols[position.coin], equity)
            for position in held
            if position.coin in symbols and position.szi
        ),
    )


def _position(held: OpenPosition, symbol: str, equity: float | None) -> Position:
    price = held.liquidationPx
    return Position(
        symbol=symbol,
        side="long" if held.szi > 0 else "short",
        amount=abs(held.szi),
        entry_price=held.entryPx,
        notional_usd=held.positionValue,
        leverage=held.leverage.value,
        margin_mode=held.leverage.type,
        unrealized_pnl_usd=held.unrealizedPnl,
        account_value_usd=equity,
        liquidation_price=price if price is not None and price > 0 else None,
    )
