"""Rows of the second leg's scorecard: plans after costs, beside zero and beside random times.

In:  `LegTrial` of one or several instruments.   Out: `Row` values. [bps, 1, bars]
Pure: values in, values out; randomness is a seed; no I/O, no clock.

Every plan that was stated counts, unfilled ones as zero. Days are drawn again, of all instruments
together: what moves one coin moves the others. The matched mean of a plan is of up to twenty random
times and is drawn with its plan, so its own chance is small but not in the interval.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from forcedflow.errors import NoDataError
from forcedflow.evaluate.map_scores import interval, resampled_sums
from forcedflow.evaluate.scorecard import DRAWS, LEVEL, SEED, Row, two_sided_p
from forcedflow.evaluate.second_leg_trial import LegTrial, taken
from forcedflow.playbook.leg_outcome import SIZES_USD
from forcedflow.units import DAY_MS, F8, I8, MINUTE_MS, format_usd

EVENT = "plan stated at the first pause after an impulse hit a cluster"

LEAST = 30
"""Fewer plans, legs or impulses than these are not reported."""

_AGES_MIN = (0, 30, 60)


@dataclass(frozen=True, slots=True)
class Scope:
    """What a set of rows is about.

    Parameters
    ----------
    symbol, venue : str
    inputs : tuple of str
    part : str
        Which variant of the rule; empty for the stated one.
    """

    symbol: str
    venue: str
    inputs: tuple[str, ...]
    part: str = ""


def second_leg_rows(trials: Sequence[LegTrial], scope: Scope) -> Iterator[Row]:
    """Yield what plans came to, and what their legs and impulses were like.

    Parameters
    ----------
    trials : sequence of LegTrial
        One per instrument, at the sizes `SIZES_USD`.
    scope : Scope

    Raises
    ------
    NoDataError
        If there are fewer than `LEAST` plans.
    """
    at = np.concatenate([trial.placed_ms for trial in trials])
    if at.size < LEAST:
        raise NoDataError(
            f"{at.size} plans were stated, {LEAST} are needed\n"
            "hint: score a longer span or several symbols"
        )
    gross = np.concatenate([trial.gross_bps for trial in trials])
    cost = np.concatenate([trial.cost_bps for trial in trials])
    matched = np.concatenate([trial.matched_bps for trial in trials])
    matched_cost = np.concatenate([trial.matched_cost_bps for trial in trials])
    nothing = np.zeros(at.size)
    yield from _compared(scope, "gross_bps", "zero", gross, nothing, at, "")
    yield from _compared(scope, "gross_bps", "matched", gross, matched, at, "")
    for k, size in enumerate(SIZES_USD):
        net, beside = gross - cost[:, k], matched - matched_cost[:, k]
        part = format_usd(size)
        yield from _compared(scope, "net_bps", "zero", net, nothing, at, part)
        yield from _compared(scope, "net_bps", "matched", net, beside, at, part)
    if scope.part:
        return
    passed = taken(trials)
    yield _walked(scope, (gross - cost[:, 0])[passed], at[passed])
    filled = np.concatenate([trial.filled for trial in trials]).astype(np.float64)
    yield from _mean(scope, "filled_share", filled, at, "")
    ways = np.concatenate([trial.past.to_extreme_ms for trial in trials])
    seen = np.concatenate([trial.past.impulse_ms for trial in trials])
    for minutes in _AGES_MIN:
        behind = (ways <= minutes * MINUTE_MS).astype(np.float64)
        yield from _mean(scope, "bottomed_share", behind, seen, f"{minutes} min after")
    impulses = [ignition for trial in trials for ignition in trial.ignitions]
    begun = np.array([ignition.impulse_ms for ignition in impulses], dtype=np.int64)
    over = np.array([ignition.outcome != "impulse" for ignition in impulses])
    ignited = np.array([float(ignition.outcome == "ignited") for ignition in impulses])
    if impulses:
        yield from _mean(scope, "ignited_share", ignited[over], begun[over], "")
    own = [g.latency_ms / trial.step_ms for trial in trials for g in trial.ignitions]
    yield from _latency(scope, np.array(own), "the impulse")
    yield from _latency(scope, np.concatenate([t.latency_bars for t in trials]), "the move")


def _compared(
    scope: Scope, metric: str, baseline: str, ours: F8, theirs: F8, at_ms: I8, part: str
) -> Iterator[Row]:
    known = np.isfinite(ours) & np.isfinite(theirs)
    ours, theirs, at_ms = ours[known], theirs[known], at_ms[known]
    if ours.size < LEAST:
        return
    columns = np.stack([ours - theirs, np.ones(ours.size)], axis=1)
    drawn = resampled_sums(columns, at_ms // DAY_MS, seed=SEED, draws=DRAWS)
    with np.errstate(invalid="ignore"):
        gains = drawn[:, 0] / drawn[:, 1]
    low, high = interval(gains, LEVEL)
    yield _row(
        scope,
        metric,
        baseline,
        part,
        at_ms,
        value=float(ours.mean()),
        baseline_value=float(theirs.mean()),
        gain=float((ours - theirs).mean()),
        ci=[low, high],
        p=two_sided_p(gains),
        passed=bool(low > 0),
    )


def _mean(scope: Scope, metric: str, values: F8, at_ms: I8, part: str) -> Iterator[Row]:
    if values.size < LEAST:
        return
    columns = np.stack([values, np.ones(values.size)], axis=1)
    drawn = resampled_sums(columns, at_ms // DAY_MS, seed=SEED, draws=DRAWS)
    with np.errstate(invalid="ignore"):
        low, high = interval(drawn[:, 0] / drawn[:, 1], LEVEL)
    yield _row(scope, metric, "none", part, at_ms, value=float(values.mean()), ci=[low, high])


def _walked(scope: Scope, net_bps: F8, at_ms: I8) -> Row:
    """Plans that the record of their time would have let pass; often there is none."""
    if net_bps.size >= LEAST:
        return next(
            _compared(scope, "net_bps", "zero", net_bps, np.zeros(net_bps.size), at_ms, "let pass")
        )
    value = float(net_bps.mean()) if net_bps.size else None
    return _row(scope, "net_bps", "zero", "let pass", at_ms, value=value, ci=[None, None])


def _latency(scope: Scope, bars: F8, of: str) -> Iterator[Row]:
    if bars.size < LEAST:
        return
    middle, low, high = np.quantile(bars, [0.5, 0.1, 0.9]).tolist()
    yield Row(
        id=_id(scope, "latency_bars", "none", f"median after {of} began, 10–90 %"),
        product="second-leg",
        event="impulse known",
        symbol=scope.symbol,
        venue=scope.venue,
        side="pooled",
        horizon="4h",
        inputs=list(scope.inputs),
        model="second_leg",
        baseline="none",
        metric="latency_bars",
        n=int(bars.size),
        n_days=0,
        value=middle,
        baseline_value=None,
        gain=None,
        ci=[low, high],
        p=None,
    )


def _row(
    scope: Scope,
    metric: str,
    baseline: str,
    part: str,
    at_ms: I8,
    *,
    value: float | None,
    ci: list[float | None],
    baseline_value: float | None = None,
    gain: float | None = None,
    p: float | None = None,
    passed: bool | None = None,
) -> Row:
    return Row(
        id=_id(scope, metric, baseline, part),
        product="second-leg",
        event=EVENT,
        symbol=scope.symbol,
        venue=scope.venue,
        side="pooled",
        horizon="4h",
        inputs=list(scope.inputs),
        model="second_leg",
        baseline=baseline,
        metric=metric,
        n=int(at_ms.size),
        n_days=int(np.unique(at_ms // DAY_MS).size),
        value=value,
        baseline_value=baseline_value,
        gain=gain,
        ci=ci,
        p=p,
        pass_=passed,
    )


def _id(scope: Scope, metric: str, baseline: str, part: str) -> str:
    named = ", ".join(word for word in (part, scope.part) if word)
    suffix = f":{named}" if named else ""
    return f"second-leg-{scope.symbol}-4h-{metric}-{baseline}{suffix}"
