"""Judging: which rules are about a market, and what each of them says of an observation.

In:  a rule, what it remembers, an `Observation`, the moment. [UTC ms]
Out: alerts, what it remembers next.
Pure: values in, values out; no I/O, no clock, no global state.
"""

from __future__ import annotations

from typing import assert_never

from forcedflow.alerts.alert import Alert
from forcedflow.alerts.cluster_rules import judge_near, judge_swept
from forcedflow.alerts.market_rules import (
    judge_cascades,
    judge_forecasts,
    judge_ignitions,
    judge_loading,
    judge_signals,
    judge_stale,
)
from forcedflow.alerts.observation import Observation
from forcedflow.alerts.rule_state import RuleState
from forcedflow.alerts.rules import (
    CascadeRuns,
    ClusterNear,
    ClusterSwept,
    DataStale,
    ForecastOver,
    IgnitionSeen,
    LoadingOver,
    Rule,
    SignalChange,
)
from forcedflow.errors import UsageError
from forcedflow.instruments import parse_symbol


def judge(  # noqa: PLR0911 - one return per kind of rule
    rule: Rule, state: RuleState, seen: Observation, now_ms: int
) -> tuple[list[Alert], RuleState]:
    """Return what a rule says of an observation.

    Parameters
    ----------
    rule : Rule
    state : RuleState
        As it was returned for the observation before; a new one for the first.
    seen : Observation
    now_ms : int
        The moment, for rules about age. [UTC ms]

    Returns
    -------
    list of Alert
    RuleState
    """
    match rule:
        case ClusterNear():
            return judge_near(rule, state, seen)
        case ClusterSwept():
            return judge_swept(rule, state, seen)
        case SignalChange():
            return judge_signals(rule, state, seen)
        case LoadingOver():
            return judge_loading(rule, state, seen)
        case ForecastOver():
            return judge_forecasts(rule, state, seen)
        case IgnitionSeen():
            return judge_ignitions(rule, state, seen)
        case CascadeRuns():
            return judge_cascades(rule, state, seen)
        case DataStale():
            return judge_stale(rule, state, seen, now_ms)
        case _:
            assert_never(rule)


def is_about(rule: Rule, venue: str, symbol: str) -> bool:
    """Return whether a rule is about a market, however its file spells the symbol.

    Examples
    --------
    >>> from forcedflow.alerts.rules import LoadingOver
    >>> rule = LoadingOver(name="a", targets=("t",), symbols=("BTC",), above=75)
    >>> is_about(rule, "okx", "BTC/USDT:USDT"), is_about(rule, "okx", "ETH/USDT:USDT")
    (True, False)
    """
    if rule.venues and venue not in rule.venues:
        return False
    return not rule.symbols or any(_means(text, venue, symbol) for text in rule.symbols)


def _means(text: str, venue: str, symbol: str) -> bool:
    try:
        return parse_symbol(text, venue).symbol == symbol
    except UsageError:
        return False  # another venue's name
