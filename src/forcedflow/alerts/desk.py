"""The desk: observations in, messages out, and nothing lost between.

In:  `Observation`s as they come, a clock. [UTC ms]   Out: rows of the outbox; deliveries.
Writes to the outbox; sends through the senders it is given, and through nothing else.

`observe` judges and writes, and waits for nobody; `deliver` sends what is due and may wait for
networks, so it belongs in a thread of its own. The two may run at the same time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

import msgspec

from forcedflow.alerts.aftermath import AFTER_MS, PATIENCE_MS, follow, tell
from forcedflow.alerts.alert import Alert
from forcedflow.alerts.judge import is_about, judge
from forcedflow.alerts.message import DeliveryError, Message, Sender
from forcedflow.alerts.observation import Observation
from forcedflow.alerts.outbox import Outbox
from forcedflow.alerts.outbox_rows import Due, Entry, FollowUp, PathSince
from forcedflow.alerts.policy import day_start_ms, decide, quiet_until
from forcedflow.alerts.rule_state import RuleState
from forcedflow.alerts.rules import DataStale, Rule, RuleBook
from forcedflow.log import get_logger

SILENT: Final = "target_disabled"
"""Kind of the notice that a target is no longer sent to."""

_log = get_logger("alerts")


class AlertDesk:
    """Rules over what is observed, and the outbox between.

    Parameters
    ----------
    rules : RuleBook
    outbox : Outbox
        What a process before left in it is taken up.
    senders : mapping of str to Sender
        By name of the target; none where nothing is to be sent, as over a lake's past.
    clock : callable
        Now, by the same clock as observations' moments: of a simulated market its own. [UTC ms]
    draw : callable, optional
        PNG of the heatmap at an alert's moment, as it was known then; asked while sending, where a
        target wants it.
    tell : callable, optional
        Given every alert that is let through, once it is written down; from whichever thread wrote
        it.
    """

    def __init__(
        self,
        rules: RuleBook,
        outbox: Outbox,
        senders: Mapping[str, Sender],
        clock: Callable[[], int],
        draw: Callable[[Alert], bytes | None] | None = None,
        tell: Callable[[Alert], None] | None = None,
    ) -> None:
        self._rules, self._outbox, self._senders = rules, outbox, dict(senders)
        self._clock, self._draw, self._tell = clock, draw, tell
        self._states = outbox.states()
        self._last: dict[str, Observation] = {}
        self._judging = threading.Lock()
        self._urgent = {rule.name: rule.urgent for rule in rules.rules}
        outbox.recover({name: sender.knows_ids for name, sender in senders.items()}, clock())

    def observe(self, seen: Observation) -> list[Alert]:
        """Judge one observation and write down what follows from it.

        Parameters
        ----------
        seen : Observation
            Not older than the one before of the same market; an older one is passed over.

        Returns
        -------
        list of Alert
            What fired, suppressed or not; written down by the time this returns.
        """
        with self._judging:
            before = self._last.get(seen.subject)
            if before is not None and seen.at_ms <= before.at_ms:
                return []
            fired = self._observe(seen)
            self._last[seen.subject] = seen
            return fired

    def _observe(self, seen: Observation) -> list[Alert]:
        fired, states = self._judge(seen, max(self._clock(), seen.at_ms), only=None)
        paths: dict[str, PathSince] = {}
        told: list[tuple[FollowUp, PathSince]] = []
        for watched in self._outbox.follow_ups(seen.subject):
            # What lies beyond the hour is no part of it.
            path = follow(watched.path, seen) if seen.at_ms <= watched.due_ms else watched.path
            if seen.at_ms >= watched.due_ms:
                told.append((watched, path))
            elif path is not watched.path:
                paths[watched.alert.id] = path
        self._write(seen, fired, states, paths, told)
        return [alert for _, alert in fired]

    def tick(self) -> int:
        """Judge what needs only the clock, then send what is due.

        Returns
        -------
        int
            Deliveries that succeeded.
        """
        with self._judging:
            self._judge_by_clock(self._clock())
        return self.deliver()

    def _judge_by_clock(self, now_ms: int) -> None:
        for seen in self._last.values():
            fired, states = self._judge(seen, now_ms, only=DataStale)
            late = [
                (watched, watched.path)
                for watched in self._outbox.follow_ups(seen.subject)
                if now_ms >= watched.due_ms + PATIENCE_MS
            ]
            if fired or late or states:
                self._write(seen, fired, states, {}, late)
        self._give_up_on_unseen(now_ms)

    def deliver(self) -> int:
        """Send what is due, and return how many deliveries succeeded.

        A target that fails is tried again later, the others are not held up by it.
        """
        if not self._senders:
            return 0  # a look at the past keeps everything it finds
        sent = 0
        troubled: set[str] = set()
        self._outbox.expire(self._clock())
        for due in self._outbox.due(self._clock()):
            sender = self._senders.get(due.target)
            if sender is None or due.target in troubled or self._is_held(due):
                continue
            message = self._with_picture(due.message) if sender.wants_picture else due.message
            if not self._outbox.begin(due, self._clock()):
                continue
            error = _attempt(sender, message)
            if error is None:
                self._outbox.succeed(due, self._clock())
                sent += 1
                continue
            troubled.add(due.target)
            self._fail(due, sender, error)
        return sent

    def _is_held(self, due: Due) -> bool:
        """Whether it waits for the end of quiet hours that began after it fired."""
        urgent = self._urgent.get(due.message.alert.rule, False)
        now_ms = self._clock()
        return quiet_until(self._rules.delivery.quiet_hours, urgent, now_ms) > now_ms

    def _fail(self, due: Due, sender: Sender, error: DeliveryError) -> None:
        is_disabled = self._outbox.fail(
            due,
            self._clock(),
            error.problem,
            self._rules.delivery.disable_after,
            is_final=error.is_final,
            may_have_arrived=error.may_have_arrived,
            knows_ids=sender.knows_ids,
        )
        _log.warning("alert not delivered", target=due.target, problem=error.problem)
        if is_disabled:
            self._tell_disabled(due.target, due.message.alert, error.problem)

    def _judge(
        self, seen: Observation, now_ms: int, only: type[DataStale] | None
    ) -> tuple[list[tuple[Rule, Alert]], dict[tuple[str, str], RuleState]]:
        fired: list[tuple[Rule, Alert]] = []
        changed: dict[tuple[str, str], RuleState] = {}
        for rule in self._rules.rules:
            if only is not None and not isinstance(rule, only):
                continue
            if not is_about(rule, seen.venue, seen.symbol):
                continue
            place = (rule.name, seen.subject)
            state = self._states.get(place, RuleState())
            alerts, after = judge(rule, state, seen, now_ms)
            fired.extend((rule, alert) for alert in alerts)
            if after != state:
                changed[place] = after
        return fired, changed

    def _write(
        self,
        seen: Observation,
        fired: list[tuple[Rule, Alert]],
        states: dict[tuple[str, str], RuleState],
        paths: dict[str, PathSince],
        told: list[tuple[FollowUp, PathSince]],
    ) -> None:
        now_ms = max(self._clock(), seen.at_ms)
        entries = self._entries(fired, now_ms)
        entries += [self._after(watched, path, now_ms) for watched, path in told if watched.targets]
        done = [watched.alert.id for watched, _ in told]
        paths = paths | {watched.alert.id: path for watched, path in told}
        self._commit(entries, states, paths, done, now_ms)
        # Only what is written is remembered: a failed write is judged again.
        self._states.update(states)

    def _entries(self, fired: list[tuple[Rule, Alert]], now_ms: int) -> list[Entry]:
        delivery = self._rules.delivery
        entries: list[Entry] = []
        let_through: dict[tuple[str, str], int] = {}
        for rule, alert in fired:
            last_ms = self._outbox.last_fired(alert)
            keys = [(rule.name, key) for key in (alert.key, *alert.near_keys)]
            together = [let_through[key] for key in keys if key in let_through]
            sent = self._outbox.count_since(day_start_ms(delivery, alert.at_ms))
            decision = decide(
                rule,
                delivery,
                alert.at_ms,
                now_ms,
                max([*together, *([last_ms] if last_ms is not None else [])], default=None),
                sent + sum(entry.suppressed is None for entry in entries),
            )
            is_sent = decision.suppressed is None
            if is_sent:
                let_through[rule.name, alert.key] = alert.at_ms
            entries.append(
                Entry(
                    alert if decision.note is None else _noted(alert, decision.note),
                    rule.targets if is_sent else (),
                    decision.not_before_ms,
                    decision.suppressed,
                    alert.at_ms + AFTER_MS if is_sent and delivery.follow_up else None,
                )
            )
        return entries

    def _with_picture(self, message: Message) -> Message:
        # That a target is silent is about no market, however its notice is filled in.
        if self._draw is None or message.alert.kind == SILENT:
            return message
        try:
            return replace(message, picture=self._draw(message.alert))
        except Exception as error:  # noqa: BLE001 - a picture's fault must not cost the alert
            _log.error("picture of an alert failed", market=message.alert.subject, exc_info=error)
            return message

    def _after(self, watched: FollowUp, path: PathSince, now_ms: int) -> Entry:
        quiet = self._rules.delivery.quiet_hours
        urgent = self._urgent.get(watched.alert.rule, False)
        return Entry(
            tell(watched.alert, path, watched.due_ms),
            watched.targets,
            quiet_until(quiet, urgent, now_ms),
        )

    def _give_up_on_unseen(self, now_ms: int) -> None:
        """Close what a process before was watching, of markets that nobody observes any more."""
        for watched in self._outbox.follow_ups():
            if watched.alert.subject in self._last or now_ms < watched.due_ms + PATIENCE_MS:
                continue
            entry = self._after(watched, watched.path, now_ms)
            self._commit([entry] if entry.targets else [], {}, {}, [watched.alert.id], now_ms)

    def _tell_disabled(self, target: str, alert: Alert, problem: str) -> None:
        """Say on the other targets that one is silent from now on."""
        others = tuple(name for name in self._senders if name != target)
        now_ms = self._clock()
        notice = Alert(
            id=f"disabled-{target}-{now_ms}",
            rule="delivery",
            kind=SILENT,
            key=f"disabled:{target}",
            at_ms=now_ms,
            venue=alert.venue,
            symbol=alert.symbol,
            title=f"alerts no longer reach {target}",
            mark=alert.mark,
            reasons=(
                (
                    f"{self._rules.delivery.disable_after} attempts in a row failed, the last: "
                    f"{problem}"
                ),
                f"what is meant for it waits; once mended: forcedflow alerts test {target}",
            ),
        )
        _log.error("target disabled", target=target, problem=problem)
        self._commit([Entry(notice, others, now_ms)], {}, {}, [], now_ms)

    def _commit(
        self,
        entries: list[Entry],
        states: dict[tuple[str, str], RuleState],
        paths: dict[str, PathSince],
        done: list[str],
        now_ms: int,
    ) -> None:
        for entry in self._outbox.commit(entries, states, paths, done, now_ms):
            if self._tell is None or entry.suppressed is not None:
                continue
            try:
                self._tell(entry.alert)
            except Exception as error:  # noqa: BLE001 - it is written: a listener's fault undoes nothing
                _log.error("alert not shown", market=entry.alert.subject, exc_info=error)


def _attempt(sender: Sender, message: Message) -> DeliveryError | None:
    """Return why a message was not taken; None where it was."""
    try:
        sender.send(message)
    except DeliveryError as error:
        return error
    except Exception as error:  # noqa: BLE001 - one target's fault must not hold up the others
        # Its text may quote an address, so that its kind alone is told.
        return DeliveryError(f"failed inside: {type(error).__name__}", may_have_arrived=True)
    return None


def _noted(alert: Alert, note: str) -> Alert:
    return msgspec.structs.replace(alert, note=note)
