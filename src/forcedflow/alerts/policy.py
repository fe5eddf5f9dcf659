"""Policy: whether and when what fired is sent: cooldown, the day's cap, quiet hours.

In:  an alert, its rule, the delivery's rules, what went before. [UTC ms]   Out: `Decision`.
Pure: values in, values out; no I/O, no clock, no global state.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from forcedflow.alerts.rules import Delivery, QuietHours, Rule, duration_ms


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of something that fired.

    Parameters
    ----------
    suppressed : str, optional
        Why it is only listed and not sent; None where it is sent.
    not_before_ms : int
        Earliest time of delivery. [UTC ms]
    note : str, optional
        What its text has to say of the delivery.
    """

    suppressed: str | None
    not_before_ms: int
    note: str | None = None


def decide(
    rule: Rule, delivery: Delivery, at_ms: int, now_ms: int, last_ms: int | None, sent_today: int
) -> Decision:
    """Return what becomes of something that fired.

    Parameters
    ----------
    rule : Rule
    delivery : Delivery
    at_ms, now_ms : int
        When it fired, and now. [UTC ms]
    last_ms : int, optional
        When the same was last let through. [UTC ms]
    sent_today : int
        Alerts let through since the day began in the delivery's zone.

    Returns
    -------
    Decision
    """
    if last_ms is not None and at_ms - last_ms < duration_ms(rule.cooldown):
        return Decision(f"cooldown of {rule.cooldown}", at_ms)
    if sent_today >= delivery.daily_cap:
        return Decision(f"daily cap of {delivery.daily_cap}", at_ms)
    note = None
    if sent_today + 1 == delivery.daily_cap:
        note = (
            f"This is the last of {delivery.daily_cap} alerts for today; what fires from now on "
            "is listed by: forcedflow alerts outbox"
        )
    return Decision(None, quiet_until(delivery.quiet_hours, rule.urgent, now_ms), note)


def quiet_until(quiet: QuietHours | None, urgent: bool, at_ms: int) -> int:
    """Return when something may be sent: now, or at the end of the quiet hours. [UTC ms]

    Around a change of clocks the times of day are those of the wall.
    """
    if quiet is None or urgent:
        return at_ms
    zone = Delivery(quiet_hours=quiet).zone
    wall = datetime.fromtimestamp(at_ms / 1000, zone)
    start, end = time.fromisoformat(quiet.from_), time.fromisoformat(quiet.to)
    is_overnight = start > end
    now = wall.time()
    is_quiet = now >= start or now < end if is_overnight else start <= now < end
    if not is_quiet:
        return at_ms
    day = wall.date() + timedelta(days=1 if is_overnight and now >= start else 0)
    return round(datetime.combine(day, end, zone).timestamp() * 1000)


def day_start_ms(delivery: Delivery, at_ms: int) -> int:
    """Return when the day of a moment began in the delivery's zone. [UTC ms]"""
    wall = datetime.fromtimestamp(at_ms / 1000, delivery.zone)
    midnight = datetime.combine(wall.date(), time(), delivery.zone)
    return round(midnight.astimezone(UTC).timestamp() * 1000)
