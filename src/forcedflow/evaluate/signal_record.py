"""What signals were worth, in the words that stand beside a reading.

In:  rows of the product ``signals``; or a `SignalRecord`.   Out: a `SignalRecord`; words.
Pure: values in, values out; no I/O, no clock.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from forcedflow.evaluate.scorecard import Row
from forcedflow.evaluate.signal_card import Scope
from forcedflow.store.signal_record import RecordedFigure, SignalRecord

SIGNIFICANT = 0.05
"""Adjusted p from which on a difference is no more than chance makes."""

_QUOTED = (("cascade_rate", "24h"), ("abs_move", "24h"))
"""Figure quoted beside a reading, the first that was stated."""


def record_of(
    rows: Sequence[Row],
    scope: Scope,
    from_ms: int,
    to_ms: int,
    fired: Mapping[str, int],
    data: Mapping[str, str],
    *,
    simulated: bool,
) -> SignalRecord:
    """Return one market's record out of a scorecard's adjusted rows.

    Parameters
    ----------
    rows : sequence of Row
        Of any markets.
    scope : Scope
        The market.
    from_ms, to_ms : int
        Span scored. [UTC ms]
    fired : mapping of str to int
        Firings by signal, scored or not.
    data : mapping of str to str
        Digests of what was read.
    simulated : bool
    """
    figures: dict[str, list[RecordedFigure]] = {name: [] for name in fired}
    for row in rows:
        if (row.symbol, row.venue, row.baseline) != (scope.symbol, scope.venue, "matched"):
            continue
        if row.value is None or row.baseline_value is None:
            continue
        low, high = (None if end is None or math.isnan(end) else end for end in row.ci)
        figures.setdefault(row.model, []).append(
            RecordedFigure(
                row.metric,
                row.horizon,
                row.n,
                row.n_days,
                row.value,
                row.baseline_value,
                low,
                high,
                row.p_adj,
            )
        )
    return SignalRecord(
        venue=scope.venue,
        symbol=scope.symbol,
        from_ms=from_ms,
        to_ms=to_ms,
        simulated=simulated,
        fired=dict(fired),
        figures=figures,
        data=dict(data),
    )


def record_words(record: SignalRecord) -> dict[str, str]:
    """Return what stands beside each signal's reading.

    Parameters
    ----------
    record : SignalRecord

    Returns
    -------
    dict of str to str
        By signal. Where it fired too rarely, that.
    """
    span = f"{_day(record.from_ms)} to {_day(record.to_ms)}"
    if record.simulated:
        span += ", SIMULATED"
    return {
        name: f"record {span}: {_told(times, record.figures.get(name, []))}"
        for name, times in record.fired.items()
    }


def _told(times: int, figures: Sequence[RecordedFigure]) -> str:
    by_name = {(one.metric, one.horizon): one for one in figures}
    one = next((by_name[name] for name in _QUOTED if name in by_name), None)
    if one is None:
        return f"fired {times} times, too rarely to say"
    counted = f"of {one.n} firings on {one.n_days} days"
    if one.metric == "cascade_rate":
        text = (
            f"a cascade within 24 h after {_pct(one.value)} {counted}, "
            f"{_pct(one.matched)} at moments alike"
        )
        if one.low is not None and one.high is not None:
            text += f" (difference {100 * one.low:+.0f} to {100 * one.high:+.0f} points)"
    else:
        text = (
            f"{one.value:.2f} σ moved in 24 h, the mean {counted}, {one.matched:.2f} σ at moments "
            "alike"
        )
        if one.low is not None and one.high is not None:
            text += f" (difference {one.low:+.2f} to {one.high:+.2f})"
    if one.p_adj is None or one.p_adj >= SIGNIFICANT:
        return f"{text}: not told from chance"
    return text


def _pct(share: float) -> str:
    return f"{100 * share:.0f} %"


def _day(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d")
