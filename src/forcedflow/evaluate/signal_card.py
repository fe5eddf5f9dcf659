"""The scorecard of signals: what followed where one fired, beside moments alike and beside itself.

In:  feature tables of one or several markets, a span. [UTC ms]   Out: rows of the product
     ``signals``; why a row is missing; `Counted`, what they rest on.
Pure: values in, values out; randomness is a seed; no I/O, no clock.

Metrics, each over 4 and over 24 hours: ``cascade_rate``, the share of firings that an onset of
`forcedflow.forecast.events` followed; ``abs_move``, the mean size of the move in σ; ``risk_move``,
the mean move towards the side that the signal says is at risk, where it names one. Against
``matched`` moments; and the gain over those against the same of the signal's own readings a day and
a week late (``shifted_24h``, ``shifted_7d``), which know as much of the market and nothing of now.
Claims are tested against matched moments alone; the placebos have an interval and no p.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from forcedflow.evaluate.map_scores import interval
from forcedflow.evaluate.scorecard import LEVEL, Gain, Row, two_sided_p
from forcedflow.evaluate.signal_scores import (
    Contrast,
    Fired,
    Matched,
    Sample,
    contrast,
    fire,
    judge_loading,
    match,
    pool,
    sample,
    select,
    shift,
    signed,
)
from forcedflow.features.grid import steps
from forcedflow.features.rows import Bools
from forcedflow.features.table import FeatureTable
from forcedflow.forecast.events import (
    LEAST_FALL,
    MOVE_SIGMA,
    SIGNAL_RULE,
    Outcomes,
    find_onsets,
    outcomes,
)
from forcedflow.signals.registry import SIGNALS
from forcedflow.signals.signal import DOWN, UNKNOWN, UP, Judged
from forcedflow.units import DAY_MS, F8, HOUR_MS, I8

LOADING = "loading"
"""Name that the loading score is scored under."""

POOLED = "pooled"
"""Symbol of rows over several markets."""

HORIZONS_MS = (4 * HOUR_MS, 24 * HOUR_MS)

PLACEBOS_MS: Mapping[str, int] = {"shifted_24h": DAY_MS, "shifted_7d": 7 * DAY_MS}
"""How late the placebos read. [ms]"""

LEAST_FIRED, LEAST_FIRED_DAYS = 10, 5
"""Firings, and days with one, without which nothing is stated."""

LEAST_EXPECTED = 5.0
"""Firings that a cascade would follow if they were like moments alike, without which no rate is
stated. With fewer, days drawn again take chance for knowledge: at random times of
bitcoin and ether 9 to 21 % of tests of 5 % hit where less than three were expected, 4 to 12 % from
five on."""

EVENT = "onset: 4 σ of an hour within one, and a rare fall of open interest"


@dataclass(frozen=True, slots=True)
class Scope:
    """Whom a table is of."""

    symbol: str
    venue: str


@dataclass(slots=True)
class Counted:
    """What the rows rest on.

    Parameters
    ----------
    cascades : dict
        By symbol: how many, on how many days, and the share of scored moments that one followed.
    fired : dict
        By symbol and signal: firings, and what they were matched by.
    unstated : dict
        By symbol, horizon and signal: cascades expected where they are too few for a rate.
    missing : list of dict
        By symbol: why there is no row.
    """

    cascades: dict[str, dict[str, float]] = field(default_factory=dict)
    fired: dict[str, dict[str, dict[str, int]]] = field(default_factory=dict)
    unstated: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)
    missing: list[dict[str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Market:
    """One market over the scored span."""

    scope: Scope
    table: FeatureTable
    judged: Mapping[str, Judged]
    followed: tuple[Outcomes, ...]
    first: I8
    within: Bools
    scored: Bools
    calendar: I8

    @property
    def onsets(self) -> int:
        return self.first.size


@dataclass(frozen=True, slots=True)
class _Part:
    """Firings of one signal on one market, or of several pooled: one sample per horizon."""

    rate: tuple[Sample, ...]
    move: tuple[Sample, ...]
    toward: tuple[Sample, ...]

    @property
    def n(self) -> int:
        return self.rate[0].outcome.size

    @property
    def n_days(self) -> int:
        return int(np.unique(self.rate[0].day).size)


def score_signals(
    tables: Sequence[tuple[Scope, FeatureTable]], from_ms: int, to_ms: int
) -> tuple[list[Row], Counted]:
    """Return the rows of every signal and of the loading score, per market and over all.

    Parameters
    ----------
    tables : sequence of (Scope, FeatureTable)
        With the map's columns, and with the past that thresholds need before the span.
    from_ms, to_ms : int
        Moments scored, the end exclusive; outcomes are read from the tables past it where they
        hold it. [UTC ms]

    Returns
    -------
    rows : list of Row
    counted : Counted
    """
    counted = Counted()
    calendar = np.arange(from_ms // DAY_MS, (to_ms - 1) // DAY_MS + 1, dtype=np.int64)
    markets = [_read(scope, table, from_ms, to_ms, calendar) for scope, table in tables]
    rows: list[Row] = []
    for market in markets:
        counted.cascades[market.scope.symbol] = _cascades(market)
    for name in (*(signal.name for signal in SIGNALS), LOADING):
        parts: dict[str, list[_Part]] = {"ours": [], **{late: [] for late in PLACEBOS_MS}}
        for market in markets:
            own = _parts(market, name, counted)
            if own is None:
                continue
            for kind, part in own.items():
                parts[kind].append(part)
            rows += _rows(own, market.scope, name, counted)
        if len(parts["ours"]) > 1:
            pooled = {kind: _pooled(several) for kind, several in parts.items()}
            rows += _rows(pooled, Scope(POOLED, markets[0].scope.venue), name, counted)
    for symbol, by_horizon in counted.unstated.items():
        names = "; ".join(f"{within}: {', '.join(few)}" for within, few in by_horizon.items())
        why = f"no cascade_rate, fewer than {LEAST_EXPECTED:g} cascades expected: {names}"
        counted.missing.append({"symbol": symbol, "why": why})
    return rows, counted


def _read(scope: Scope, table: FeatureTable, from_ms: int, to_ms: int, calendar: I8) -> _Market:
    onsets = find_onsets(table)
    followed = tuple(outcomes(table, onsets, horizon_ms) for horizon_ms in HORIZONS_MS)
    found = {signal.name: signal.judge(table) for signal in SIGNALS}
    found[LOADING] = judge_loading(found)
    within = (table.times_ms >= from_ms) & (table.times_ms < to_ms)
    scored = within & ~np.isnan(sum(one.cascade for one in followed))
    first = onsets.first[within[onsets.first]]
    return _Market(scope, table, found, followed, first, within, scored, calendar)


def _cascades(market: _Market) -> dict[str, float]:
    """Return what happened in the span, and how much of it other thresholds would have seen."""
    days = market.table.times_ms[market.first] // DAY_MS
    told: dict[str, float] = {
        "onsets": market.onsets,
        "days": int(np.unique(days).size),
        "moments": int(market.scored.sum()),
    }
    for one in market.followed:
        rate = float(one.cascade[market.scored].mean()) if market.scored.any() else float("nan")
        told[f"followed_within_{one.horizon_ms // HOUR_MS}h"] = round(rate, 4)
    for factor in (0.75, 1.25):
        other = find_onsets(
            market.table,
            replace(SIGNAL_RULE, move=MOVE_SIGMA * factor, least_fall=LEAST_FALL * factor),
        )
        told[f"onsets_at_{factor:g}_of_thresholds"] = int(market.within[other.first].sum())
    return told


def _parts(market: _Market, name: str, counted: Counted) -> dict[str, _Part] | None:
    """Return firings of a signal and of its placebos, or None where it was never known."""
    found = market.judged[name]
    if not (found.verdict[market.scored] != UNKNOWN).any():
        counted.missing.append(
            {"symbol": market.scope.symbol, "why": f"{name} is unknown throughout: no inputs held"}
        )
        return None
    parts = {"ours": _part(market, found, name, counted)}
    for late, shift_ms in PLACEBOS_MS.items():
        parts[late] = _part(market, shift(found, steps(shift_ms)), None, counted)
    return parts


def _part(market: _Market, found: Judged, name: str | None, counted: Counted) -> _Part:
    times = market.table.times_ms
    usable = market.scored & (found.verdict != UNKNOWN)
    fired = fire(found)
    within = market.within[fired.at]
    fired = Fired(fired.at[within], fired.direction[within])
    matched: Matched = match(fired, times, market.table["sigma_day"], usable)
    if name is not None:
        left_out = int((~usable[fired.at]).sum())
        told = {"fired": int(fired.at.size), "not_scored": left_out, **matched.by_level}
        counted.fired.setdefault(market.scope.symbol, {})[name] = told
    sign = np.where(matched.fired.direction == UP, 1.0, -1.0)
    named = np.isin(matched.fired.direction, (DOWN, UP))

    def of(outcome: F8) -> Sample:
        return sample(matched, times, outcome, market.calendar)

    moves = [of(one.move) for one in market.followed]
    return _Part(
        rate=tuple(of(one.cascade) for one in market.followed),
        move=tuple(of(np.abs(one.move)) for one in market.followed),
        toward=tuple(select(signed(one, sign), named) for one in moves),
    )


def _pooled(parts: Sequence[_Part]) -> _Part:
    return _Part(
        *(
            tuple(pool([getattr(part, kind)[h] for part in parts]) for h in range(len(HORIZONS_MS)))
            for kind in ("rate", "move", "toward")
        )
    )


def _rows(parts: Mapping[str, _Part], scope: Scope, name: str, counted: Counted) -> Iterator[Row]:
    """Yield the rows of one signal on one market, or on all."""
    ours = parts["ours"]
    if ours.n < LEAST_FIRED or ours.n_days < LEAST_FIRED_DAYS:
        why = f"{name}: {ours.n} firings with moments alike on {ours.n_days} days, {LEAST_FIRED} on"
        why = f"{why} {LEAST_FIRED_DAYS} are needed"
        counted.missing.append({"symbol": scope.symbol, "why": why})
        return
    for h, horizon_ms in enumerate(HORIZONS_MS):
        # An outcome touches the day that it begins on and, over a day, the next.
        block = 1 + horizon_ms // DAY_MS
        for metric, kind in (("cascade_rate", "rate"), ("abs_move", "move")):
            one: Sample = getattr(ours, kind)[h]
            found = contrast(one, block)
            expected = found.matched * ours.n
            if kind == "rate" and expected < LEAST_EXPECTED:
                unstated = counted.unstated.setdefault(scope.symbol, {})
                unstated.setdefault(f"{horizon_ms // HOUR_MS}h", {})[name] = round(expected, 1)
                continue
            yield _row(scope, name, metric, "matched", horizon_ms, one, _against(found))
            for late in PLACEBOS_MS:
                other: Sample = getattr(parts[late], kind)[h]
                if other.outcome.size >= LEAST_FIRED:
                    gain = _beyond(found, contrast(other, block))
                    gained = f"{metric}_gain"
                    yield _row(scope, name, gained, late, horizon_ms, one, gain)
        toward = ours.toward[h]
        if toward.outcome.size >= LEAST_FIRED:
            found = contrast(toward, block)
            gain = _against(found)
            yield _row(scope, name, "risk_move", "matched", horizon_ms, toward, gain)


def _against(found: Contrast) -> Gain:
    low, high = interval(found.drawn, LEVEL)
    return Gain(found.value, found.matched, found.gain, low, high, two_sided_p(found.drawn))


def _beyond(ours: Contrast, placebo: Contrast) -> Gain:
    drawn = ours.drawn - placebo.drawn
    low, high = interval(drawn, LEVEL)
    gain = ours.gain - placebo.gain
    return Gain(ours.gain, placebo.gain, gain, low, high, None)


def _row(
    scope: Scope,
    name: str,
    metric: str,
    baseline: str,
    horizon_ms: int,
    one: Sample,
    gain: Gain,
) -> Row:
    horizon = f"{horizon_ms // HOUR_MS}h"
    inputs = next((list(s.tables) for s in SIGNALS if s.name == name), ["every signal"])
    return Row(
        id=f"signals-{scope.venue}-{scope.symbol}-{horizon}-{metric}-{baseline}:{name}",
        product="signals",
        event=EVENT if metric.startswith("cascade") else None,
        symbol=scope.symbol,
        venue=scope.venue,
        side="pooled",
        horizon=horizon,
        inputs=inputs,
        model=name,
        baseline=baseline,
        metric=metric,
        n=int(one.outcome.size),
        n_days=int(np.unique(one.day).size),
        value=gain.value,
        baseline_value=gain.baseline_value,
        gain=gain.gain,
        ci=[gain.low, gain.high],
        p=gain.p,
        pass_=bool(gain.low > 0),
    )
