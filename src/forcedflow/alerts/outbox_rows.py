"""What goes into the outbox and what comes out of it.

In:  -.   Out: `Entry`, `Due`, `FollowUp`, `PathSince`, `Listed`, values.
Pure: values only; no I/O, no clock, no global state.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from forcedflow.alerts.alert import Alert
from forcedflow.alerts.message import Message


@dataclass(frozen=True, slots=True)
class Entry:
    """One alert as it goes into the outbox.

    Parameters
    ----------
    alert : Alert
    targets : tuple of str
        None of them where it is only listed.
    not_before_ms : int
        Earliest delivery. [UTC ms]
    suppressed : str, optional
        Why it is only listed.
    follow_up_ms : int, optional
        When what happened after is told; None where it is not. [UTC ms]
    """

    alert: Alert
    targets: tuple[str, ...]
    not_before_ms: int
    suppressed: str | None = None
    follow_up_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Due:
    """One delivery whose time has come.

    Parameters
    ----------
    target : str
    message : Message
    attempts : int
        Before this one.
    """

    target: str
    message: Message
    attempts: int


class PathSince(msgspec.Struct, frozen=True):
    """What the mark did since an alert.

    Parameters
    ----------
    low, high, last : float
        [quote per base]
    last_ms : int
        Newest observation. [UTC ms]
    long_usd, short_usd : float, optional
        Closed by force, as feeds told it; None where none was heard. [USD]
    """

    low: float
    high: float
    last: float
    last_ms: int
    long_usd: float | None = None
    short_usd: float | None = None


@dataclass(frozen=True, slots=True)
class FollowUp:
    """One alert whose aftermath is watched.

    Parameters
    ----------
    alert : Alert
    due_ms : int
        [UTC ms]
    path : PathSince
    targets : tuple of str
        Where the alert itself went.
    """

    alert: Alert
    due_ms: int
    path: PathSince
    targets: tuple[str, ...]


class Listed(msgspec.Struct, frozen=True):
    """One alert and what became of it, for a person.

    Parameters
    ----------
    alert : Alert
    suppressed : str, optional
    deliveries : dict of str to dict
        By target: state, attempts, not_before_ms, problem.
    """

    alert: Alert
    suppressed: str | None
    deliveries: dict[str, dict[str, str | int | None]]
