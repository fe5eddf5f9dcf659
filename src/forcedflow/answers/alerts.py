"""What ``alerts`` answers: the rules that are watched, what fired, and how far it has come.

In:  an outbox, the rules if they are known here.   Out: plain values for JSON.
Free of any clock; addresses and keys are no part of rules, so that none can be told.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from forcedflow.alerts import Outbox, RuleBook
from forcedflow.alerts.alert import Alert
from forcedflow.alerts.outbox_rows import Listed
from forcedflow.answers.times import iso_time
from forcedflow.store import Lake

MOST = 500
"""Alerts that one answer lists at most."""

_SHARED = ("name", "kind", "symbols", "venues", "cooldown", "urgent", "targets")


def outbox_path(lake: Lake) -> Path:
    """Return where the outbox of a lake is, whether there is one or not."""
    return lake.root / "alerts" / "outbox.sqlite"


def ask_stored(lake: Lake, limit: int, by_ms: int | None) -> dict[str, Any]:
    """Return what the outbox in a lake's folder holds, whoever sends from it; parameters as `ask`.

    Raises
    ------
    UsageError
        If the file cannot be read.
    DamagedFileError
        If it is no outbox.
    """
    path = outbox_path(lake)
    if not path.exists():
        return _answer([], None, {}, {}, is_watched=False)
    outbox = Outbox(path, read_only=True)
    try:
        return ask(outbox, None, limit, by_ms)
    finally:
        outbox.close()


def ask(
    outbox: Outbox, book: RuleBook | None, limit: int, by_ms: int | None = None
) -> dict[str, Any]:
    """Return what fired, newest first, how far it has come, and by which rules.

    Parameters
    ----------
    outbox : Outbox
    book : RuleBook or None
        Rules that this process judges by; None where another one does, or nobody.
    limit : int
        How many alerts at most.
    by_ms : int, optional
        Only what had fired by then. [UTC ms]
    """
    return _answer(
        outbox.listed(limit, by_ms),
        book,
        outbox.disabled(),
        outbox.progress(),
        is_watched=book is not None,
    )


def _answer(
    listed: Sequence[Listed],
    book: RuleBook | None,
    disabled: dict[str, int],
    progress: dict[str, int],
    *,
    is_watched: bool,
) -> dict[str, Any]:
    return {
        "simulated": any(row.alert.simulated for row in listed),
        "watched": is_watched,
        "rules": [] if book is None else [_rule(rule) for rule in book.rules],
        "targets": [] if book is None else _targets(book),
        "outbox": {
            "deliveries": progress,
            "disabled": {name: iso_time(since_ms) for name, since_ms in disabled.items()},
        },
        "alerts": [_listed(row) for row in listed],
        "assumptions": {
            "notional": "estimated, if touched; no forecast that it will be",
            "suppressed": "fired within a cooldown or over the day's cap: listed, not sent",
        },
        "freshness": {"newest": iso_time(listed[0].alert.at_ms) if listed else None},
    }


def alert_row(alert: Alert) -> dict[str, Any]:
    """Return an alert as a page shows it, evidence included.

    Parameters
    ----------
    alert : Alert
    """
    return {
        "key": alert.id,
        "rule": alert.rule,
        "kind": alert.kind,
        "at": iso_time(alert.at_ms),
        "venue": alert.venue,
        "symbol": alert.symbol,
        "simulated": alert.simulated,
        "replayed": alert.replayed,
        "title": alert.headline(),
        "text": alert.body(),
        "direction": None if alert.level is None else _way(alert.level.side),
        "price": alert.mark if alert.level is None else alert.level.price,
        "mark": alert.mark,
        "level": None if alert.level is None else msgspec.to_builtins(alert.level),
    }


def _listed(row: Listed) -> dict[str, Any]:
    return alert_row(row.alert) | {"suppressed": row.suppressed, "deliveries": row.deliveries}


def _way(side: str) -> str:
    """Return where a side's positions are closed: longs below the mark, shorts above."""
    return "down" if side == "long" else "up"


def _rule(rule: Any) -> dict[str, Any]:
    stated = msgspec.to_builtins(rule)
    shared = {name: stated[name] for name in _SHARED}
    return shared | {
        "fires_at": {
            name: value
            for name, value in stated.items()
            if name not in _SHARED and value not in (None, [])
        }
    }


def _targets(book: RuleBook) -> list[dict[str, str]]:
    """Return names and kinds alone: not even the names of variables are told over HTTP."""
    return [
        {"name": name, "kind": str(target.__struct_config__.tag)}
        for name, target in book.targets.items()
    ]
