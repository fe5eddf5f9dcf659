"""Whose positions to ask for: accounts found in trades, ranked, and asked in rounds.

In:  accounts with what they traded and hold [USD], times [UTC ms].   Out: accounts to ask now.
Free of sockets and of the clock: time is that of the frames, so a replay asks the same.

The venue publishes any account's positions but no list of accounts. Trades name both parties, so
watching them finds whoever trades; who only holds is found when they trade, or was named. An
account is asked at a price of 2 of the 1200 weight that one address may spend per minute.

A *round* asks the largest accounts once each, largest first, and closes with one snapshot of what
they hold. Every row of a snapshot bears the time of its last answer: one that was closed since the
last round is gone, and no row is older than the round is long.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from forcedflow.errors import UsageError
from forcedflow.units import MINUTE_MS
from forcedflow.venues.hyperliquid.parse_accounts import AccountState, Position

REQUESTS_PER_MINUTE: Final = 300
"""Half of the venue's limit at 2 weight each; the rest is left to back-fills."""

ROUND_ACCOUNTS: Final = 1_500
"""Most accounts of a round, which at that rate takes five minutes."""

KNOWN_ACCOUNTS: Final = 20_000
"""Most accounts remembered."""

NEWCOMERS: Final = 0.2
"""Share of a round kept for accounts never asked, the last seen first: what they hold is unknown
however little they traded."""

ANSWER_WITHIN_MS: Final = MINUTE_MS
"""An account not answered for after so long counts as missing from its round."""

MISSING_ALLOWED: Final = 0.1
"""A round that misses more is dropped: it would look as if everybody had closed."""

LONGEST_ROUND_MS: Final = 15 * MINUTE_MS
"""A round that took longer is dropped: its rows would not be of one time."""

_BURST = 10
_BETWEEN_ROUNDS_MS = 5_000


class _Wallet(msgspec.Struct, gc=False):
    """One account: what it held when last asked, and what it traded since."""

    held_usd: float = 0.0
    traded_usd: float = 0.0
    seen_ms: int = 0
    asked: bool = False


class Snapshot(msgspec.Struct, frozen=True):
    """What the accounts of one round hold.

    Parameters
    ----------
    time_ms, available_ms : int
        Time of the last answer by the venue's clock, and by ours. [UTC ms]
    positions : tuple of (str, Position)
        Account and position.
    """

    time_ms: int
    available_ms: int
    positions: tuple[tuple[str, Position], ...]


class WalletBook:
    """Known accounts by size, and the round under way.

    Parameters
    ----------
    named : iterable of str
        Accounts that stand at the head of every round and are never forgotten.
    per_minute : int
        Accounts to ask per minute.
    per_round : int
        Accounts to ask per round, the named ones beyond it included.
    known : int
        Accounts to remember.
    """

    def __init__(
        self,
        named: Iterable[str] = (),
        *,
        per_minute: int = REQUESTS_PER_MINUTE,
        per_round: int = ROUND_ACCOUNTS,
        known: int = KNOWN_ACCOUNTS,
    ) -> None:
        self._named: Final = tuple(dict.fromkeys(account.lower() for account in named))
        self._per_minute, self._per_round, self._known = per_minute, per_round, known
        self._wallets: dict[str, _Wallet] = {account: _Wallet() for account in self._named}
        self._queue: deque[str] = deque()
        self._waiting: dict[str, int] = {}
        self._answers: dict[str, AccountState] = {}
        self._asked_of_round = 0
        self._began_ms = self._ended_ms = 0
        self._answered_ms = self._available_ms = 0
        self._credit = 1.0
        self._credited_ms: int | None = None

    def __len__(self) -> int:
        return len(self._wallets)

    def saw_trade(self, account: str, notional_usd: float, time_ms: int) -> None:
        """Remember that an account took part in a trade. [USD; UTC ms]"""
        account = account.lower()  # addresses are the same in any case
        wallet = self._wallets.get(account)
        if wallet is None:
            self._wallets[account] = wallet = _Wallet()
            if len(self._wallets) > self._known + self._known // 4:
                self._forget()
        wallet.traded_usd += notional_usd
        wallet.seen_ms = time_ms

    def ranking(self) -> list[str]:
        """Return the accounts, named ones first, then by size, last seen first among equals.

        Size is what an account held when last asked and what it traded since: an account that was
        found empty sinks until it trades again.
        """
        others = sorted(self._wallets.keys() - set(self._named), key=self._rank, reverse=True)
        return [*self._named, *others]

    def due(self, now_ms: int) -> list[str]:
        """Return the accounts to ask now, within the rate, and begin a round where none is on.

        Parameters
        ----------
        now_ms : int
            Time of the newest frame. [UTC ms]
        """
        if self._credited_ms is None:
            self._credited_ms = now_ms
        elapsed = max(now_ms - self._credited_ms, 0)
        self._credit = min(self._credit + elapsed * self._per_minute / MINUTE_MS, _BURST)
        # A clock that was set back goes on from where it is.
        self._credited_ms = now_ms
        if self._credit < 1:
            return []
        if not self._queue and not self._waiting:
            self._begin(now_ms)
        asked = []
        while self._queue and self._credit >= 1 and len(self._waiting) < self._per_minute:
            account = self._queue.popleft()
            self._waiting[account] = now_ms
            self._credit -= 1
            asked.append(account)
        return asked

    def answered(self, account: str, state: AccountState, received_ms: int) -> None:
        """Remember what an account holds.

        Parameters
        ----------
        account : str
            As `due` named it. An account that nobody waits for is noted, but is of no round.
        state : AccountState
            Its answer.
        received_ms : int
            When it came. [UTC ms]
        """
        wallet = self._wallets.setdefault(account, _Wallet())
        wallet.held_usd = sum(position.notional_usd for position in state.positions)
        wallet.traded_usd, wallet.asked = 0.0, True
        if self._waiting.pop(account, None) is not None:
            self._answers[account] = state
            time_ms = received_ms if state.time_ms is None else state.time_ms
            self._answered_ms = max(self._answered_ms, time_ms)
            self._available_ms = max(self._available_ms, received_ms, time_ms)

    def snapshot(self, now_ms: int) -> Snapshot | None:
        """Return what the accounts of a round hold once it is over, and None at other times.

        Parameters
        ----------
        now_ms : int
            Time of the newest frame. [UTC ms]
        """
        # In the order of asking, so the first that may still be answered ends the search.
        while self._waiting:
            account, asked_ms = next(iter(self._waiting.items()))
            if abs(now_ms - asked_ms) < ANSWER_WITHIN_MS:
                return None
            del self._waiting[account]
        if self._queue or not self._asked_of_round:
            return None
        answers, asked = self._answers, self._asked_of_round
        self._answers, self._asked_of_round, self._ended_ms = {}, 0, now_ms
        is_whole = len(answers) >= (1 - MISSING_ALLOWED) * asked
        if not is_whole or now_ms - self._began_ms > LONGEST_ROUND_MS:
            return None
        held = tuple(
            (account, position)
            for account, state in answers.items()
            for position in state.positions
        )
        return Snapshot(self._answered_ms, self._available_ms, held)

    def _begin(self, now_ms: int) -> None:
        if not self._wallets or abs(now_ms - self._ended_ms) < _BETWEEN_ROUNDS_MS:
            return
        ranked = self.ranking()
        room = max(self._per_round - len(self._named), 0)
        others = ranked[len(self._named) :]
        never = sorted(
            (account for account in others if not self._wallets[account].asked),
            key=lambda account: (self._wallets[account].seen_ms, account),
            reverse=True,
        )
        chosen = set(others[: room - min(int(room * NEWCOMERS), len(never))])
        for account in never:
            if len(chosen) >= room:
                break
            chosen.add(account)
        self._queue = deque([*self._named, *(account for account in others if account in chosen)])
        self._asked_of_round, self._began_ms = len(self._queue), now_ms
        self._answered_ms = self._available_ms = 0

    def _rank(self, account: str) -> tuple[float, int, str]:
        wallet = self._wallets[account]
        return (wallet.held_usd + wallet.traded_usd, wallet.seen_ms, account)

    def _forget(self) -> None:
        keep = set(self._named) | self._waiting.keys() | set(self._queue)
        keep.update(heapq.nlargest(self._known, self._wallets, key=self._rank))
        # What was just seen has not been counted yet: it is the last one in.
        keep.add(next(reversed(self._wallets)))
        self._wallets = {name: wallet for name, wallet in self._wallets.items() if name in keep}


def read_accounts(path: Path) -> tuple[str, ...]:
    """Return the accounts that a file names, one address a line; ``#`` begins a comment.

    Parameters
    ----------
    path : Path
        Text file.

    Raises
    ------
    UsageError
        If it cannot be read, or a line is no address (``0x`` and 40 hexadecimal digits).
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read: {error}") from error
    named = (line.partition("#")[0].strip() for line in lines)
    return check_accounts(account for account in named if account)


def check_accounts(accounts: Iterable[str]) -> tuple[str, ...]:
    """Return addresses in lower case, each once.

    Raises
    ------
    UsageError
        If one is no address.

    Examples
    --------
    >>> check_accounts(["0x" + "AB" * 20])[0][:6]
    '0xabab'
    """
    found = tuple(dict.fromkeys(account.lower() for account in accounts))
    for account in found:
        digits = account.removeprefix("0x")
        if len(account) != 42 or len(digits) != 40 or set(digits) - set("0123456789abcdef"):
            raise UsageError(
                f"{account!r} is no account of Hyperliquid\n"
                "hint: an address is 0x and 40 hexadecimal digits"
            )
    return found
