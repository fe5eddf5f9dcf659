"""Scorecards: one row per claim, its opponent beside it, in a shape that never changes.

In:  per-day sums of losses.   Out: `Row` values, the JSON document and Markdown.
Pure: values in, values out; randomness is a seed; no I/O, no clock.

``gain`` above zero means ours is better. Intervals are of whole days drawn again, 95 %. ``p`` is
two-sided from the same draws; ``p_adj`` is Benjamini and Hochberg's over all rows of a scorecard.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from forcedflow.evaluate.map_scores import interval, resampled_sums
from forcedflow.units import F8, I8, F8x2

LEVEL = 0.95
DRAWS = 2_000
SEED = 20_260_101

_HEADINGS = (
    *("symbol", "side", "horizon", "metric", "ours", "against"),
    *("theirs", "gain", "95 %", "p adj.", "n", "days"),
)


class Row(msgspec.Struct, frozen=True):
    """One claim. Field names are the contract of every scorecard."""

    id: str
    product: str
    event: str | None
    symbol: str
    venue: str
    side: str
    horizon: str
    inputs: list[str]
    model: str
    baseline: str
    metric: str
    n: int
    n_days: int
    value: float | None
    baseline_value: float | None
    gain: float | None
    ci: list[float | None]
    p: float | None
    p_adj: float | None = None
    pass_: bool | None = msgspec.field(default=None, name="pass")


@dataclass(frozen=True, slots=True)
class Gain:
    """A figure of ours, the opponent's, and their difference over days drawn again."""

    value: float
    baseline_value: float | None
    gain: float | None
    low: float
    high: float
    p: float | None


def ratio_gain(ours: F8, theirs: F8, scale: F8, day: I8, *, rising: bool) -> Gain:
    """Return a gain that is a ratio of sums over rows, with its interval over days.

    Parameters
    ----------
    ours, theirs, scale : ndarray, shape (n,)
        Per row: our loss, the opponent's, and the denominator.
    day : ndarray of int, shape (n,)
        Day of each row.
    rising : bool
        True for scores that are one minus loss over scale (D²); False for losses per scale.

    Returns
    -------
    Gain
        ``gain`` is (theirs - ours) / scale either way.
    """
    columns = np.stack([ours, theirs, scale], axis=1)
    total = columns.sum(axis=0)
    drawn = resampled_sums(columns, day, seed=SEED, draws=DRAWS)
    with np.errstate(divide="ignore", invalid="ignore"):
        gains = (drawn[:, 1] - drawn[:, 0]) / drawn[:, 2]
    low, high = interval(gains, LEVEL)
    mine, other = total[0] / total[2], total[1] / total[2]
    return Gain(
        value=float(1 - mine if rising else mine),
        baseline_value=float(1 - other if rising else other),
        gain=float((total[1] - total[0]) / total[2]),
        low=low,
        high=high,
        p=two_sided_p(gains),
    )


def ratio_value(numerator: F8, denominator: F8, day: I8) -> Gain:
    """Return a ratio of sums that has no opponent, with its interval over days."""
    columns = np.stack([numerator, denominator], axis=1)
    total = columns.sum(axis=0)
    drawn = resampled_sums(columns, day, seed=SEED, draws=DRAWS)
    with np.errstate(divide="ignore", invalid="ignore"):
        low, high = interval(drawn[:, 0] / drawn[:, 1], LEVEL)
    return Gain(float(total[0] / total[1]), None, None, low, high, None)


def two_sided_p(gains: F8) -> float | None:
    """Return twice the smaller share of drawn gains on either side of zero, at least one draw."""
    known = gains[np.isfinite(gains)]
    if not known.size:
        return None
    smaller = min(int((known <= 0).sum()), int((known >= 0).sum()))
    return min(1.0, 2 * (smaller + 1) / (known.size + 1))


def adjust(rows: Sequence[Row]) -> list[Row]:
    """Return the rows with Benjamini–Hochberg adjusted p-values over all that have one.

    References
    ----------
    .. [1] Benjamini and Hochberg, Controlling the false discovery rate, JRSS B 57 (1995) 289.
    """
    tested = [i for i, row in enumerate(rows) if row.p is not None]
    order = sorted(tested, key=lambda i: rows[i].p or 0.0, reverse=True)
    adjusted: dict[int, float] = {}
    least = 1.0
    for place, i in enumerate(order):
        rank = len(order) - place
        least = min(least, (rows[i].p or 0.0) * len(order) / rank)
        adjusted[i] = least
    return [
        msgspec.structs.replace(row, p_adj=adjusted.get(i)) if i in adjusted else row
        for i, row in enumerate(rows)
    ]


def document(rows: Sequence[Row], data: dict[str, Any], generated_at: str) -> dict[str, Any]:
    """Return the JSON document of a scorecard; what is not a number is null."""
    return {
        "generated_at": generated_at,
        "data": data,
        "results": [
            {key: _finite(value) for key, value in msgspec.to_builtins(row).items()} for row in rows
        ],
    }


def markdown(rows: Sequence[Row], title: str, note: str) -> str:
    """Return the rows as a Markdown table under a heading."""
    lines = [
        f"## {title}",
        "",
        note,
        "",
        "| " + " | ".join(_HEADINGS) + " |",
        "| " + " | ".join("---" for _ in _HEADINGS) + " |",
    ]
    for row in rows:
        low, high = row.ci
        cells = (
            row.symbol,
            row.side,
            row.horizon,
            row.metric + (f" ({part})" if (part := part_of(row)) else ""),
            _number(row.value),
            row.baseline,
            _number(row.baseline_value),
            _number(row.gain, signed=True),
            f"[{_number(low)}, {_number(high)}]",
            _number(row.p_adj),
            f"{row.n:,}",
            str(row.n_days),
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def part_of(row: Row) -> str:
    """Return which part of the scored rows a row is about, such as ``decile 3``; empty for all."""
    return row.id.rpartition(f"-{row.metric}-{row.baseline}")[2].removeprefix(":")


def bits_of(deviance: F8x2) -> F8:
    """Return deviance per row in bits: half of it over ln 2, both sides together."""
    bits: F8 = deviance.sum(axis=1) / (2 * np.log(2))
    return bits


def _number(value: float | None, *, signed: bool = False) -> str:
    if value is None or not np.isfinite(value):
        return "–"
    return f"{value:+.3f}" if signed else f"{value:.3f}"


def _finite(value: Any) -> Any:
    if isinstance(value, list):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value
