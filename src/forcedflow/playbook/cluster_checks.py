"""Checks of clusters: the nearest each side, what other venues have, which comes after the first.

In:  `Situation`.   Out: `Check` values. [%, 1]
Pure: values in, values out; no I/O, no clock, no global state.
"""

from __future__ import annotations

import math

from forcedflow.cascade.chain import Chain
from forcedflow.cascade.montecarlo import LABEL, Probability
from forcedflow.depth.curve import Direction
from forcedflow.playbook.check import (
    AHEAD,
    WHERE,
    Check,
    borrowed_words,
    input_age_s,
    map_age_s,
    map_is_stale,
)
from forcedflow.playbook.lean import Lean
from forcedflow.playbook.situation import Situation
from forcedflow.signals.large_cluster import NEAR_PCT, NEAR_SIGMA
from forcedflow.units import SECOND_MS, Side, format_pct, format_price, format_usd
from forcedflow.zones import Zone
from forcedflow.zones.find import MAJOR_SHARE, REACH

LEAST_N = 30
"""A share of fewer scenarios is not told."""


def nearest_cluster(situation: Situation, side: Side) -> Check:
    """Return how far the nearest major cluster of a side is, and whether that is near.

    Parameters
    ----------
    situation : Situation
    side : {"long", "short"}
        Shorts stand above the price, longs below it.

    Returns
    -------
    Check
        Signed distance to the nearer border. [%]
    """
    age = map_age_s(situation)
    if why := map_is_stale(situation):
        return Check(math.nan, "%", "unknown", why, age)
    zone = situation.major(side)
    if zone is None:
        words = f"no cluster of {side}s {WHERE[side]} within {100 * REACH:g} %"
        return Check(math.nan, "%", "none", words + borrowed_words(situation), age)
    near = abs(zone.distance_pct) <= NEAR_PCT and not abs(zone.distance_sigma) > NEAR_SIGMA
    words = (
        f"{_cluster(situation, zone)}, {100 * zone.share_of_oi:.1f} % of a side's open interest"
        f"{'' if zone.major else f', below the {100 * MAJOR_SHARE:g} % of a major one'}; "
        f"{_away(zone)}; near is {NEAR_PCT:g} % and {NEAR_SIGMA:g} σ or less"
        f"{borrowed_words(situation)}"
    )
    return Check(zone.distance_pct, "%", "near" if near else "far", words, age)


def venue_alignment(situation: Situation) -> Check:
    """Return whether venues' ladders lie over each other, of the side that is more so."""
    reading = situation.reading("venue_alignment")
    age = input_age_s(situation, "open_interest")
    if situation.mapped.market.lent_by is not None:
        # It would agree with its lender whatever the venue's own positions are.
        words = "unknown: a borrowed ladder agrees with its lender by construction"
        return Check(math.nan, reading.unit, "unknown", words, age)
    if reading.verdict == "unknown":
        return Check(reading.value, reading.unit, "unknown", reading.why, age)
    words = f"{reading.why}; aligned from {reading.threshold:.2f} ({reading.threshold_words})"
    verdict = "aligned" if reading.verdict == "on" else "not aligned"
    return Check(reading.value, reading.unit, verdict, words, age)


def next_cluster(situation: Situation, way: Lean) -> Check:
    """Return how far it is from the first cluster in the way at risk to the one behind it.

    Parameters
    ----------
    situation : Situation
    way : Lean

    Returns
    -------
    Check
        Distance between the two triggers, or between their nearer borders where no chain was
        walked. [%]
    """
    age = map_age_s(situation)
    if why := map_is_stale(situation):
        return Check(math.nan, "%", "unknown", why, age)
    if way.direction is None:
        return Check(math.nan, "%", "unknown", f"unknown: {way.why}", age)
    if situation.cascade is None:
        return _by_zones(situation, way.direction, age)
    depth_at = min(curve.at_ms for pair in situation.cascade.depths for curve in pair)
    age = max(age, (situation.at_ms - depth_at) / SECOND_MS)
    return _by_chain(situation, situation.cascade.chain(way.direction), age)


def _by_chain(situation: Situation, chain: Chain, age: float) -> Check:
    direction = chain.stage.direction
    if not chain.dominoes:
        return Check(math.nan, "%", "no first", f"no cluster {_side(direction)}", age)
    first, *others = chain.dominoes
    tick = situation.mapped.market.instrument.tick_size
    named = f"{direction}: first {format_price(first.trigger_price, tick)}"
    if not others or first.gap_to_next_pct is None:
        words = f"{named}, {format_usd(first.notional_usd)} if touched, and no cluster behind it"
        return Check(math.nan, "%", "no next", words + borrowed_words(situation), age)
    shares = _shares(first.p_next_given_this, first.p_next_given_this_volatility_only)
    carries = first.slippage_pct >= first.gap_to_next_pct
    words = (
        f"{named}, then {format_price(others[0].trigger_price, tick)}: the first one's own "
        f"{format_usd(first.notional_usd)} move price {first.slippage_pct:.2f} % against a gap of "
        f"{first.gap_to_next_pct:.2f} %; {shares}"
        f"{borrowed_words(situation)}"
    )
    return Check(
        first.gap_to_next_pct, "%", "reaches the next" if carries else "stops short", words, age
    )


def _by_zones(situation: Situation, direction: Direction, age: float) -> Check:
    own = sorted(
        (zone for zone in situation.zones if zone.side == AHEAD[direction]),
        key=lambda zone: abs(zone.distance_pct),
    )
    if not own:
        return Check(math.nan, "%", "no first", f"no cluster {_side(direction)}", age)
    if len(own) == 1:
        words = f"{direction}: {_cluster(situation, own[0])}, and no cluster behind it"
        return Check(math.nan, "%", "no next", words, age)
    first, following = (_border(zone) for zone in own[:2])
    reason = situation.reason("cascade") or "not asked for"
    gap = 100 * abs(following / first - 1)
    tick = situation.mapped.market.instrument.tick_size
    words = (
        f"{direction}: first {format_price(first, tick)}, then {format_price(following, tick)}; "
        f"whether the first reaches the next is unknown: {reason}"
        f"{borrowed_words(situation)}"
    )
    return Check(gap, "%", "unknown", words, age)


def _shares(reached: Probability | None, alone: Probability | None) -> str:
    if reached is None or reached.n < LEAST_N:
        n = 0 if reached is None else reached.n
        return f"{n} {LABEL} scenarios reach the first, fewer than the {LEAST_N} that tell a share"
    with_nothing = "too few reach it to tell"
    if alone is not None and alone.n >= LEAST_N:
        with_nothing = f"{100 * alone.value:.0f} % of {alone.n:,}"
    return (
        f"of {reached.n:,} {LABEL} scenarios that reach the first {100 * reached.value:.0f} % go "
        f"on, with nothing forced {with_nothing}"
    )


def _cluster(situation: Situation, zone: Zone) -> str:
    tick = situation.mapped.market.instrument.tick_size
    span = f"{format_price(zone.low, tick)}–{format_price(zone.high, tick)}"
    usd = f"{format_usd(zone.notional_usd_low)}–{format_usd(zone.notional_usd_high)}"
    return f"{span} holds an estimated {format_usd(zone.notional_usd)} ({usd}) if touched"


def _away(zone: Zone) -> str:
    sigma = (
        "" if math.isnan(zone.distance_sigma) else f", {abs(zone.distance_sigma):.1f} σ of a day"
    )
    return f"{format_pct(zone.distance_pct / 100)}{sigma} away"


def _side(direction: Direction) -> str:
    return f"of {AHEAD[direction]}s {WHERE[AHEAD[direction]]}"


def _border(zone: Zone) -> float:
    return zone.high if zone.side == "long" else zone.low
