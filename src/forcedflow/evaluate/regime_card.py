"""Rows of the scorecard of regimes: what is said to follow, beside moments alike.

In:  `Trial` of one or several markets.   Out: `Row` values; why a row is missing.
Pure: values in, values out; randomness is a seed; no I/O, no clock.

Blocks of two horizons of days are drawn again, of all markets together: what moves one coin moves
the others. ``gain`` above zero is what is said. The mean over moments alike is of up to twenty and
is drawn with its beginning, so its own chance is small but not in the interval.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from forcedflow.evaluate.map_scores import interval, resampled_sums
from forcedflow.evaluate.regime_trial import CLAIMS, Claim, Trial
from forcedflow.evaluate.scorecard import DRAWS, LEVEL, SEED, Row, two_sided_p
from forcedflow.signals.signal import DOWN, UP
from forcedflow.units import DAY_MS, F8, HOUR_MS, I8

LEAST, LEAST_BLOCKS = 20, 10
"""Fewer beginnings with moments alike, or fewer blocks of days with one, are not reported."""

MODEL = "rule"

_SIDES = {UP: "up", DOWN: "down"}


@dataclass(frozen=True, slots=True)
class Scope:
    """What a set of rows is about.

    Parameters
    ----------
    symbol, venue : str
    inputs : tuple of str
        Tables that the rules read.
    part : str
        In words, such as ``spot alone``; empty for the perpetual with all its tables.
    """

    symbol: str
    venue: str
    inputs: tuple[str, ...]
    part: str = ""


@dataclass(frozen=True, slots=True)
class Missing:
    """A row that is not there, and why."""

    symbol: str
    why: str


def regime_rows(trials: Sequence[Sequence[Trial]], scope: Scope) -> tuple[list[Row], list[Missing]]:
    """Return a row for every claim that enough beginnings bear, and why the others have none.

    Parameters
    ----------
    trials : sequence of sequence of Trial
        By market, each in the order of `CLAIMS`.
    scope : Scope

    Returns
    -------
    rows : list of Row
    missing : list of Missing
    """
    rows: list[Row] = []
    missing: list[Missing] = []
    kept: dict[tuple[str, int | None], _Pooled] = {}
    for i, claim in enumerate(CLAIMS):
        pooled = _Pooled.of([market[i] for market in trials])
        lacking = pooled.lacking()
        if lacking:
            side = f" {_SIDES[claim.direction]}" if claim.direction is not None else ""
            what = f"{claim.regime}{side}, {claim.metric}, {claim.baseline}"
            missing.append(Missing(scope.symbol, f"{what}{_tail(scope)}: {lacking}"))
            continue
        rows.append(_row_of(claim, pooled, scope))
        kept[claim.metric, claim.direction] = pooled
    rows += _faster_up(kept, scope)
    return rows, missing


@dataclass(frozen=True, slots=True)
class _Pooled:
    """Beginnings of all markets that have moments alike."""

    at_ms: I8
    ours: F8
    theirs: F8
    block_days: int

    @classmethod
    def of(cls, trials: Sequence[Trial]) -> _Pooled:
        at, ours, theirs = (
            np.concatenate([getattr(trial, name) for trial in trials])
            for name in ("at_ms", "ours", "theirs")
        )
        known = np.isfinite(ours) & np.isfinite(theirs)
        block = max(1, -(-2 * trials[0].claim.horizon_ms // DAY_MS))
        return cls(at[known], ours[known], theirs[known], block)

    @property
    def block(self) -> I8:
        """Return the block of days each beginning is in."""
        blocks: I8 = self.at_ms // (self.block_days * DAY_MS)
        return blocks

    def lacking(self) -> str:
        """Return why it bears no row; empty where it does."""
        n_blocks = np.unique(self.block).size
        if self.at_ms.size >= LEAST and n_blocks >= LEAST_BLOCKS:
            return ""
        return (
            f"{self.at_ms.size} beginnings with moments alike in {n_blocks} blocks of "
            f"{self.block_days} days; {LEAST} in {LEAST_BLOCKS} are needed"
        )


def _row_of(claim: Claim, pooled: _Pooled, scope: Scope) -> Row:
    gain = (1.0 if claim.more else -1.0) * (pooled.ours - pooled.theirs)
    columns = np.stack([gain, np.ones(gain.size)], axis=1)
    drawn = resampled_sums(columns, pooled.block, seed=SEED, draws=DRAWS)
    return _row(
        scope,
        claim,
        side="pooled" if claim.direction is None else _SIDES[claim.direction],
        baseline=claim.baseline,
        at_ms=pooled.at_ms,
        value=float(pooled.ours.mean()),
        baseline_value=float(pooled.theirs.mean()),
        drawn=_ratio(drawn),
    )


def _faster_up(kept: dict[tuple[str, int | None], _Pooled], scope: Scope) -> Iterator[Row]:
    """Whether moves up reach their extreme sooner than moves down, each less its moments alike."""
    up, down = kept.get(("hours_to_extreme", UP)), kept.get(("hours_to_extreme", DOWN))
    if up is None or down is None:
        return
    n_up, n_down = up.at_ms.size, down.at_ms.size
    is_up = np.arange(n_up + n_down) < n_up
    excess = np.concatenate([up.ours - up.theirs, down.ours - down.theirs])
    columns = np.stack(
        [np.where(is_up, excess, 0), is_up, np.where(is_up, 0, excess), ~is_up], axis=1
    ).astype(np.float64)
    drawn = resampled_sums(columns, np.concatenate([up.block, down.block]), seed=SEED, draws=DRAWS)
    claim = next(c for c in CLAIMS if c.metric == "hours_to_extreme")
    yield _row(
        scope,
        claim,
        side="up",
        baseline="down",
        at_ms=np.concatenate([up.at_ms, down.at_ms]),
        value=float(excess[is_up].mean()),
        baseline_value=float(excess[~is_up].mean()),
        drawn=_ratio(drawn[:, 2:]) - _ratio(drawn[:, :2]),
    )


def _ratio(drawn: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> F8:
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio: F8 = drawn[:, 0] / drawn[:, 1]
    return ratio


def _row(
    scope: Scope,
    claim: Claim,
    *,
    side: str,
    baseline: str,
    at_ms: I8,
    value: float,
    baseline_value: float,
    drawn: F8,
) -> Row:
    horizon = f"{claim.horizon_ms / HOUR_MS:g}h"
    low, high = interval(drawn, LEVEL)
    return Row(
        id=(
            f"regimes-{scope.symbol}-{side}-{horizon}-{claim.metric}-{baseline}"
            f":{claim.regime}{_tail(scope)}"
        ),
        product="regimes",
        event=claim.regime,
        symbol=scope.symbol,
        venue=scope.venue,
        side=side,
        horizon=horizon,
        inputs=list(scope.inputs),
        model=MODEL,
        baseline=baseline,
        metric=claim.metric,
        n=int(at_ms.size),
        n_days=int(np.unique(at_ms // DAY_MS).size),
        value=value,
        baseline_value=baseline_value,
        gain=(1.0 if claim.more else -1.0) * (value - baseline_value),
        ci=[low, high],
        p=two_sided_p(drawn),
        pass_=bool(low > 0),
    )


def _tail(scope: Scope) -> str:
    return f", {scope.part}" if scope.part else ""
