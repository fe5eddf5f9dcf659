"""The aftermath: what the market did in the hour after an alert.

In:  an alert, observations after it.   Out: the path since; an alert that tells of it.
Pure: values in, values out; no I/O, no clock, no global state.

It says what happened, not whether the alert was right: one hour proves nothing either way.
"""

from __future__ import annotations

import hashlib

import msgspec

from forcedflow.alerts.alert import Alert, utc
from forcedflow.alerts.observation import Observation
from forcedflow.alerts.outbox_rows import PathSince
from forcedflow.units import HOUR_MS, MINUTE_MS, format_pct, format_price, format_usd

AFTER_MS = HOUR_MS
"""How long after an alert it is told what happened. [ms]"""

PATIENCE_MS = 15 * MINUTE_MS
"""How much longer is waited for an observation before it is said that there was none. [ms]"""


def follow(path: PathSince, seen: Observation) -> PathSince:
    """Return the path with one more observation on it."""
    if seen.at_ms <= path.last_ms:
        return path
    long_usd, short_usd = path.long_usd, path.short_usd
    if seen.liquidated_usd is not None:
        long_usd = (long_usd or 0.0) + seen.liquidated_usd[0]
        short_usd = (short_usd or 0.0) + seen.liquidated_usd[1]
    return PathSince(
        low=min(path.low, seen.low),
        high=max(path.high, seen.high),
        last=seen.mark,
        last_ms=seen.at_ms,
        long_usd=long_usd,
        short_usd=short_usd,
    )


def tell(alert: Alert, path: PathSince, due_ms: int) -> Alert:
    """Return what happened after an alert, as a message of its own.

    Parameters
    ----------
    alert : Alert
    path : PathSince
    due_ms : int
        End of the hour. [UTC ms]

    Returns
    -------
    Alert
        Its id is made of the alert's, so that it is told once.
    """
    tick = alert.tick_size
    if path.last_ms <= alert.at_ms:
        title = f"1 h later: {alert.title} – no observation came"
        reasons = ["what happened is not known here"]
    else:
        title = f"1 h later: {alert.title} – mark {format_pct(path.last / alert.mark - 1)}"
        reasons = [
            (
                f"mark {format_price(alert.mark, tick)} → {format_price(path.last, tick)}, "
                f"lowest {format_price(path.low, tick)} ({format_pct(path.low / alert.mark - 1)}), "
                f"highest {format_price(path.high, tick)} "
                f"({format_pct(path.high / alert.mark - 1)})"
            )
        ]
        if path.last_ms < due_ms:
            reasons.append(f"known to {utc(path.last_ms)} only")
        if alert.level is not None:
            is_long = alert.level.side == "long"
            is_reached = (
                path.low <= alert.level.price if is_long else path.high >= alert.level.price
            )
            reasons.append(
                f"the cluster's densest price, {format_price(alert.level.price, tick)}, was "
                f"{'reached' if is_reached else 'not reached'}"
            )
        if path.long_usd is None or path.short_usd is None:
            reasons.append("what was closed by force is not known")
        else:
            reasons.append(
                f"closed by force, as feeds told it: longs {format_usd(path.long_usd)}, shorts "
                f"{format_usd(path.short_usd)}"
            )
    named = hashlib.sha256(f"{alert.id}\x1fafter".encode()).hexdigest()[:32]
    return msgspec.structs.replace(
        alert,
        id=named,
        key=f"after:{alert.id}",
        near_keys=(),
        at_ms=due_ms,
        title=title,
        reasons=(*reasons, f"the alert was {alert.id}, {utc(alert.at_ms)}"),
        level=None,
        factors=(),
        loading=None,
        ages={},
        assumptions=(),
        note=None,
    )
