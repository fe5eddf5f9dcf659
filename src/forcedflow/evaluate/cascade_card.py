"""The scorecard of cascades: what was said of each push against what came of it, and simpler rules.

In:  a `Trial`, who is scored.   Out: rows of the product ``cascade``.
Pure: values in, values out; randomness is a seed; no I/O, no clock.

Parts of the rows: ``cascades``, ``large cascades`` (`LARGE_SHARE` of open interest forced or more),
``no cascade``, pushes alike that none followed, and ``any push``, pushes alike whatever followed.
The first three are chosen by what followed, so their bias and coverage say nothing of the engine's;
those of the last do. Errors are of logs, predicted over realised; forced flow has
`FLOOR_SHARE` of open interest added to both, so that nothing expected is not an infinite error.

``matched_auc`` is the share of pairs in which the cascade had the higher score than the push alike,
equals counted half: what a score tells beyond the size of the push, side, hour and volatility.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from forcedflow.errors import NoDataError
from forcedflow.evaluate.cascade_episodes import ANY, B1, CASCADE, NO_CASCADE, WINDOW, Episodes
from forcedflow.evaluate.cascade_foresight import Foresight
from forcedflow.evaluate.cascade_trial import Trial
from forcedflow.evaluate.scorecard import Gain, Row, ratio_gain, ratio_value
from forcedflow.units import F8, I8

LARGE_SHARE = 0.005
FLOOR_SHARE = 1e-4
LEAST_EPISODES = 10
"""Episodes without which no row is written."""


SCORES = ("swept", "peak", "over_critical")
"""What the engine says of how near a cascade is."""

PARTIAL = ("thinness", "loading")
"""The same of depth alone, and of the ladder alone."""

PATH_ONLY = "new_ground"
"""And of price history alone: how far the push goes beyond the last day's extreme."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Whom the rows are about."""

    symbol: str
    venue: str
    event: str
    inputs: tuple[str, ...]


def cascade_rows(trial: Trial, scope: Scope) -> Iterator[Row]:
    """Yield the rows of every model.

    Raises
    ------
    NoDataError
        If there are fewer than `LEAST_EPISODES` cascades.
    """
    episodes = trial.episodes
    matched = int((episodes.kind == CASCADE).sum())
    if matched < LEAST_EPISODES:
        raise NoDataError(f"{matched} cascades with a push alike, {LEAST_EPISODES} are needed")
    day = _market_day(trial)
    large = episodes.forced >= LARGE_SHARE * episodes.open_interest
    parts = {
        "cascades": episodes.cascade,
        "large cascades": episodes.cascade & large,
        "no cascade": np.asarray(episodes.kind == NO_CASCADE),
        "any push": np.asarray(episodes.kind == ANY),
    }
    for model, said in trial.foresight.items():
        foreseen = _Columns(said)
        for part, chosen in parts.items():
            if chosen.sum() >= LEAST_EPISODES:
                for found in _of_part(episodes, foreseen, chosen, day):
                    yield _row(found, scope, model, part)
        for found in _matched(trial, foreseen, day):
            yield _row(found, scope, model, "pairs")


@dataclass(frozen=True, slots=True)
class _Found:
    metric: str
    baseline: str
    gain: Gain
    n: int
    n_days: int


class _Columns:
    """Figures of all that was said, by name."""

    def __init__(self, said: list[Foresight]) -> None:
        self._said = said

    def __getitem__(self, name: str) -> F8:
        return np.array([getattr(one, name) for one in self._said], dtype=np.float64)


def _of_part(episodes: Episodes, foreseen: _Columns, chosen: B1, day: I8) -> Iterator[_Found]:
    shock, end = episodes.shock[chosen], episodes.end[chosen]
    forced, floor = episodes.forced[chosen], FLOOR_SHARE * episodes.open_interest[chosen]
    n, days = int(chosen.sum()), day[chosen]
    ones, n_days = np.ones(n), int(np.unique(days).size)

    def of(name: str) -> F8:
        return np.asarray(foreseen[name][chosen])

    def log_end(predicted: F8) -> F8:
        return np.asarray(np.log(predicted / end))

    def log_forced(predicted: F8) -> F8:
        return np.asarray(np.log((predicted + floor) / (forced + floor)))

    def against(metric: str, name: str, ours: F8, theirs: F8, *, rising: bool = False) -> _Found:
        gain = ratio_gain(ours, theirs, np.ones(ours.size), days, rising=rising)
        return _Found(metric, name, gain, n, n_days)

    def alone(metric: str, numerator: F8, denominator: F8) -> _Found:
        return _Found(metric, "none", ratio_value(numerator, denominator, days), n, n_days)

    ours, waves = np.abs(log_end(of("end"))), np.abs(log_end(of("end_waves")))
    plain = np.abs(log_end(shock))
    yield against("end_log_error", "no_amplification", ours, plain)
    yield against("end_log_error", "square_root", ours, np.abs(log_end(of("end_square_root"))))
    yield against("end_log_error", "waves", ours, waves)
    yield alone("end_bias", log_end(of("end")), ones)
    if (end > shock).any():
        yield alone("amplification_predicted_actual", of("end") - shock, end - shock)
    yield against(
        "forced_log_error",
        "no_amplification",
        np.abs(log_forced(of("forced"))),
        np.abs(log_forced(of("forced_unamplified"))),
    )
    yield alone("forced_bias", log_forced(of("forced")), ones)
    yield alone("forced_predicted_actual", of("forced"), forced)
    for name, real in (("end", end), ("forced", forced)):
        inside = (of(f"{name}_low") <= real) & (real <= of(f"{name}_high"))
        yield alone(f"{name}_coverage_80", inside.astype(np.float64), ones)
    first, second = of("first_zone"), of("next_zone")
    met = np.isfinite(second) & (end >= first)
    if met.sum() >= LEAST_EPISODES:
        days, n, n_days = days[met], int(met.sum()), int(np.unique(days[met]).size)
        went_on = end[met] >= second[met]
        missed = ((of("end")[met] >= second[met]) != went_on).astype(np.float64)
        nearest = of("nearest_is_ahead")[met].astype(np.bool_)
        for name, said in (
            ("nearest_zone", nearest),
            ("no_amplification", shock[met] >= second[met]),
        ):
            other = (said != went_on).astype(np.float64)
            yield against("next_zone_hit_rate", name, missed, other, rising=True)


def _matched(trial: Trial, foreseen: _Columns, day: I8) -> Iterator[_Found]:
    cascade = trial.episodes.kind == CASCADE
    ours, other = np.flatnonzero(cascade), np.flatnonzero(trial.episodes.kind == NO_CASCADE)
    ours, other = ours[np.argsort(trial.pair[ours])], other[np.argsort(trial.pair[other])]
    days = day[ours]
    n, n_days = ours.size, int(np.unique(days).size)

    def lost(name: str) -> F8:
        values = trial.episodes.new_ground if name == PATH_ONLY else foreseen[name]
        higher, lower = values[ours], values[other]
        return np.asarray((higher < lower) + 0.5 * (higher == lower))

    half, simple = np.full(n, 0.5), (PATH_ONLY, *PARTIAL)
    for name in SCORES:
        for against, theirs in (("chance", half), *((one, lost(one)) for one in simple)):
            gain = ratio_gain(lost(name), theirs, np.ones(n), days, rising=True)
            yield _Found(f"matched_auc_{name}", against, gain, n, n_days)
    for name in simple:
        gain = ratio_gain(lost(name), half, np.ones(n), days, rising=True)
        yield _Found(f"matched_auc_{name}", "chance", gain, n, n_days)


def _market_day(trial: Trial) -> I8:
    """Days of different markets are different days; a pair is drawn with its cascade."""
    days = trial.market * 1_000_000 + trial.episodes.day
    of_pair = np.zeros(int(trial.pair.max(initial=-1)) + 1, dtype=np.int64)
    matched = trial.episodes.kind == CASCADE
    of_pair[trial.pair[matched]] = days[matched]
    return np.asarray(np.where(trial.pair < 0, days, of_pair[trial.pair]))


def _row(found: _Found, scope: Scope, model: str, part: str) -> Row:
    gain = found.gain
    return Row(
        id=(
            f"cascade-{scope.venue}-{scope.symbol}-{model}-{found.metric}-{found.baseline}:"
            f"{model}, {part}"
        ),
        product="cascade",
        event=scope.event,
        symbol=scope.symbol,
        venue=scope.venue,
        side="pooled",
        horizon=f"{WINDOW}m",
        inputs=list(scope.inputs),
        model=model,
        baseline=found.baseline,
        metric=found.metric,
        n=found.n,
        n_days=found.n_days,
        value=gain.value,
        baseline_value=gain.baseline_value,
        gain=gain.gain,
        ci=[gain.low, gain.high],
        p=gain.p,
    )
