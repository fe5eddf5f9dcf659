"""The rows of the playbook's tables in words: one noun, one row.

In:  dominoes, clusters, checks, readings, caps, records.   Out: `Line` values, nothing but text.
Pure: values in, text out; no I/O, no clock.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from forcedflow.cascade.base_rate import BaseRate
from forcedflow.cascade.chain import Chain, Domino
from forcedflow.playbook.check import Check
from forcedflow.playbook.playbook import Playbook
from forcedflow.playbook.position import LeverageCap, PlannedPosition
from forcedflow.report.record_words import leg_record_words, regime_record_words
from forcedflow.signals.reading import Reading
from forcedflow.units import (
    HOUR_MS,
    SECOND_MS,
    format_age,
    format_pct,
    format_price,
    format_usd,
)
from forcedflow.zones import Zone

MOST_DOMINOES = 4
"""Cards a side."""

LEAST_SCENARIOS = 30
"""A share of fewer scenarios is not told, as in the checklist."""

NO_RECORD = "no record yet"

_RISKS = {"down": "↓", "up": "↑", "both": "↕", "none": ""}
_LABELS = {
    "nearest_cluster_up_pct": "Nearest cluster up",
    "nearest_cluster_down_pct": "Nearest cluster down",
    "venue_alignment": "Venue alignment",
    "oi_trend_4h": "Open interest, 4 h",
    "funding_bias": "Funding bias",
    "spot_confirmation": "Spot confirmation",
    "liquidity": "Liquidity",
    "volatility_window_6h": "Volatility window, 6 h",
    "next_cluster_after_first": "Next after the first",
    "invalidation_level": "Invalidation level",
    "max_loss": "Maximum loss",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a table: a name, a state that decides its colour, cells, and a sentence."""

    name: str
    state: str
    cells: tuple[str, ...] = ()
    words: str = ""


def dominoes(chain: Chain, tick: float | None) -> tuple[Line, ...]:
    """Return the nearest dominoes of a chain."""
    return tuple(
        _domino(number, domino, tick)
        for number, domino in enumerate(chain.dominoes[:MOST_DOMINOES], start=1)
    )


def _domino(number: int, domino: Domino, tick: float | None) -> Line:
    onward = "last one known"
    following = domino.p_next_given_this
    if following is not None and following.n < LEAST_SCENARIOS:
        onward = "on: too few hit it"
    elif following is not None:
        alone = domino.p_next_given_this_volatility_only
        beside = "" if alone is None else f" ({alone.value:.0%})"
        onward = f"then on: {following.value:.0%}{beside}"
    elif domino.gap_to_next_pct is not None:
        onward = "on: no scenario hits it"
    return Line(
        name=f"{number}",
        state=domino.side,
        cells=(
            format_price(domino.trigger_price, tick),
            format_usd(domino.notional_usd),
            f"hit {domino.p_reach.value:.0%} ({domino.p_reach_volatility_only.value:.0%})",
            onward,
            f"moves {domino.slippage_pct:.2f} %",
        ),
    )


def cluster(zone: Zone, tick: float | None) -> Line:
    """Return a cluster with its notional, its distance and its share."""
    sigma = "–" if math.isnan(zone.distance_sigma) else f"{zone.distance_sigma:+.1f} σ"
    low, high = format_usd(zone.notional_usd_low), format_usd(zone.notional_usd_high)
    return Line(
        name=f"{format_price(zone.low, tick)}–{format_price(zone.high, tick)}",
        state=zone.side,
        cells=(
            f"{format_usd(zone.notional_usd)} ({low}–{high})",
            f"{format_pct(zone.distance_pct / 100)} {sigma}",
            f"{zone.share_of_oi:.1%}" + (" major" if zone.major else ""),
        ),
    )


def check_line(name: str, check: Check, tick: float | None) -> Line:
    """Return one question of the checklist."""
    age = "–" if math.isnan(check.age_s) else format_age(check.age_s * SECOND_MS)
    value = "–"
    if math.isfinite(check.value):
        price = check.unit == "quote per base"
        value = format_price(check.value, tick) if price else f"{check.value:.3g}"
        if check.unit.startswith("%"):
            value += " %"
        elif not price and len(check.unit) <= len("bps "):
            value += f" {check.unit}"
    return Line(_LABELS.get(name, name), check.verdict, (value, age), check.evidence)


def signal(reading: Reading) -> Line:
    """Return one signal."""
    return Line(
        reading.title,
        reading.verdict,
        (_RISKS[reading.direction], reading.record or NO_RECORD),
        reading.why,
    )


def leverage_cap(cap: LeverageCap, tick: float | None) -> Line:
    """Return the largest leverage of a side."""
    beyond = f"beyond {format_price(cap.edge, tick)}" if math.isfinite(cap.edge) else "–"
    if cap.leverage is None:
        return Line(cap.side, cap.side, ("none", beyond), cap.reason)
    end = "never" if cap.liquidation is None else format_price(cap.liquidation, tick)
    kept = "σ alone, no cluster known" if cap.zone is None else "cluster and σ buffer"
    return Line(
        cap.side,
        cap.side,
        (f"{cap.leverage:g}×", beyond),
        f"liquidated at {end}, {beyond}: {kept}",
    )


def position_rows(position: PlannedPosition | None, tick: float | None) -> tuple[Line, ...]:
    """Return the user's position at each leverage."""
    if position is None:
        return ()
    return tuple(
        Line(
            f"{row.leverage:g}×",
            "clear" if row.clear else "heed",
            (
                f"margin {format_usd(row.margin)}",
                "never liquidated"
                if row.liquidation is None
                else f"liquidated at {format_price(row.liquidation, tick)}",
                "" if row.distance_pct is None else format_pct(row.distance_pct / 100),
                "clear" if row.clear else "in the kill zone",
            ),
        )
        for row in position.rows
    )


def records(playbook: Playbook) -> tuple[Line, ...]:
    """Return what is known of the past, and what is not."""
    cascade = playbook.situation.cascade
    lines = list(_pooled(playbook))
    rates = [] if cascade is None else [r for r in cascade.base_rates if r.within_ms == HOUR_MS]
    lines += [_base_rate(rate) for rate in rates]
    known = [reading for reading in playbook.situation.readings if reading.record is not None]
    lines += [
        Line(reading.title, "known", (), reading.record or "")
        for reading in known
        if reading.verdict == "on"
    ]
    if not known:
        lines.append(Line("Signals", "unknown", (), NO_RECORD))
    lines.append(
        Line(
            "Known to be null",
            "known",
            (),
            "attraction of price to clusters, acceleration after a touch and a second leg (within "
            "±50 bps) cannot be told from zero",
        )
    )
    return tuple(lines)


def _pooled(playbook: Playbook) -> tuple[Line, Line]:
    legs, regimes = playbook.situation.leg_record, playbook.situation.regime_record
    leg = regime = NO_RECORD
    if legs is not None:
        leg = leg_record_words(legs)
    if regimes is not None:
        regime = regime_record_words(regimes, playbook.regime.regime)
    return (
        Line("Second leg", "unknown" if legs is None else "known", (), leg),
        Line("Regime", "unknown" if regimes is None else "known", (), regime),
    )


def _base_rate(rate: BaseRate) -> Line:
    name = (
        f"{rate.small:.0%} {rate.direction} in {format_age(rate.within_ms)}, then {rate.large:.0%}"
    )
    interval = rate.interval()
    if rate.share is None or interval is None:
        return Line(name, "unknown", (), "none in the history held (n 0)")
    return Line(
        name,
        "known",
        (),
        f"{rate.grew} of {rate.n} within {format_age(rate.followed_ms)}: {rate.share:.0%}, "
        f"80 % {interval[0]:.0%}–{interval[1]:.0%}",
    )


def health(playbook: Playbook) -> tuple[Line, ...]:
    """Return the age of every input."""
    situation = playbook.situation
    lag = situation.at_ms - situation.features.at_ms
    return tuple(
        Line(
            name.replace("_", " "),
            "unknown" if age is None else "known",
            ("not held" if age is None else format_age(age + lag),),
        )
        for name, age in situation.features.input_age_ms.items()
    )
