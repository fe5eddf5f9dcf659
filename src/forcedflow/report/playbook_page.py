"""The playbook in words: every figure as it is written, once, for the page and for Markdown.

In:  `Playbook`.   Out: `Page`, nothing but text.
Pure: values in, text out; no I/O, no clock.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime

from forcedflow.cascade.chain import Chain
from forcedflow.cascade.montecarlo import LABEL
from forcedflow.depth.curve import Direction
from forcedflow.playbook.leg_reading import LegReading
from forcedflow.playbook.plan import Plan
from forcedflow.playbook.playbook import Playbook
from forcedflow.playbook.position import PlannedPosition
from forcedflow.report.basis import basis_lines
from forcedflow.report.forecast_words import ahead_words, head_words
from forcedflow.report.playbook_rows import (
    MOST_DOMINOES,
    Line,
    check_line,
    cluster,
    dominoes,
    health,
    leverage_cap,
    position_rows,
    records,
    signal,
)
from forcedflow.report.terminal import sigma_words
from forcedflow.units import (
    SIDES,
    format_age,
    format_pct,
    format_price,
    format_usd,
)
from forcedflow.zones import Zone

NOT_ADVICE = (
    "Educational and analytical, not advice; places no orders. Estimates of what would be closed "
    "if touched, not of where price goes."
)
MOST_CLUSTERS = 3
"""Rows a side."""

_KINDS = {
    "range_low_24h": "low of 24 h",
    "range_high_24h": "high of 24 h",
    "vwap_day": "VWAP of the day",
    "vwap_week": "VWAP of the week",
    "prior_day_low": "low of the day before",
    "prior_day_high": "high of the day before",
    "cluster": "border of the nearest cluster",
}


@dataclass(frozen=True, slots=True)
class Way:
    """One direction: its plan, its chain, its clusters."""

    direction: Direction
    title: str
    state: str
    plan: tuple[tuple[str, str], ...]
    plan_words: str
    chain: tuple[Line, ...]
    chain_words: str
    clusters: tuple[Line, ...]
    clusters_words: str


@dataclass(frozen=True, slots=True)
class Page:
    """Every word of the page.

    ``pressure`` is where the gauge's needle stands, 0–100, None where unknown.
    """

    title: str
    style: str
    simulated: bool
    as_of: str
    head: tuple[tuple[str, str], ...]
    verdict: str
    verdict_words: str
    no_trade: bool
    picture_words: str
    ways: tuple[Way, Way]
    checklist: tuple[Line, ...]
    signals: tuple[Line, ...]
    score: str
    pressure: float | None
    pressure_words: str
    crowding_words: str
    regime: str
    regime_words: tuple[str, ...]
    ahead_words: tuple[str, ...]
    leg_words: str
    rules: tuple[Line, ...]
    leverage: tuple[Line, ...]
    position_title: str
    position: tuple[Line, ...]
    position_words: str
    records: tuple[Line, ...]
    health: tuple[Line, ...]
    health_words: tuple[str, ...]
    footer: str


def write_page(playbook: Playbook) -> Page:
    """Return every word of a playbook's page.

    Parameters
    ----------
    playbook : Playbook

    Returns
    -------
    Page
    """
    situation = playbook.situation
    mapped, style = situation.mapped, playbook.style
    instrument = mapped.market.instrument
    known = situation.mapped.known_ms
    age = format_age(situation.at_ms - known)
    gauge = playbook.gauge
    return Page(
        title=f"{instrument.symbol} · {instrument.venue}",
        style=f"{style.name} · {format_age(style.horizon_ms)} ahead",
        simulated=situation.simulated,
        as_of=f"as of {_time(situation.at_ms)} UTC · map known to {_time(known)} ({age} old)",
        head=(
            ("mark", format_price(situation.mark, instrument.tick_size)),
            ("open interest a side", format_usd(mapped.open_interest_usd)),
            ("σ of 24 h", sigma_words(mapped)),
            ("loading", _score(playbook)),
            ("cascade in 24 h", head_words(situation.forecast)),
        ),
        verdict="NO TRADE by default" if playbook.no_trade else "A record speaks for a plan",
        verdict_words=playbook.reason,
        no_trade=playbook.no_trade,
        picture_words=(
            f"heatmap of {format_age(style.picture_span_ms)}: USD that would be closed if touched, "
            "brighter is more; right: standing by leverage, red and green sums from the mark · "
            f"{mapped.model_words}"
        ),
        ways=(_way(playbook, 0), _way(playbook, 1)),
        checklist=tuple(
            check_line(name, check, instrument.tick_size)
            for name, check in playbook.checklist.checks.items()
        ),
        signals=tuple(signal(reading) for reading in situation.readings),
        score=f"{playbook.loading.words}; a count of reasons, not a probability",
        pressure=None if math.isnan(gauge) else gauge,
        pressure_words=(
            "unknown: " + situation.reading("pressure").why.removeprefix("unknown: ")
            if math.isnan(gauge)
            else f"{gauge:.0f} of 100: rank of open interest's rise per σ moved, trailing 30 days"
        ),
        crowding_words=_crowding(playbook),
        regime=playbook.regime.title,
        regime_words=_regime(playbook),
        ahead_words=ahead_words(situation.forecast, situation.reason("forecast")),
        leg_words=_leg(playbook.leg, instrument.tick_size),
        rules=tuple(Line(rule.title, rule.standing, (), rule.words) for rule in playbook.rules),
        leverage=tuple(leverage_cap(cap, instrument.tick_size) for cap in playbook.caps),
        position_title=_position_title(playbook.position),
        position=position_rows(playbook.position, instrument.tick_size),
        position_words=_position_words(playbook),
        records=records(playbook),
        health=health(playbook),
        health_words=(*basis_lines(mapped), *(f"{what}: {why}" for what, why in situation.reasons)),
        footer=NOT_ADVICE,
    )


def _way(playbook: Playbook, place: int) -> Way:
    situation, plan = playbook.situation, playbook.plans[place]
    tick = situation.mapped.market.instrument.tick_size
    cascade = situation.cascade
    chain = None if cascade is None else cascade.chain(plan.direction)
    horizon = None if cascade is None else cascade.horizon_ms
    where = "below" if plan.direction == "down" else "above"
    own = [zone for zone in situation.zones if zone.side == SIDES[place]]
    return Way(
        direction=plan.direction,
        title="If it breaks down" if plan.direction == "down" else "If it breaks up",
        state="no trade" if plan.no_trade else "record",
        plan=_plan(plan, playbook, tick),
        plan_words=plan.reason,
        chain=() if chain is None else dominoes(chain, tick),
        chain_words=_chain_words(chain, horizon, situation.reason("cascade"), where),
        clusters=tuple(cluster(zone, tick) for zone in own[:MOST_CLUSTERS]),
        clusters_words="" if own else f"no cluster stands {where} the price",
    )


def _plan(plan: Plan, playbook: Playbook, tick: float | None) -> tuple[tuple[str, str], ...]:
    trigger = "–"
    if plan.trigger is not None and plan.distance_pct is not None:
        trigger = (
            f"{format_price(plan.trigger, tick)} ({format_pct(plan.distance_pct / 100)}), "
            f"{_KINDS[plan.kind]}; wait for {playbook.style.confirmation}"
        )
    void = "–"
    if plan.invalidation is not None and plan.risk_pct is not None:
        void = (
            f"{format_price(plan.invalidation, tick)}, {plan.risk_pct:.2f} % back through it "
            f"({playbook.style.invalidation_sigma:g} σ of {format_age(playbook.style.horizon_ms)})"
        )
    target = "–"
    if plan.target is not None and plan.target_price is not None:
        target = (
            f"{format_price(plan.target_price, tick)}, {plan.reward_pct or 0:.2f} % on: cluster of "
            f"{format_usd(plan.target.notional_usd)} if touched"
        )
    after = "none known" if plan.after is None else _span(plan.after, tick)
    return (
        ("trigger", trigger),
        ("invalidation", void),
        ("target", target),
        ("cluster after", after),
        ("must pay", _odds(plan, playbook.leg.size_usd)),
    )


def _odds(plan: Plan, size_usd: float) -> str:
    if plan.reward_to_risk is None or plan.chance_without_drift is None:
        return "–"
    told = (
        f"{plan.reward_to_risk:.1f} : 1 before costs; a walk without drift gets there first in "
        f"{plan.chance_without_drift:.0%}"
    )
    if plan.chance_to_pay is None or plan.cost_bps is None:
        return f"{told}; costs unknown: no depth known"
    needed = f"{plan.chance_to_pay:.0%}" if plan.chance_to_pay < 1 else "more than always"
    return f"{told}, costs of {plan.cost_bps:.1f} bps ({format_usd(size_usd)}) need {needed}"


def _span(zone: Zone, tick: float | None) -> str:
    return (
        f"{format_price(zone.low, tick)}–{format_price(zone.high, tick)}, "
        f"{format_usd(zone.notional_usd)}"
    )


def _chain_words(chain: Chain | None, horizon_ms: int | None, reason: str, where: str) -> str:
    if chain is None or horizon_ms is None:
        return f"no chain: {reason}"
    if not chain.dominoes:
        return f"no cluster stands out {where}, so none falls"
    more = len(chain.dominoes) - MOST_DOMINOES
    return (
        f"shares of scenarios over {format_age(horizon_ms)}, {LABEL}; in brackets with nothing "
        "forced" + (f"; {more} more beyond" if more > 0 else "")
    )


def _score(playbook: Playbook) -> str:
    loading = playbook.loading
    if math.isnan(loading.score):
        return "– (too little known)"
    return f"{loading.score:.0f} of 100 (↓ {loading.down:.0f}, ↑ {loading.up:.0f})"


def _crowding(playbook: Playbook) -> str:
    crowding = playbook.crowding
    if math.isnan(crowding):
        return "crowding unknown: no funding, or less than 7 days of it"
    payer = "shorts" if crowding < 0 else "longs"
    return (
        f"crowding {crowding:+.2f}: {payer} pay; 3-day funding is larger than in "
        f"{abs(crowding):.0%} of the trailing 30 days"
    )


def _regime(playbook: Playbook) -> tuple[str, ...]:
    regime = playbook.regime
    said = [f"since {_time(regime.since_ms)} UTC", *regime.evidence]
    if regime.ends_when:
        said.append(f"ends: {regime.ends_when}")
    past = [span for span in regime.history[:-1] if span.regime not in ("unclassified", "unknown")]
    if past:
        last = past[-1]
        name = last.regime.replace("_", " ")
        said.append(f"the one before: {name}, from {_time(last.start_ms)}")
    if regime.regime != "unknown":  # whose evidence says so itself
        said += [f"not judged: {name.replace('_', ' ')} ({why})" for name, why in regime.unjudged]
    return tuple(said)


def _leg(leg: LegReading, tick: float | None) -> str:
    if leg.leg is None:
        return (
            f"no impulse has hit a cluster in the last day (impulses seen: {len(leg.ignitions)}); "
            f"{leg.verdict.reason}"
        )
    since = "–" if leg.since_ignition_ms is None else format_age(leg.since_ignition_ms)
    bottomed = (
        f"too few past {leg.past_of} to say how many had bottomed by then"
        if leg.share_bottomed is None
        else f"{leg.share_bottomed:.0%} of {leg.n_past} past {leg.past_of} had seen their extreme "
        "by then"
    )
    plan = leg.plan
    told = (
        "no plan"
        if plan is None
        else f"entry {format_price(plan.entry, tick)}, "
        f"void {format_price(plan.invalidation, tick)}, "
        f"target {format_price(plan.target, tick)}, {plan.reward_to_risk:.1f} : 1 before costs"
    )
    going = "under way" if leg.is_open else "over"
    return (
        f"{leg.leg.ignition.direction}, {leg.state.replace('_', ' ')} ({going}), {since} since its "
        f"impulse; {told}; {bottomed}; {leg.verdict.reason}"
    )


def _position_title(position: PlannedPosition | None) -> str:
    if position is None:
        return "Leverage that keeps clear of the kill zone, at the mark"
    cap = position.cap
    return (
        f"Your position: {cap.side} {cap.size:g} at {format_price(cap.entry)}, "
        f"{format_usd(position.notional)}"
    )


def _position_words(playbook: Playbook) -> str:
    rule = playbook.situation.mapped.market.rule
    schedule = playbook.situation.mapped.market.schedule
    said = f"isolated, no top-ups; {rule.venue} rule, brackets: {schedule.source}"
    position = playbook.position
    if position is None:
        return f"{said}; state --entry, --size and --side for your own"
    if position.cap.leverage is None:
        return f"{position.cap.reason}; {said}"
    return f"largest that keeps clear: {position.cap.leverage:g}×; {said}"


def _time(ms: float) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")
