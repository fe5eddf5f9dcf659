"""What tomorrow's risk was worth: walked forward by months, pooled over coins.

In:  days of some coins, a span.   Out: `Row` values.
Free of I/O and clocks.

Days are the units that are drawn again for intervals, all coins of a day together: coins fall
together. A gain in bits is per large coin-day, so that a rival's base rate plays no part in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from forcedflow.errors import NoDataError
from forcedflow.evaluate.map_scores import day_counts, days_of, interval
from forcedflow.evaluate.scorecard import (
    DRAWS,
    LEVEL,
    SEED,
    Gain,
    Row,
    ratio_gain,
    ratio_value,
    two_sided_p,
)
from forcedflow.forecast.daily import OURS, SETS, fit_daily
from forcedflow.forecast.days import RESTART_MS, DailyCoin, lay_days
from forcedflow.forecast.scores import brier, log_loss
from forcedflow.forecast.splits import walk_forward
from forcedflow.units import DAY_MS, F8, I8, F8x2

EVENT = "daily_top_decile"
REFIT_MS = 30 * DAY_MS
RELIABLE = (0.8, 1.25)
"""Predicted over actual within which a probability is taken at its word. [1]"""

LEAST_EVENT_DAYS = 100
"""Days on which it happened to some coin, below which nothing is claimed."""

_POOLED = "pooled"


@dataclass(frozen=True, slots=True)
class DailyTrial:
    """Probabilities of every competitor on ``n`` scored coin-days, and what happened.

    Parameters
    ----------
    symbols : tuple of str
    coin : ndarray of int, shape (n,)
        Index into `symbols`.
    times_ms : ndarray of int, shape (n,)
        When the probability was told: the end of the day before. [UTC ms]
    happened : ndarray, shape (n,)
    probability : dict of str to ndarray, shape (n,)
        By competitor.
    fits : int
    """

    symbols: tuple[str, ...]
    coin: I8
    times_ms: I8
    happened: F8
    probability: dict[str, F8]
    fits: int


def daily_rows(
    coins: Sequence[DailyCoin],
    fit_to_ms: int,
    from_ms: int,
    to_ms: int,
    venue: str = "all",
    restart_ms: int = RESTART_MS,
) -> list[Row]:
    """Return the daily risk's part of the scorecard: per coin, and pooled over all of them.

    Parameters
    ----------
    coins : sequence of DailyCoin
        With a year before the span, for their trailing quantiles.
    fit_to_ms : int
        End of the first fit; refitted every thirty days. [UTC ms]
    from_ms, to_ms : int
        Ends of the days that a probability was told at, from inclusive, to exclusive. [UTC ms]
    venue : str
        Whose liquidations they are.
    restart_ms : int
        Nothing before is looked at: feeds were thinned. [UTC ms]

    Returns
    -------
    list of Row
        p-values not adjusted yet.

    Raises
    ------
    NoDataError
        If no coin-day of the span is known, or too few large days before the end of the fit.
    """
    trial = hold_daily_trial(coins, fit_to_ms, from_ms, to_ms, restart_ms)
    return list(score_trial(trial, venue))


def hold_daily_trial(
    coins: Sequence[DailyCoin],
    fit_to_ms: int,
    from_ms: int,
    to_ms: int,
    restart_ms: int = RESTART_MS,
) -> DailyTrial:
    """Return every competitor's probabilities, walked forward; as `daily_rows`."""
    days = lay_days(coins, restart_ms)
    parts: list[tuple[I8, I8, F8, F8x2]] = []
    folds = walk_forward(fit_to_ms, from_ms, to_ms, REFIT_MS)
    for fold in folds:
        asked = [
            rows.cut(fold.asks(rows.times_ms) & ~np.isnan(rows.columns["happened"]))
            for rows in days
        ]
        if not any(rows.size for rows in asked):
            continue
        models = [fit_daily(days, fold.fit_to_ms, groups) for groups in SETS.values()]
        for place, rows in enumerate(asked):
            said = np.stack([model.probability(rows) for model in models], axis=1)
            coin = np.full(rows.size, place, dtype=np.int64)
            parts.append((coin, rows.times_ms, rows.columns["happened"], said))
    if not parts:
        raise NoDataError(
            "no day of the scored span has a year of daily liquidations behind it\n"
            "hint: forcedflow import coinglass PATH"
        )
    coin, times, happened, said = (np.concatenate(column) for column in zip(*parts, strict=True))
    return DailyTrial(
        symbols=tuple(own.symbol for own in coins),
        coin=coin,
        times_ms=times,
        happened=happened,
        probability={name: said[:, k] for k, name in enumerate(SETS)},
        fits=len(folds),
    )


def score_trial(trial: DailyTrial, venue: str = "all") -> Iterator[Row]:
    """Yield a trial's rows."""
    yield from _score(trial, _POOLED, venue)
    for place, symbol in enumerate(trial.symbols):
        own = trial.coin == place
        if trial.happened[own].any():
            yield from _score(_cut(trial, own), symbol, venue)


def _cut(trial: DailyTrial, chosen: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> DailyTrial:
    return replace(
        trial,
        coin=trial.coin[chosen],
        times_ms=trial.times_ms[chosen],
        happened=trial.happened[chosen],
        probability={name: said[chosen] for name, said in trial.probability.items()},
    )


def _score(trial: DailyTrial, symbol: str, venue: str) -> Iterator[Row]:
    happened, day = trial.happened, days_of(trial.times_ms)
    ours = trial.probability[OURS]
    events = int(np.unique(day[happened > 0]).size)
    claimed = events >= LEAST_EVENT_DAYS
    ours_loss, ours_brier = log_loss(ours, happened), brier(ours, happened)
    for baseline in (name for name in SETS if name != OURS):
        theirs = trial.probability[baseline]
        loss = log_loss(theirs, happened)
        gains = {
            "log_loss_bits": ratio_gain(ours_loss, loss, happened, day, rising=False),
            "brier_skill": _skill(ours_brier, brier(theirs, happened), day),
            "auc": _ranked(_auc, ours, theirs, happened, day),
            "pr_auc": _ranked(_average_precision, ours, theirs, happened, day),
        }
        for metric, gain in gains.items():
            passed = bool(claimed and gain.low > 0)
            yield _row(trial, symbol, venue, metric, baseline, gain, day, passed)
    base = ratio_value(happened, np.ones(happened.size), day)
    yield _row(trial, symbol, venue, "base_rate", "none", base, day, None)
    if symbol != _POOLED:
        groups = [("", np.ones(happened.size, dtype=np.bool_))]
    else:
        quarter = trial.times_ms.astype("datetime64[ms]").astype("datetime64[M]").astype(int) // 3
        names = [f":{1970 + q // 4}-Q{q % 4 + 1}" for q in np.unique(quarter)]
        parts = [quarter == q for q in np.unique(quarter)]
        groups = [("", np.ones(happened.size, dtype=np.bool_)), *zip(names, parts, strict=True)]
    for name, said in trial.probability.items():
        for suffix, chosen in groups if name == OURS else groups[:1]:
            if not happened[chosen].any():
                continue
            gain = ratio_value(said[chosen], happened[chosen], day[chosen])
            passed = RELIABLE[0] <= gain.value <= RELIABLE[1]
            part = _cut(trial, chosen)
            row = _row(
                part, symbol, venue, "predicted_actual", "none", gain, day[chosen], passed, suffix
            )
            yield row if name == OURS else _of_rival(row, name)


def _of_rival(row: Row, name: str) -> Row:
    """Return a row about a rival's own figure."""
    changed = {field: getattr(row, field) for field in row.__struct_fields__}
    return Row(**{**changed, "model": name, "id": f"{row.id}:{name}"})


def _skill(ours: F8, theirs: F8, day: I8) -> Gain:
    return ratio_gain(ours, theirs, theirs, day, rising=True)


def _ranked(figure: Callable[[F8, F8], float], ours: F8, theirs: F8, happened: F8, day: I8) -> Gain:
    """Figure of ranking of both, and their difference over days drawn again."""
    days, which = np.unique(day, return_inverse=True)
    mine, other = _Levels.of(ours, happened), _Levels.of(theirs, happened)
    drawn = np.array(
        [
            mine.figure(figure, count[which]) - other.figure(figure, count[which])
            for count in day_counts(days.size, seed=SEED, draws=DRAWS)
        ]
    )
    low, high = interval(drawn, LEVEL)
    once = np.ones(happened.size)
    value, theirs_value = mine.figure(figure, once), other.figure(figure, once)
    return Gain(value, theirs_value, value - theirs_value, low, high, two_sided_p(drawn))


@dataclass(frozen=True, slots=True)
class _Levels:
    """Rows by what was said of them, so that days drawn again are counted, not sorted."""

    place: I8
    size: int
    happened: F8

    @staticmethod
    def of(said: F8, happened: F8) -> _Levels:
        values, place = np.unique(said, return_inverse=True)
        return _Levels(place, values.size, happened)

    def figure(self, figure: Callable[[F8, F8], float], weight: F8) -> float:
        """Return a figure of how often it did and did not happen at each level, rising."""
        did, did_not = (
            np.bincount(self.place, weight * share, self.size).astype(np.float64)
            for share in (self.happened, 1 - self.happened)
        )
        return figure(did, did_not) if did.sum() > 0 and did_not.sum() > 0 else float("nan")


def _auc(did: F8, did_not: F8) -> float:
    """Chance that what happened was said to be likelier than what did not; equals count half."""
    below = np.cumsum(did_not) - 0.5 * did_not
    return float(did @ below / (did.sum() * did_not.sum()))


def _average_precision(did: F8, did_not: F8) -> float:
    """Area under precision by recall, from the most likely down."""
    hit, told = np.cumsum(did[::-1]), np.cumsum((did + did_not)[::-1])
    precision = np.where(told > 0, hit / np.maximum(told, 1e-300), 0.0)
    return float(did[::-1] @ precision / did.sum())


def _row(
    trial: DailyTrial,
    symbol: str,
    venue: str,
    metric: str,
    baseline: str,
    gain: Gain,
    day: I8,
    passed: bool | None,
    suffix: str = "",
) -> Row:
    return Row(
        id=f"forecast-{EVENT}-{symbol}-both-24h-{metric}-{baseline}{suffix}",
        product="forecast",
        event=EVENT,
        symbol=symbol,
        venue=venue,
        side="both",
        horizon="24h",
        inputs=[*SETS[OURS], f"coins: {', '.join(trial.symbols)}"],
        model=OURS,
        baseline=baseline,
        metric=metric,
        n=trial.happened.size,
        n_days=int(np.unique(day).size),
        value=gain.value,
        baseline_value=gain.baseline_value,
        gain=gain.gain,
        ci=[gain.low, gain.high],
        p=gain.p,
        pass_=passed,
    )
