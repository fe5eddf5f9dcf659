"""The timing that is kept: the chosen model, its opponents, its range, and what it was worth.

In:  samples of markets.   Out: `KeptTiming`; `Chance` values at a market's last moment. [1]
Pure: NumPy in, values out; no I/O, no clock, no global state.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from forcedflow.errors import NoDataError
from forcedflow.forecast.course import Course, Sample
from forcedflow.forecast.decision import LEAST_DAYS, WATCHED_MS, Standing, judge
from forcedflow.forecast.events import EventRule
from forcedflow.forecast.forecast import Chance, Record
from forcedflow.forecast.foretold import Key, foretell
from forcedflow.forecast.hazard import RidgeHazard
from forcedflow.forecast.labels import DIRECTIONS, SIGNS, STRETCHES_H
from forcedflow.forecast.log_odds import log_odds, probability_of
from forcedflow.forecast.rows import HORIZONS_H
from forcedflow.forecast.splits import Fold
from forcedflow.forecast.timing import CHOSEN, TimingForecast, fit_model, fit_timings
from forcedflow.units import DAY_MS, HOUR_MS, F8x2

REPLICAS = 6
"""Fits with every sixth week left out, which tell how far a chance may be off."""

_NORMAL_80 = 1.2816
_LEAST_RATE = 1e-6


@dataclass(frozen=True, slots=True)
class KeptTiming:
    """Chances of one event, both ways, within every horizon.

    Parameters
    ----------
    rule : EventRule
    chosen, climatology, volatility : TimingForecast
        Ours; by the hour of the week; by volatility and the clock.
    replicas : tuple of TimingForecast
        Ours with parts of the past left out.
    alarms : mapping of (int, int) to tuple of float
        By direction and place of the horizon: probability at which there was one alarm a day, a
        week, per market. [1]
    records : mapping of (int, int) to Record
    standings : mapping of (int, int) to Standing
        At the end of the fit, on hours that no fit which spoke of them had seen.
    """

    rule: EventRule
    chosen: TimingForecast
    climatology: TimingForecast
    volatility: TimingForecast
    replicas: tuple[TimingForecast, ...]
    alarms: Mapping[Key, tuple[float, float]]
    records: Mapping[Key, Record]
    standings: Mapping[Key, Standing]

    def to_plain(self) -> dict[str, Any]:
        """Return it as numbers, lists and words."""
        return {
            "rule": asdict(self.rule),
            "chosen": self.chosen.to_plain(),
            "climatology": self.climatology.to_plain(),
            "volatility": self.volatility.to_plain(),
            "replicas": [one.to_plain() for one in self.replicas],
            "alarms": {
                _name(key): [value if math.isfinite(value) else None for value in one]
                for key, one in self.alarms.items()
            },
            "records": {_name(key): _finite(asdict(one)) for key, one in self.records.items()},
            "standings": {_name(key): _finite(asdict(one)) for key, one in self.standings.items()},
        }

    @staticmethod
    def from_plain(plain: Mapping[str, Any]) -> KeptTiming:
        """Return what `to_plain` wrote."""
        rule = dict(plain["rule"])
        return KeptTiming(
            rule=EventRule(**{**rule, "trailing_ms": tuple(rule["trailing_ms"])}),
            chosen=TimingForecast.from_plain(plain["chosen"]),
            climatology=TimingForecast.from_plain(plain["climatology"]),
            volatility=TimingForecast.from_plain(plain["volatility"]),
            replicas=tuple(TimingForecast.from_plain(one) for one in plain["replicas"]),
            alarms={
                _key(name): (_threshold(day), _threshold(week))
                for name, (day, week) in plain["alarms"].items()
            },
            records={_key(name): _record(one) for name, one in plain["records"].items()},
            standings={_key(name): _standing(one) for name, one in plain["standings"].items()},
        )


def learn_timing(samples: Sequence[Sample], rule: EventRule, fit_to_ms: int) -> KeptTiming:
    """Return the timing of an event as some markets' past has it.

    Parameters
    ----------
    samples : sequence of Sample
        Hourly, one per market; only moments whose label was known by the end are read.
    rule : EventRule
        That their events were found by.
    fit_to_ms : int
        [UTC ms]

    Returns
    -------
    KeptTiming

    Raises
    ------
    NoDataError
        If no event is known by the end of the fit.
    """
    fold = Fold(fit_to_ms, fit_to_ms, fit_to_ms + 1)
    known = [one.labels.events_ms + one.labels.ahead_ms <= fit_to_ms for one in samples]
    if not any(one.any() for one in known):
        raise NoDataError(
            f"no event {rule.name} is known before the end of the fit\n"
            "hint: a longer history, or more markets"
        )
    fitted = fit_timings((CHOSEN, "climatology", "volatility"), samples, fold)
    chosen = fitted[CHOSEN]
    foretold = foretell(samples, fit_to_ms)
    keys = [(d, p) for d in range(len(DIRECTIONS)) for p in range(len(HORIZONS_H))]
    records = {key: foretold.record(key) for key in keys}
    return KeptTiming(
        rule=rule,
        chosen=chosen,
        climatology=fitted["climatology"],
        volatility=fitted["volatility"],
        replicas=tuple(_replica(samples, chosen, fold, part) for part in range(REPLICAS)),
        alarms={key: foretold.thresholds(key) for key in keys},
        records={key: record for key, record in records.items() if record is not None},
        standings={key: foretold.standing(key) for key in keys},
    )


def tell_chances(kept: KeptTiming, sample: Sample, at_ms: int) -> tuple[Chance, ...]:
    """Return every chance at the last moment of a market.

    Parameters
    ----------
    kept : KeptTiming
        Fitted before the moment.
    sample : Sample
        Some sixty days up to the moment: the last weeks decide whether ours may be shown.
    at_ms : int
        [UTC ms]

    Returns
    -------
    tuple of Chance
        Down, then up; by horizon.
    """
    newest_ms, longest_ms = sample.course.times_ms[-1], HORIZONS_H[-1] * HOUR_MS
    # What is judged, and what is told.
    asked = sample.course.times_ms > min(at_ms, newest_ms) - longest_ms - WATCHED_MS
    ours, usual = (
        one.probability_at(sample.course, asked) for one in (kept.chosen, kept.climatology)
    )
    judged = sample.cut(asked)
    course, labels = judged.course, judged.labels
    now = course.cut(course.times_ms == newest_ms)
    by_volatility = kept.volatility.probability(now)[:, -1]
    spread = _spread(kept, now)
    unseen = course.times_ms >= kept.chosen.fit_to_ms
    found = []
    for direction, name in enumerate(DIRECTIONS):
        drivers = _drivers(kept.chosen, now, direction)
        happened = labels.within(direction)
        began = labels.events_ms[labels.sign == SIGNS[direction]]
        for place, hours in enumerate(HORIZONS_H):
            p = float(ours[direction, -1, place])
            odds = float(log_odds(np.array([p]))[0])
            low, high = (
                float(probability_of(np.array([odds + way * spread[direction, place]]))[0])
                for way in (-1, 1)
            )
            day, week = kept.alarms[direction, place]
            # What the fit has seen proves nothing: until enough has come since, what its own past
            # foretold decides.
            lately = judge(
                np.where(unseen, ours[direction, :, place], np.nan),
                usual[direction, :, place],
                happened[:, place],
                course.times_ms,
                began,
                hours * HOUR_MS,
                at_ms,
            )
            at_fit = kept.standings[direction, place]
            found.append(
                Chance(
                    event=kept.rule.name,
                    event_words=rule_words(kept.rule),
                    direction=name,
                    horizon_h=hours,
                    probability=p,
                    low=low,
                    high=high,
                    climatology=float(usual[direction, -1, place]),
                    volatility=float(by_volatility[direction, place]),
                    model=kept.chosen.name,
                    drivers=drivers[place],
                    standing=lately if lately.days >= LEAST_DAYS else at_fit,
                    alarm_day=day,
                    alarm_week=week,
                    record=kept.records.get((direction, place)),
                )
            )
    return tuple(found)


def rule_words(rule: EventRule) -> str:
    """Return what an event asks for, in words."""
    move = f"{100 * rule.move:g} %" if rule.absolute else f"{rule.move:g} σ of an hour"
    forced = ""
    if rule.least_liquidated is not None:
        forced = " while rarely so much of the losing side is closed by force"
    return (
        f"a move of {move} within an hour, with at least {100 * rule.least_fall:g} % of open "
        f"interest gone, rarer than one hour in a hundred{forced}"
    )


def _replica(
    samples: Sequence[Sample], chosen: TimingForecast, fold: Fold, part: int
) -> TimingForecast:
    """Return the same fit with every sixth week left out; of a short past, every sixth day."""
    fits = [one.cut(fold.fits(one.course.times_ms, one.labels.ahead_ms)) for one in samples]
    fits = [one for one in fits if one.labels.known.any()]
    first = min(int(one.course.times_ms[0]) for one in fits)
    last = max(int(one.course.times_ms[-1]) for one in fits)
    length = 7 * DAY_MS if last - first > 7 * REPLICAS * DAY_MS else DAY_MS
    left = [one.cut((one.course.times_ms - first) // length % REPLICAS != part) for one in fits]
    penalty = chosen.model.penalty if isinstance(chosen.model, RidgeHazard) else 0.0
    return replace(chosen, model=fit_model(chosen.name, left, penalty))


def _spread(kept: KeptTiming, now: Course) -> F8x2:
    """Return how far log odds may be off, (2, 4): 80 %, by leaving out parts of the past."""
    odds = np.stack([log_odds(one.probability(now)[:, -1]) for one in kept.replicas])
    m = len(kept.replicas)
    variance = (m - 1) / m * ((odds - odds.mean(axis=0)) ** 2).sum(axis=0)
    return np.asarray(_NORMAL_80 * np.sqrt(variance))


def _drivers(
    chosen: TimingForecast, now: Course, direction: int
) -> list[tuple[tuple[str, float], ...]]:
    """Return what each family adds to the log odds, per horizon: its stretches' mean by hazard."""
    hazard = chosen.model.hazard(now, direction)[-1]
    parts = {name: one[-1] for name, one in chosen.contributions(now, direction).items()}
    if isinstance(chosen.model, RidgeHazard) and chosen.model.floor is not None:
        # Against the usual hour: what the clock says now less what it says on the mean.
        floor = chosen.model.floor
        mean = math.log(max(float(floor.rate.mean()), _LEAST_RATE))
        hour = np.log(np.maximum(floor.rates(now, direction)[-1], _LEAST_RATE)) - mean
        parts["climatology"] = np.array([hour[begin:end].mean() for begin, end in STRETCHES_H])
    found = []
    for place in range(len(HORIZONS_H)):
        weight = hazard[: place + 1] / hazard[: place + 1].sum()
        told = {name: float(weight @ one[: place + 1]) for name, one in parts.items()}
        found.append(tuple(sorted(told.items(), key=lambda pair: -abs(pair[1]))))
    return found


def _name(key: Key) -> str:
    return f"{DIRECTIONS[key[0]]} {HORIZONS_H[key[1]]}h"


def _key(name: str) -> Key:
    direction, horizon = name.split(" ")
    return DIRECTIONS.index(direction), HORIZONS_H.index(int(horizon[:-1]))


def _threshold(plain: float | None) -> float:
    return math.inf if plain is None else float(plain)


def _finite(plain: dict[str, Any]) -> dict[str, Any]:
    """Return it with what is not a number as None."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in plain.items()
    }


def _record(plain: Mapping[str, Any]) -> Record:
    curves = {name: tuple(plain[name]) for name in ("said", "happened", "low", "high")}
    return Record(**{**_known(plain), **curves})


def _standing(plain: Mapping[str, Any]) -> Standing:
    return Standing(**_known(plain))


def _known(plain: Mapping[str, Any]) -> dict[str, Any]:
    return {name: math.nan if value is None else value for name, value in plain.items()}
