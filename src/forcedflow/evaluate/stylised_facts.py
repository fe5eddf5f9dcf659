"""Stylised facts of one market: what any simulated market must resemble.

In:  tables of open interest, liquidations and klines of one market.   Out: `Facts`, and a Markdown
     table with several markets side by side.
Free of I/O and clocks; randomness is a seed.

Intervals draw whole UTC days again. They understate the spread of figures that a handful of
crashes make, which is most of them: read a fourth moment of a hundred days as an anecdote.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias

import numpy as np
import polars as pl

from forcedflow.errors import NoDataError
from forcedflow.evaluate.map_scores import (
    LEVEL,
    Estimate,
    MapScore,
    day_counts,
    days_of,
    interval,
)
from forcedflow.evaluate.path_only import PathOnlyRecord, market_bars, score_path_only
from forcedflow.evaluate.realised import Realised, realised_liquidations
from forcedflow.positions.bars import Bars
from forcedflow.units import DAY_MS, F8, HOUR_MS, I8, MINUTE_MS

FACT_DRAWS = 1_000
_TOP_SHARE = 0.01

Statistic: TypeAlias = Callable[[F8], float]
"""From how often each observation counts to a figure."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One figure of a market.

    Parameters
    ----------
    group, label : str
        What it is about; what it is.
    estimate : Estimate
    first_ms, last_ms : int
        First and last observation. [UTC ms]
    percent : bool
        Whether people read it in percent; the estimate is a fraction all the same.
    """

    group: str
    label: str
    estimate: Estimate
    first_ms: int
    last_ms: int
    percent: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts of one market, in a fixed order.

    Parameters
    ----------
    market : str
        Name for people; says whether it is simulated.
    facts : tuple of Fact
    """

    market: str
    facts: tuple[Fact, ...]

    def get(self, label: str) -> Fact:
        """Return the fact of that label.

        Raises
        ------
        KeyError
            If there is none.
        """
        for fact in self.facts:
            if fact.label == label:
                return fact
        raise KeyError(label)


def measure_facts(
    market: str,
    open_interest: pl.DataFrame,
    liquidations: pl.DataFrame,
    klines: pl.DataFrame,
    fit_to_ms: int,
    *,
    seed: int,
    draws: int = FACT_DRAWS,
) -> Facts:
    """Return the stylised facts of one market.

    Parameters
    ----------
    market : str
        Name for people.
    open_interest : polars.DataFrame
        Rows of that table, every five minutes or finer; returns are of the mark it implies.
    liquidations : polars.DataFrame
        Rows of ``liquidation_totals`` or ``liquidations``, of one market.
    klines : polars.DataFrame
        Rows of ``klines`` that bound the path. May be empty.
    fit_to_ms : int
        The path-only null is fitted up to here and scored after it. [UTC ms]
    seed : int
        Seed of the intervals.
    draws : int
        Sets of days drawn.

    Returns
    -------
    Facts

    Raises
    ------
    NoDataError
        If there are too few observations for a figure.
    """
    bars = market_bars(open_interest, klines, HOUR_MS)
    realised = realised_liquidations(liquidations, HOUR_MS)
    record = score_path_only(open_interest, liquidations, klines, fit_to_ms, seed=seed, draws=draws)
    return Facts(
        market,
        (
            *_return_facts(bars, seed, draws),
            *_open_interest_facts(bars, seed, draws),
            *_liquidation_facts(bars, realised, seed, draws),
            *_null_facts(record),
        ),
    )


def facts_table(columns: Sequence[Facts]) -> str:
    """Return several markets side by side as a Markdown table, with intervals, n and dates.

    Parameters
    ----------
    columns : sequence of Facts
        All with the same facts in the same order.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If there is no column, or their facts differ.
    """
    labels = {tuple(fact.label for fact in facts.facts) for facts in columns}
    if len(labels) != 1:
        raise ValueError("at least one column is needed, and the same facts in each")
    lines = [
        _line("fact", [facts.market for facts in columns]),
        _line("---", ["---"] * len(columns)),
    ]
    group = ""
    for row in zip(*(facts.facts for facts in columns), strict=True):
        if row[0].group != group:
            group = row[0].group
            lines.append(_line(f"**{group}**", [_dates(fact) for fact in row]))
        unit = ", %" if row[0].percent else ""
        lines.append(_line(row[0].label + unit, [_cell(fact) for fact in row]))
    return "\n".join(lines) + "\n"


def _return_facts(bars: Bars, seed: int, draws: int) -> list[Fact]:
    group = "log returns of the mark"
    facts = []
    for step, name in ((5 * MINUTE_MS, "5 min"), (HOUR_MS, "1 h"), (DAY_MS, "1 d")):
        end, r = _returns(bars, step)
        facts += [
            _fact(group, f"{label}, {name}", statistic, end, seed, draws, percent=percent)
            for label, statistic, percent in (
                ("standard deviation", _deviation_of(r), True),
                ("excess kurtosis", _kurtosis_of(r), False),
            )
        ]
    for step, lag, label in (
        (5 * MINUTE_MS, 1, "autocorrelation of |r|, 5 min, lag 1"),
        (HOUR_MS, 1, "autocorrelation of |r|, 1 h, lag 1 h"),
        (HOUR_MS, 24, "autocorrelation of |r|, 1 h, lag 24 h"),
    ):
        end, r = _returns(bars, step)
        now, earlier = _pairs(end, lag * step)
        size = np.abs(r)
        statistic = _correlation_of(size[now], size[earlier])
        facts.append(_fact(group, label, statistic, end[now], seed, draws))
    return facts


def _open_interest_facts(bars: Bars, seed: int, draws: int) -> list[Fact]:
    hourly = bars.end_ms % HOUR_MS == 0
    end, held = bars.end_ms[hourly], bars.open_interest[hourly]
    now, earlier = _pairs(end, HOUR_MS)
    change = held[now] / held[earlier] - 1.0
    group = "relative change of open interest, 1 h"
    return [
        _fact(group, label, statistic, end[now], seed, draws, percent=True)
        for label, statistic in (
            ("standard deviation of the change", _deviation_of(change)),
            ("1 % quantile of the change", _quantile_of(change, 0.01)),
            ("99 % quantile of the change", _quantile_of(change, 0.99)),
        )
    ]


def _liquidation_facts(bars: Bars, realised: Realised, seed: int, draws: int) -> list[Fact]:
    place = np.searchsorted(bars.end_ms, realised.end_ms)
    held = place < bars.size
    held[held] = bars.end_ms[place[held]] == realised.end_ms[held]
    end, usd, at = realised.end_ms[held], realised.usd[held], place[held]
    open_usd = bars.open_interest[at] * bars.close[at]
    both = usd.sum(axis=1)
    days, which, hours = np.unique(days_of(end), return_inverse=True, return_counts=True)
    whole = hours == DAY_MS // HOUR_MS
    ratio = np.bincount(which, both)[whole] / (np.bincount(which, open_usd) / hours)[whole]
    day_end = (days[whole] + 1) * DAY_MS
    daily, hourly = "liquidations per day over mean open interest", "liquidations per hour"
    return [
        _fact(daily, "mean over days", _mean_of(ratio), day_end, seed, draws, percent=True),
        _fact(
            daily, "median over days", _quantile_of(ratio, 0.5), day_end, seed, draws, percent=True
        ),
        _fact(
            daily,
            "95 % quantile over days",
            _quantile_of(ratio, 0.95),
            day_end,
            seed,
            draws,
            percent=True,
        ),
        _fact(
            hourly, "share that is long", _share_of(usd[:, 0], both), end, seed, draws, percent=True
        ),
        _fact(
            hourly,
            "share of the top 1 % of hours",
            _top_share_of(both),
            end,
            seed,
            draws,
            percent=True,
        ),
    ]


def _null_facts(record: PathOnlyRecord) -> list[Fact]:
    group = "path-only null on hours after its fit"

    def fact(label: str, estimate: Estimate, score: MapScore) -> Fact:
        return Fact(group, label, estimate, score.first_ms, score.last_ms)

    facts = []
    for name, score in (("static", record.static), ("with trailing level", record.levelled)):
        facts.append(fact(f"D², {name}", score.d2, score))
        facts.append(fact(f"predicted / actual, {name}", score.predicted_over_actual, score))
    facts.append(fact("D² gained by the level", record.level_gain, record.levelled))
    return facts


def _fact(
    group: str,
    label: str,
    statistic: Statistic,
    end_ms: I8,
    seed: int,
    draws: int,
    *,
    percent: bool = False,
) -> Fact:
    """Figure with its interval; `statistic` takes the count of each observation."""
    if end_ms.size < 2:
        raise NoDataError(f"{label}: {end_ms.size} observations are too few")
    days, which = np.unique(days_of(end_ms), return_inverse=True)
    counts = day_counts(days.size, seed=seed, draws=draws)
    drawn = np.array([statistic(count[which]) for count in counts])
    value = statistic(np.ones(end_ms.size))
    estimate = Estimate(value, *interval(drawn, LEVEL), end_ms.size)
    return Fact(group, label, estimate, int(end_ms[0]), int(end_ms[-1]), percent)


def _returns(bars: Bars, step_ms: int) -> tuple[I8, F8]:
    """Log returns between marks exactly one step apart on the step's grid."""
    on_grid = bars.end_ms % step_ms == 0
    end, logs = bars.end_ms[on_grid], np.log(bars.close[on_grid])
    now, earlier = _pairs(end, step_ms)
    return end[now], logs[now] - logs[earlier]


def _pairs(end_ms: I8, lag_ms: int) -> tuple[I8, I8]:
    """Index rows and, for each, the row exactly one lag earlier; others are left out."""
    earlier = np.searchsorted(end_ms, end_ms - lag_ms)
    found = end_ms[earlier] == end_ms - lag_ms if end_ms.size else np.zeros(0, dtype=np.bool_)
    return np.flatnonzero(found), earlier[found]


def _mean_of(x: F8) -> Statistic:
    return lambda count: float(count @ x / count.sum())


def _deviation_of(x: F8) -> Statistic:
    return lambda count: float(np.sqrt(_even_moments(x, count)[0]))


def _kurtosis_of(x: F8) -> Statistic:
    def kurtosis(count: F8) -> float:
        second, fourth = _even_moments(x, count)
        return fourth / second**2 - 3.0

    return kurtosis


def _even_moments(x: F8, count: F8) -> tuple[float, float]:
    """Return the second and the fourth central moment."""
    total = count.sum()
    square = (x - count @ x / total) ** 2
    return float(count @ square / total), float(count @ (square * square) / total)


def _correlation_of(x: F8, y: F8) -> Statistic:
    # Sums of products are safe once the overall mean is gone, and far faster than centring anew.
    x, y = x - x.mean(), y - y.mean()
    products = np.stack([x, y, x * x, y * y, x * y])

    def correlation(count: F8) -> float:
        mx, my, xx, yy, xy = products @ count / count.sum()
        return float((xy - mx * my) / np.sqrt((xx - mx * mx) * (yy - my * my)))

    return correlation


def _quantile_of(x: F8, q: float) -> Statistic:
    return lambda count: float(np.quantile(x, q, weights=count, method="inverted_cdf"))


def _share_of(part: F8, whole: F8) -> Statistic:
    return lambda count: float(count @ part / (count @ whole))


def _top_share_of(x: F8) -> Statistic:
    order = np.argsort(-x, kind="stable")
    falling = x[order]

    def share(count: F8) -> float:
        ordered = count[order]
        hours = np.concatenate([[0.0], np.cumsum(ordered)])
        usd = np.concatenate([[0.0], np.cumsum(ordered * falling)])
        return float(np.interp(_TOP_SHARE * hours[-1], hours, usd) / usd[-1])

    return share


def _line(head: str, cells: Sequence[str]) -> str:
    # |r| would end its cell.
    return "| " + " | ".join(text.replace("|", "\\|") for text in (head, *cells)) + " |"


def _dates(fact: Fact) -> str:
    first, last = (
        datetime.fromtimestamp((ms - 1) / 1000, tz=UTC).date()
        for ms in (fact.first_ms, fact.last_ms)
    )
    return f"{first} … {last}"


def _cell(fact: Fact) -> str:
    scale = 100.0 if fact.percent else 1.0
    e = fact.estimate
    value, low, high = (f"{scale * x:.3g}" for x in (e.value, e.low, e.high))
    return f"{value} [{low}, {high}] n={e.n:,}"
