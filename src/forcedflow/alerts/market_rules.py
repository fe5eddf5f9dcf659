"""Rules about the market as a whole: signals, loading, forecasts, ignitions, cascades, old data.

In:  a rule, what it remembers, an `Observation`.   Out: alerts, what it remembers next.
Pure: values in, values out; no I/O, no clock, no global state.

What is unknown changes nothing: a score that cannot be computed neither fires nor lets go.
"""

from __future__ import annotations

import math

from forcedflow.alerts.alert import Alert, make_alert, utc
from forcedflow.alerts.observation import CascadeSeen, ForecastSeen, Observation
from forcedflow.alerts.rule_state import RuleState
from forcedflow.alerts.rules import (
    CascadeRuns,
    DataStale,
    ForecastOver,
    IgnitionSeen,
    LoadingOver,
    SignalChange,
    duration_ms,
)
from forcedflow.playbook.ignition import Ignition
from forcedflow.units import SECOND_MS, format_age, format_pct, format_price, format_usd

REARM_POINTS = 10.0
"""How far the loading score must fall below its level, where nothing else is stated. [1]"""

MARKET = "market"
"""Name under which a rule asks whether observations come at all."""


def judge_signals(
    rule: SignalChange, state: RuleState, seen: Observation
) -> tuple[list[Alert], RuleState]:
    """Return the signals whose verdict is another than the last one known."""
    fired, verdicts = [], dict(state.verdicts)
    for reading in seen.readings:
        if rule.signals and reading.signal not in rule.signals:
            continue
        verdict = reading.verdict
        if verdict == "unknown":
            continue
        before = verdicts.get(reading.signal)
        verdicts[reading.signal] = verdict
        # The first reading of all is no change.
        if before is None or before == verdict or verdict not in rule.to:
            continue
        risk = "" if reading.direction == "none" else f", risk {reading.direction}"
        reasons = [
            (
                f"{reading.title}: {before} → {verdict}{risk}; {reading.value:.4g} {reading.unit}, "
                f"threshold {reading.threshold:.4g} ({reading.threshold_words})"
            ),
            reading.why,
        ]
        if reading.record:
            reasons.append(f"record: {reading.record}")
        fired.append(
            make_alert(
                rule.name,
                rule.kind,
                seen,
                f"{reading.signal}:{verdict}",
                f"{seen.symbol}: {reading.title}: now {verdict}",
                tuple(reasons),
            )
        )
    return fired, RuleState(verdicts=verdicts, last_ms=seen.at_ms)


def judge_loading(
    rule: LoadingOver, state: RuleState, seen: Observation
) -> tuple[list[Alert], RuleState]:
    """Return the score's crossing from below, and hold until it has fallen far enough."""
    if seen.loading is None:
        return [], state
    score = float(getattr(seen.loading, rule.measure))
    if math.isnan(score):
        return [], state
    rearm = rule.above - REARM_POINTS if rule.rearm_below is None else rule.rearm_below
    latched = {key: at for key, at in state.latched.items() if score >= rearm}
    fired = []
    if score >= rule.above and rule.measure not in latched:
        latched[rule.measure] = score
        way = "" if rule.measure == "score" else f" {rule.measure}"
        fired.append(
            make_alert(
                rule.name,
                rule.kind,
                seen,
                rule.measure,
                f"{seen.symbol}: loading{way} {score:.0f} of 100",
                (
                    (
                        f"at least {rule.above:g}; told again after it was below {rearm:g}. "
                        "A count of reasons, not a probability"
                    ),
                ),
            )
        )
    return fired, RuleState(latched=latched, last_ms=seen.at_ms)


def judge_forecasts(
    rule: ForecastOver, state: RuleState, seen: Observation
) -> tuple[list[Alert], RuleState]:
    """Return the forecasts that exceed their threshold, held until well below it."""
    latched, fired = dict(state.latched), []
    for forecast in seen.forecasts:
        of_budget = forecast.alarm_week if rule.budget == "week" else forecast.alarm_day
        threshold = of_budget if rule.above is None else rule.above
        if threshold is None or not _is_asked(rule, forecast):
            continue
        key = f"{forecast.event}:{forecast.direction}:{forecast.horizon_ms}"
        if forecast.probability < rule.rearm * threshold:
            latched.pop(key, None)
        if not forecast.probability >= threshold or key in latched:
            continue
        latched[key] = forecast.probability
        budget = f"the budget of one alarm a {rule.budget}"
        source = budget if rule.above is None else "your own threshold"
        horizon = format_age(forecast.horizon_ms)
        reasons = [
            (
                f"probability {100 * forecast.probability:.2f} % that a cascade "
                f"{forecast.direction} starts within {horizon}; {source} allows "
                f"{100 * threshold:.2f} %, told again after it was below "
                f"{100 * rule.rearm * threshold:.2f} %"
            )
        ]
        if forecast.words:
            reasons.append(forecast.words)
        fired.append(
            make_alert(
                rule.name,
                rule.kind,
                seen,
                key,
                f"{seen.symbol}: cascade {forecast.direction} within {horizon}: "
                f"{100 * forecast.probability:.1f} % estimated",
                tuple(reasons),
            )
        )
    return fired, RuleState(latched=latched, last_ms=seen.at_ms)


def judge_ignitions(
    rule: IgnitionSeen, state: RuleState, seen: Observation
) -> tuple[list[Alert], RuleState]:
    """Return what became known of impulses since the observation before.

    Of the first observation only an impulse that still runs is told: what was over before anybody
    looked is no news.
    """
    fired = []
    for ignition in seen.ignitions:
        if rule.direction not in {"both", ignition.direction}:
            continue
        for stage, known_ms in _stages(ignition):
            if stage not in rule.stages or not _is_new(state, known_ms, seen.at_ms):
                continue
            if state.last_ms is None and ignition.end_ms is not None:
                continue
            fired.append(_ignition(rule, ignition, stage, known_ms, seen))
    return fired, RuleState(last_ms=seen.at_ms)


def judge_cascades(
    rule: CascadeRuns, state: RuleState, seen: Observation
) -> tuple[list[Alert], RuleState]:
    """Return cascades that began or ended; one that was never told is told while it runs."""
    fired, latched = [], dict(state.latched)
    for cascade in seen.cascades:
        if rule.direction not in {"both", cascade.direction}:
            continue
        key = f"{cascade.direction}:{cascade.started_ms}"
        is_over = cascade.ended_ms is not None
        if key not in latched:
            if is_over and (state.last_ms is None or not _is_new(state, cascade.ended_ms, None)):
                continue  # it was over before anybody looked
            if "start" in rule.on:
                fired.append(_cascade(rule, cascade, "start", seen))
        if is_over:
            if "end" in rule.on and (key in latched or _is_new(state, cascade.ended_ms, None)):
                fired.append(_cascade(rule, cascade, "end", seen))
            latched.pop(key, None)
        else:
            latched[key] = cascade.start_price
    return fired, RuleState(latched=latched, last_ms=seen.at_ms)


def judge_stale(
    rule: DataStale, state: RuleState, seen: Observation, now_ms: int
) -> tuple[list[Alert], RuleState]:
    """Return what has grown older than the rule allows; it may be judged between observations.

    Parameters
    ----------
    rule : DataStale
    state : RuleState
    seen : Observation
        The last one that came.
    now_ms : int
        The moment; ages count to it. [UTC ms]

    Returns
    -------
    list of Alert
    RuleState
    """
    limit_s = duration_ms(rule.older_than) / SECOND_MS
    since_s = (now_ms - seen.at_ms) / SECOND_MS
    told = {MARKET: 0.0, **dict(seen.ages)}
    latched, fired = dict(state.latched), []
    for name in rule.tables:
        if name not in told:
            why = f"nothing here rests on {name!r}; what does: {', '.join(sorted(told))}"
        elif (age := told[name]) is None:
            why = f"{name} has no row at all"
        elif age + since_s > limit_s:
            why = f"the newest of {name} is {format_age(1000 * (age + since_s))} old"
        else:
            latched.pop(name, None)
            continue
        if name in latched:
            continue
        latched[name] = limit_s
        fired.append(
            make_alert(
                rule.name,
                rule.kind,
                seen,
                name,
                f"{seen.symbol}: data of {seen.venue} stale",
                (f"{why}; allowed are {rule.older_than}. Everything that rests on it is as old",),
                at_ms=now_ms,
            )
        )
    return fired, RuleState(latched=latched, last_ms=seen.at_ms)


def _is_asked(rule: ForecastOver, forecast: ForecastSeen) -> bool:
    if rule.direction not in {"both", forecast.direction}:
        return False
    if rule.event not in {None, forecast.event}:
        return False
    return rule.horizon is None or duration_ms(rule.horizon) == forecast.horizon_ms


def _is_new(state: RuleState, known_ms: int | None, at_ms: int | None) -> bool:
    """Whether something became known after the observation before, and by this one."""
    if known_ms is None or (at_ms is not None and known_ms > at_ms):
        return False
    return state.last_ms is None or known_ms > state.last_ms


def _stages(ignition: Ignition) -> list[tuple[str, int]]:
    stages: list[tuple[str, int]] = [("impulse", ignition.impulse_ms)]
    if ignition.end_ms is not None and ignition.outcome in {"ignited", "failed"}:
        stages.append((ignition.outcome, ignition.end_ms))
    return stages


def _ignition(
    rule: IgnitionSeen, ignition: Ignition, stage: str, known_ms: int, seen: Observation
) -> Alert:
    words = {"impulse": "impulse", "ignited": "ignition", "failed": "impulse failed"}[stage]
    forced = {
        None: "whether contracts were closed on the way is not known",
        True: "contracts were closed on the way",
        False: "no contracts were seen to be closed on the way",
    }[ignition.forced]
    return make_alert(
        rule.name,
        rule.kind,
        seen,
        f"{ignition.direction}:{ignition.start_ms}:{stage}",
        f"{seen.symbol}: {words} {ignition.direction}",
        (
            (
                f"{format_pct(math.expm1(_sign(ignition) * ignition.impulse))} from "
                f"{format_price(ignition.start_price, seen.tick_size)}, "
                f"{ignition.size_sigma:.1f} σ of its window, seen {utc(ignition.impulse_ms)}; "
                f"{stage} known {utc(known_ms)}; {forced}"
            ),
        ),
    )


def _cascade(rule: CascadeRuns, cascade: CascadeSeen, which: str, seen: Observation) -> Alert:
    move = format_pct(seen.mark / cascade.start_price - 1)
    forced = (
        "what was closed by force is not known"
        if cascade.forced_usd is None
        else f"{format_usd(cascade.forced_usd)} closed by force, as feeds told it: a lower bound"
    )
    lasted = ""
    if cascade.ended_ms is not None:
        span_ms = cascade.ended_ms - cascade.started_ms
        lasted = f"; over after {format_age(span_ms)}"
    reasons = [
        (
            f"began {utc(cascade.started_ms)} at "
            f"{format_price(cascade.start_price, seen.tick_size)}, mark since {move}{lasted}; "
            f"{forced}"
        )
    ]
    if cascade.words:
        reasons.append(cascade.words)
    verb = "has begun" if which == "start" else "is over"
    return make_alert(
        rule.name,
        rule.kind,
        seen,
        f"{cascade.direction}:{cascade.started_ms}:{which}",
        f"{seen.symbol}: cascade {cascade.direction} {verb}",
        tuple(reasons),
    )


def _sign(ignition: Ignition) -> float:
    return -1.0 if ignition.direction == "down" else 1.0
