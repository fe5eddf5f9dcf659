"""The regime: which kind of market this is, since when, what would end it, and all before.

In:  `FeatureTable`.   Out: `RegimeReading`, `RegimeSpan`.
Pure: NumPy in, values out; no I/O, no clock, no global state.

A regime describes what has been measured by then; it says nothing of what follows. What followed
such moments before, beside matched ones, is the scorecard's: ``forcedflow scorecard regimes``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from forcedflow.features.table import FeatureTable
from forcedflow.playbook.regime_rules import (
    RULES,
    Regime,
    RuleStates,
    both_sides_hunted,
    crowded_longs,
    crowded_shorts,
    mechanical_move,
    reload_after_flush,
)
from forcedflow.signals import funding_bias
from forcedflow.signals.reading import Risk
from forcedflow.signals.signal import I1, ON, UNKNOWN
from forcedflow.units import SECOND_MS

Named: TypeAlias = Regime | Literal["unclassified", "unknown"]
"""A regime; none of them; or none that could be judged while one could not be."""

_UNCLASSIFIED, _UNKNOWN = len(RULES), len(RULES) + 1
_NAMES: tuple[Named, ...] = (*(rule.name for rule in RULES), "unclassified", "unknown")
_RISKS: tuple[Risk, ...] = ("none", "down", "up", "both")
_TITLES: dict[Named, str] = {
    **{rule.name: rule.title for rule in RULES},
    "unclassified": "No regime of these",
    "unknown": "Cannot be told",
}


@dataclass(frozen=True, slots=True)
class RegimeSpan:
    """One regime from its first moment to the first that is another.

    Parameters
    ----------
    start_ms : int
        First moment of the table at which it was so. [UTC ms]
    end_ms : int, optional
        First moment at which it no longer was; None while it lasts. [UTC ms]
    regime : str
    why : str
        One sentence of its first moment, from what was known then.
    """

    start_ms: int
    end_ms: int | None
    regime: Named
    why: str


@dataclass(frozen=True, slots=True)
class RegimeReading:
    """The regime at the last moment of a table.

    Parameters
    ----------
    at_ms : int
        [UTC ms]
    regime, title : str
    direction : {"down", "up", "both", "none"}
        Of the move, or of the forced closing of the crowd; ``both`` where either may be.
    since_ms : int
        First moment of the span. [UTC ms]
    evidence : tuple of str
        One sentence for each regime that holds, the named one first; where unknown, why.
    ends_when : str
        What would end it, with today's figures; empty where nothing holds.
    also : tuple of str
        Other regimes that hold.
    unjudged : tuple of (str, str)
        Regimes that could not be judged, and the tables that each needs.
    inputs : tuple of (str, float or None)
        Tables it rests on and the age of their newest row; None where there is none. [s]
    history : tuple of RegimeSpan
        Every span of the table, the last being now.
    simulated : bool
    """

    at_ms: int
    regime: Named
    title: str
    direction: Risk
    since_ms: int
    evidence: tuple[str, ...]
    ends_when: str
    also: tuple[Regime, ...]
    unjudged: tuple[tuple[Regime, str], ...]
    inputs: tuple[tuple[str, float | None], ...]
    history: tuple[RegimeSpan, ...]
    simulated: bool

    def row(self, n_spans: int = 20) -> dict[str, Any]:
        """Return the reading as plain values, with the newest spans of its history."""
        return {
            "at_ms": self.at_ms,
            "regime": self.regime,
            "title": self.title,
            "direction": self.direction,
            "since_ms": self.since_ms,
            "evidence": list(self.evidence),
            "ends_when": self.ends_when,
            "also": list(self.also),
            "unjudged": [{"regime": name, "why": why} for name, why in self.unjudged],
            "inputs": [{"table": name, "age_s": age} for name, age in self.inputs],
            "history": [
                {
                    "start_ms": span.start_ms,
                    "end_ms": span.end_ms,
                    "regime": span.regime,
                    "why": span.why,
                }
                for span in self.history[-n_spans:]
            ],
            "simulated": self.simulated,
        }


def judge_regimes(table: FeatureTable) -> dict[Regime, RuleStates]:
    """Return every rule at every moment of a table.

    Parameters
    ----------
    table : FeatureTable

    Returns
    -------
    dict
        By regime, in the order of `forcedflow.playbook.regime_rules.RULES`. A state at a moment
        rests on the moments up to it; one that began before the table is seen from its first
        moment at which it would begin anew.
    """
    moves, bias = mechanical_move(table), funding_bias.judge(table)
    return {
        "mechanical_move": moves,
        "reload_after_flush": reload_after_flush(table, moves),
        "both_sides_hunted": both_sides_hunted(table),
        "crowded_shorts": crowded_shorts(table, bias),
        "crowded_longs": crowded_longs(table, bias),
    }


def read_regime(table: FeatureTable) -> RegimeReading:
    """Return the regime at the last moment of a table, and every one before.

    Parameters
    ----------
    table : FeatureTable
        With a month of moments; with less, rules that need one are unknown.

    Returns
    -------
    RegimeReading
    """
    judged = judge_regimes(table)
    states = [judged[rule.name] for rule in RULES]
    named = _named(states)
    history = _spans(table, states, named)
    last = table.size - 1
    holding = [rule for rule, state in zip(RULES, states, strict=True) if state.verdict[-1] == ON]
    regime = _NAMES[int(named[-1])]
    unjudged = tuple(
        (rule.name, _lacking(rule.tables, table))
        for rule, state in zip(RULES, states, strict=True)
        if state.verdict[-1] == UNKNOWN
    )
    evidence = tuple(rule.why(judged[rule.name], last) for rule in holding)
    tables = dict.fromkeys(name for rule in RULES for name in rule.tables)
    ages = {name: table.input_age_ms.get(name) for name in (*tables, "perpetual klines")}
    return RegimeReading(
        at_ms=table.at_ms,
        regime=regime,
        title=_TITLES[regime],
        direction=_RISKS[int(judged[holding[0].name].direction[-1])] if holding else "none",
        since_ms=history[-1].start_ms,
        evidence=evidence or (_without(regime, unjudged),),
        ends_when=holding[0].ends(judged[holding[0].name], last) if holding else "",
        also=tuple(rule.name for rule in holding[1:]),
        unjudged=unjudged,
        inputs=tuple(
            (name, None if age is None else age / SECOND_MS) for name, age in ages.items()
        ),
        history=history,
        simulated=table.simulated,
    )


def _named(states: Sequence[RuleStates]) -> I1:
    """Which regime names each moment: the first that holds, else none, else nobody knows."""
    verdicts = np.stack([state.verdict for state in states])
    holds = (verdicts == ON).any(axis=0)
    first = (verdicts == ON).argmax(axis=0)
    untold = (verdicts == UNKNOWN).any(axis=0)
    named: I1 = np.where(holds, first, np.where(untold, _UNKNOWN, _UNCLASSIFIED)).astype(np.int8)
    return named


def _spans(table: FeatureTable, states: Sequence[RuleStates], named: I1) -> tuple[RegimeSpan, ...]:
    starts = np.flatnonzero(np.diff(named, prepend=-1)).tolist()
    ends = [*(int(table.times_ms[start]) for start in starts[1:]), None]
    spans = []
    for start, end_ms in zip(starts, ends, strict=True):
        code = int(named[start])
        if code < len(RULES):
            why = RULES[code].why(states[code], start)
        else:
            lacking = tuple(
                (rule.name, "")
                for rule, state in zip(RULES, states, strict=True)
                if state.verdict[start] == UNKNOWN
            )
            why = _without(_NAMES[code], lacking)
        spans.append(RegimeSpan(int(table.times_ms[start]), end_ms, _NAMES[code], why))
    return tuple(spans)


def _without(regime: Named, unjudged: Sequence[tuple[Regime, str]]) -> str:
    if regime == "unclassified":
        return "every rule was judged, and none holds"
    names = ", ".join(name for name, _ in unjudged)
    needs = dict.fromkeys(why for _, why in unjudged if why)
    return f"not judged: {names}" + "".join(f"; {why}" for why in needs)


def _lacking(tables: Sequence[str], table: FeatureTable) -> str:
    """Which tables are missing; where none is, there is too little of them."""
    missing = [name for name in tables if table.input_age_ms.get(name) is None]
    if missing:
        return f"needs {' and '.join(missing)}"
    return f"too little is known of {' and '.join(tables)} by then"
