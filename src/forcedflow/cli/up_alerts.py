"""Alerts beside ``up``: rules watched at every bar close, what fires sent by a thread of its own.

In:  a `LiveLoop`, rules, an outbox's place, a clock. [UTC ms]   Out: messages; alerts to listeners.
The loop never waits for a network, except over the past: there each bar's alerts are sent before
the next bar, so that none grows old while the past runs faster than its receivers.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from forcedflow.cli.options import warn

if TYPE_CHECKING:
    from forcedflow.alerts import AlertDesk, Outbox, RuleBook
    from forcedflow.alerts.alert import Alert
    from forcedflow.instruments import Instrument
    from forcedflow.live.loop import LiveLoop, Subscriber
    from forcedflow.live.market_update import MarketUpdate
    from forcedflow.live.timed_stage import TimedStage
    from forcedflow.store import Lake

# What needs only the clock is judged, and what is due sent, this often. [s]
_TICK_S = 1.0
# A delivery under way is given so long to end; a webhook answers within ten seconds or never. [s]
_LEAVE_WITHIN_S = 15.0


@dataclass(frozen=True, slots=True)
class AlertWatch:
    """Rules that are watched.

    Parameters
    ----------
    book : RuleBook
    outbox : Outbox
    listeners : list of callable
        Given every alert that is let through, from whichever thread wrote it down.
    """

    book: RuleBook
    outbox: Outbox
    listeners: list[Callable[[Alert], None]]


def with_rules(stages: Sequence[TimedStage], book: RuleBook | None, lake: Lake) -> list[TimedStage]:
    """Return the stages that are run with those that rules need besides, each name once.

    Parameters
    ----------
    stages : sequence of TimedStage
        Asked for; their pace counts.
    book : RuleBook or None
    lake : Lake
    """
    if book is None:
        return list(stages)
    from forcedflow.cli.alert_observations import stages_for
    from forcedflow.units import HOUR_MS

    names = {stage.name for stage in stages}
    return [
        *stages,
        *(stage for stage in stages_for(book, lake, HOUR_MS) if stage.name not in names),
    ]


def as_shown(tell: Subscriber) -> Subscriber:
    """Return a subscriber that passes on what people are shown, and nothing twice.

    Stages that only rules need run at every bar close, and each makes the loop tell the market
    again.

    Parameters
    ----------
    tell : callable
    """
    from forcedflow.cli.alert_observations import MODEL, PRICES

    told: dict[Instrument, tuple[int, frozenset[str]]] = {}

    def show(update: MarketUpdate) -> None:
        stages = {
            name: outcome for name, outcome in update.stages.items() if name not in {MODEL, PRICES}
        }
        ran = frozenset(name for name, outcome in stages.items() if outcome.at_ms == update.at_ms)
        if told.get(update.instrument) == (update.at_ms, ran):
            return
        told[update.instrument] = (update.at_ms, ran)
        tell(replace(update, stages=stages))

    return show


@contextlib.contextmanager
def watched(
    loop: LiveLoop,
    lake: Lake,
    markets: Sequence[Instrument],
    book: RuleBook,
    place: Path | None,
    clock: Callable[[], int],
    *,
    is_replay: bool,
) -> Iterator[AlertWatch]:
    """Watch rules while markets are followed.

    Parameters
    ----------
    loop : LiveLoop
        It needs the stages of `with_rules`.
    lake : Lake
        Pictures are drawn from it.
    markets : sequence of Instrument
    book : RuleBook
    place : Path or None
        File of the outbox; in memory and gone at the end without.
    clock : callable
        Now, by the clock of what is followed. [UTC ms]
    is_replay : bool
        Whether it is the past of a lake, of which every alert then says so.

    Raises
    ------
    UsageError
        If a variable that a target needs is not set, the outbox cannot be written, or another
        process sends from it.
    """
    from forcedflow.cli.alert_observations import telling
    from forcedflow.cli.alert_runs import open_desk

    _warn_of_others(book, markets)
    listeners: list[Callable[[Alert], None]] = [_log_alert]

    def tell(alert: Alert) -> None:
        for listener in tuple(listeners):
            listener(alert)

    desk, outbox = open_desk(lake, markets, book, place, clock, tell)
    loop.subscribers.extend([telling(desk, replayed=is_replay), _warning_of_silence()])
    if is_replay:
        loop.bar_subscribers.append(_sending(desk))
    leave = threading.Event()
    courier = threading.Thread(
        target=_deliver, args=(desk, leave), name="forcedflow-alerts", daemon=True
    )
    if not is_replay:
        courier.start()
    patience_s = _LEAVE_WITHIN_S
    try:
        yield AlertWatch(book, outbox, listeners)
    except KeyboardInterrupt:
        patience_s = 0.0  # told twice to end: what is under way is taken up by the next start
        raise
    finally:
        leave.set()
        if not is_replay:
            courier.join(patience_s)
        if courier.is_alive():
            # Closing under it would lose what it is told; the outbox takes it up at the next start.
            warn("an alert is still being sent; the next start says so and sends it again")
        else:
            try:
                _say_what_waits(outbox, place)
            finally:
                outbox.close()


def _deliver(desk: AlertDesk, leave: threading.Event) -> None:
    """Send what is due until told to leave, and once more then."""
    said = ""
    is_over = False
    while not is_over:
        is_over = leave.wait(_TICK_S)
        said = _send(desk, said)


def _sending(desk: AlertDesk) -> Callable[[int], None]:
    """Return what sends, over the past, once all markets of a bar were judged."""
    said = ""

    def send(_: int) -> None:
        nonlocal said
        said = _send(desk, said)

    return send


def _send(desk: AlertDesk, said: str) -> str:
    """Send what is due; return what kept it from being sent, said once and not every second."""
    from forcedflow.log import get_logger

    try:
        desk.tick()
    except Exception as error:  # noqa: BLE001 - what is written is sent later; the markets go on
        problem = f"{type(error).__name__}: {error}"
        if problem != said:
            get_logger("alerts").error("alerts not sent", problem=problem)
        return problem
    return ""


def _log_alert(alert: Alert) -> None:
    from forcedflow.log import get_logger

    get_logger("alerts").warning("alert", market=alert.subject, title=alert.headline())


def _warn_of_others(book: RuleBook, markets: Sequence[Instrument]) -> None:
    """Say which rules are about no market that is followed: they would stay silent for good."""
    from forcedflow.alerts.judge import is_about

    for rule in book.rules:
        if not any(is_about(rule, one.venue, one.symbol) for one in markets):
            warn(f"the rule {rule.name!r} is about no market that is followed")


def _warning_of_silence() -> Subscriber:
    """Return what says once a market where rules about forecasts have none to judge."""
    from forcedflow.cli.alert_runs import warn_of_silence

    said: set[Instrument] = set()

    def say(update: MarketUpdate) -> None:
        if update.instrument not in said and warn_of_silence([update]):
            said.add(update.instrument)

    return say


def _say_what_waits(outbox: Outbox, place: Path | None) -> None:
    waiting = outbox.progress().get("queued", 0)
    if waiting and place is None:
        warn(f"{waiting} deliveries had not succeeded when the past was over; none is kept")
    elif waiting:
        warn(f"{waiting} deliveries wait in {place}; the next start sends them")
