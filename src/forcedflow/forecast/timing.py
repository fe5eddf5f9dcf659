"""Event timing: every model by name, its penalty chosen inside the fit, calibrated after it.

In:  samples of markets, a `Fold`.   Out: `TimingForecast`: probabilities per direction. [1]
Pure: NumPy in, NumPy out; no I/O, no clock, no global state.

The opponents are models like ours, fitted, calibrated and asked in the same way. What is chosen is
chosen by forecasts of later parts of the fit, made on earlier parts alone; so is the calibration.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

from forcedflow.errors import DataError, NoDataError
from forcedflow.forecast.calibrate import UNCHANGED, Calibration, calibrate
from forcedflow.forecast.climatology import Climatology, fit_climatology
from forcedflow.forecast.course import Course, Sample
from forcedflow.forecast.exceedance import Exceedance, fit_exceedance
from forcedflow.forecast.excitation import Excitation, fit_excitation
from forcedflow.forecast.hazard import PENALTIES, RidgeHazard, fit_ridge
from forcedflow.forecast.labels import F8x3, cumulate
from forcedflow.forecast.rows import HORIZONS_H, Bools, names_of
from forcedflow.forecast.scores import log_loss
from forcedflow.forecast.splits import Fold, inner_folds
from forcedflow.forecast.trees import TreeHazard, fit_trees
from forcedflow.units import DAY_MS, F8, I8, F8x2

TimingModel: TypeAlias = Climatology | Exceedance | Excitation | RidgeHazard | TreeHazard

_NO_MAP = ("clock", "volatility", "liquidations", "market")

INPUTS: dict[str, tuple[str, ...]] = {
    "climatology": ("clock",),
    "volatility": ("clock", "volatility"),
    "garch": ("volatility",),
    "filtered_history": ("volatility",),
    "excitation": ("clock",),
    "features": _NO_MAP,
    "map": (*_NO_MAP, "map"),
    "trees": (*_NO_MAP, "map"),
    "price_history": (*_NO_MAP, "placebo"),
    "distance": ("clock", "volatility"),
}
"""Families of inputs by model, the simplest first."""

DISTANCE = "distance"
"""The opponent of events that the map itself names: volatility, and how far the named clusters are.
Elsewhere it says nothing that others do not."""

_NAMED = ("cluster_below_near", "cluster_above_near")

BASELINES: tuple[str, ...] = (
    "climatology",
    "volatility",
    "garch",
    "filtered_history",
    "excitation",
    "features",
)
"""The opponents. All features without the map are the map's own."""

CHOSEN = "chosen"
"""What is shown: of `CANDIDATES` the simplest that the fit does not tell from the best."""

CANDIDATES: tuple[str, ...] = ("climatology", "volatility", "features", "map")
"""Models that are chosen from, the simplest first. Trees are scored beside them and not chosen: on
some dozen events they forecast the later parts of a fit worse, for thirty times the time."""

# Later parts of a fit: each costs every model once more.
_INNER = 2

LEAST_EVENTS = 5
"""Events in the later parts of a fit without which nothing but climatology is chosen."""

_MODELS: dict[str, type[TimingModel]] = {
    "climatology": Climatology,
    "volatility": RidgeHazard,
    "garch": Exceedance,
    "filtered_history": Exceedance,
    "excitation": Excitation,
    "features": RidgeHazard,
    "map": RidgeHazard,
    "trees": TreeHazard,
    "price_history": RidgeHazard,
    "distance": RidgeHazard,
}


@dataclass(frozen=True, slots=True)
class TimingForecast:
    """A fitted and calibrated model.

    Parameters
    ----------
    name : str
        Of `INPUTS`.
    model : Climatology, Exceedance, Excitation, RidgeHazard or TreeHazard
    calibration : tuple of Calibration, length 4
        Per horizon.
    fit_to_ms : int
        Everything that it rests on was known by then. [UTC ms]
    events, days : int
        Events in the fit, and calendar days with one.
    simulated : bool
        Whether any market of the fit is of the simulated exchange.
    inner_loss : mapping of str to float
        By model: bits an event on the later parts of the fit; only of what was tried. [bits]
    """

    name: str
    model: TimingModel
    calibration: tuple[Calibration, ...]
    fit_to_ms: int
    events: int
    days: int
    simulated: bool
    inner_loss: Mapping[str, float]

    def probability(self, course: Course) -> F8x3:
        """Return the probability that an event begins, shape (2, n, 4).

        Returns
        -------
        ndarray
            By direction, moment and horizon; a longer horizon is never less probable. [1]
        """
        raw = np.stack([cumulate(self.model.hazard(course, d)) for d in (0, 1)])
        return corrected(raw, self.calibration)

    def probability_at(self, course: Course, asked: Bools) -> F8x3:
        """Return the probability at some moments of a course, shape (2, m, 4); as `probability`."""
        if not isinstance(self.model, Exceedance | Excitation):
            return self.probability(course.cut(asked))
        raw = np.stack([cumulate(hazard_at(self.model, course, d, asked)) for d in (0, 1)])
        return corrected(raw, self.calibration)

    def contributions(self, course: Course, direction: int) -> dict[str, F8x2]:
        """Return what each family of inputs adds to the log odds per stretch, (n, 4) each.

        Returns
        -------
        dict of str to ndarray
            Before calibration; empty for models that are no sum over inputs.
        """
        if isinstance(self.model, RidgeHazard | TreeHazard):
            return self.model.contributions(course, direction)
        return {}

    def to_plain(self) -> dict[str, Any]:
        """Return it as numbers, lists and words."""
        return {
            "name": self.name,
            "model": self.model.to_plain(),
            "calibration": [one.to_plain() for one in self.calibration],
            "fit_to_ms": self.fit_to_ms,
            "events": self.events,
            "days": self.days,
            "simulated": self.simulated,
            "inner_loss": dict(self.inner_loss),
        }

    @staticmethod
    def from_plain(plain: Mapping[str, Any]) -> TimingForecast:
        """Return what `to_plain` wrote.

        Raises
        ------
        DataError
            If there is no model of that name.
        """
        name = str(plain["name"])
        if name not in _MODELS:
            raise DataError(f"no timing model is called {name!r}; known are {', '.join(_MODELS)}")
        return TimingForecast(
            name=name,
            model=_MODELS[name].from_plain(plain["model"]),
            calibration=tuple(Calibration.from_plain(one) for one in plain["calibration"]),
            fit_to_ms=int(plain["fit_to_ms"]),
            events=int(plain["events"]),
            days=int(plain["days"]),
            simulated=bool(plain["simulated"]),
            inner_loss={model: float(loss) for model, loss in plain["inner_loss"].items()},
        )


@dataclass(frozen=True, slots=True)
class _Later:
    """Forecasts of the later parts of a fit, ``n`` of them: raw, what happened, its day."""

    raw: F8x2
    happened: F8x2
    day: I8
    events: int

    def losses(self) -> F8:
        """Return bits per moment, horizons together; 0 where unknown."""
        cost = log_loss(self.raw.ravel(), self.happened.ravel()).reshape(self.raw.shape)
        each = np.where(np.isnan(self.happened), 0.0, cost)
        # A horizon counts its events as often as it has hours.
        return np.asarray((each / np.array(HORIZONS_H)).sum(axis=1))


def corrected(raw: F8x3, calibration: Sequence[Calibration]) -> F8x3:
    """Return calibrated probabilities, same shape; a longer horizon is never less probable."""
    each = [
        one.apply(raw[..., k].ravel()).reshape(raw.shape[:-1]) for k, one in enumerate(calibration)
    ]
    return np.maximum.accumulate(np.stack(each, axis=-1), axis=-1)


def hazard_at(model: TimingModel, course: Course, direction: int, asked: Bools) -> F8x2:
    """Return the hazards at some moments of a course, (m, 4); the whole of it only where needed.

    Variances and excitation run through a market's past; the other models know each moment by its
    own inputs.
    """
    if isinstance(model, Exceedance | Excitation):
        return np.asarray(model.hazard(course, direction)[asked])
    return model.hazard(course.cut(asked), direction)


def fit_model(name: str, samples: Sequence[Sample], penalty: float) -> TimingModel:
    """Return one model, uncalibrated.

    Parameters
    ----------
    name : str
        Of `INPUTS`.
    samples : sequence of Sample
        Moments of the fit alone.
    penalty : float
        Of ridge hazards; the others have none.

    Raises
    ------
    ValueError
        If there is no such model.
    NoDataError
        If there is too little price history to simulate from.
    """
    if name not in INPUTS:
        raise ValueError(f"no timing model is called {name!r}")
    names = (*names_of(INPUTS[name]), *(_NAMED if name == DISTANCE else ()))
    if name == "climatology":
        return fit_climatology(samples)
    if name == "excitation":
        return fit_excitation(samples)
    if name in {"garch", "filtered_history"}:
        return fit_exceedance(samples, "garch" if name == "garch" else "filtered_history")
    if name == "trees":
        return fit_trees(samples, names)
    return fit_ridge(samples, names, penalty, floored=True)


def fit_timing(name: str, samples: Sequence[Sample], fold: Fold) -> TimingForecast:
    """Return one model fitted on what was known by the end of a fold's fit; as `fit_timings`."""
    return fit_timings((name,), samples, fold)[name]


def fit_timings(
    names: Sequence[str], samples: Sequence[Sample], fold: Fold
) -> dict[str, TimingForecast]:
    """Return models fitted on what was known by the end of a fold's fit, and calibrated.

    Parameters
    ----------
    names : sequence of str
        Of `INPUTS`, or `CHOSEN`.
    samples : sequence of Sample
        Of every market that may be learned from; moments whose label was not known by the end of
        the fit are left out here.
    fold : Fold

    Returns
    -------
    dict of str to TimingForecast
        In the order of the names.

    Raises
    ------
    NoDataError
        If no market has a moment in the fit, or too little price history to simulate from.
    """
    fits = _until(samples, fold)
    if not fits:
        raise NoDataError(
            "no market holds a labelled hour before the end of the fit\n"
            "hint: a later --fit-to, or forcedflow fetch VENUE SYMBOL --from an earlier day"
        )
    wanted = dict.fromkeys(name for name in names if name != CHOSEN)
    if CHOSEN in names:
        wanted |= dict.fromkeys(CANDIDATES)
    tried = {one: _try(one, fits, fold) for one in wanted}
    began = np.concatenate([_events_ms(one) for one in fits])
    fitted = {
        one: TimingForecast(
            name=one,
            model=fit_model(one, fits, penalty),
            calibration=_calibrations(later),
            fit_to_ms=fold.fit_to_ms,
            events=int(began.size),
            days=int(np.unique(began // DAY_MS).size),
            simulated=any(sample.course.rows.simulated for sample in fits),
            inner_loss={one: _per_event(later)},
        )
        for one, (penalty, later) in tried.items()
    }
    if CHOSEN in names:
        candidates = {one: tried[one] for one in CANDIDATES}
        losses = {one: _per_event(later) for one, (_, later) in candidates.items()}
        fitted[CHOSEN] = replace(fitted[_simplest(candidates)], inner_loss=losses)
    return {name: fitted[name] for name in names}


def _until(samples: Sequence[Sample], fold: Fold) -> list[Sample]:
    """Return the moments that a fit may read, of the markets that have a label among them."""
    cut = [one.cut(fold.fits(one.course.times_ms, one.labels.ahead_ms)) for one in samples]
    return [one for one in cut if one.labels.known.any()]


def _events_ms(sample: Sample) -> I8:
    """Return when the events within a sample's moments began."""
    times, events = sample.course.times_ms, sample.labels.events_ms
    return np.asarray(events[(events > times[0]) & (events <= times[-1])])


def _try(name: str, fits: Sequence[Sample], fold: Fold) -> tuple[float, _Later]:
    """Return the penalty whose forecasts of later parts of the fit cost least, and those."""
    ridge = _MODELS[name] is RidgeHazard
    best: tuple[float, _Later] | None = None
    for penalty in reversed(PENALTIES) if ridge else PENALTIES[-1:]:
        later = _forecast_later(name, fits, fold, penalty)
        if best is None or later.losses().sum() < best[1].losses().sum():
            best = (penalty, later)
    if best is None:
        raise ValueError("there is no penalty to try")
    return best


def _forecast_later(name: str, fits: Sequence[Sample], fold: Fold, penalty: float) -> _Later:
    ahead_ms = max(one.labels.ahead_ms for one in fits)
    times = np.unique(np.concatenate([one.course.times_ms[one.labels.known] for one in fits]))
    raw, happened, day = [np.zeros((0, 4))], [np.zeros((0, 4))], [np.zeros(0, dtype=np.int64)]
    events = 0
    for inner in inner_folds(times, fold, ahead_ms, _INNER):
        known = _until(fits, inner)
        if not known:
            continue
        try:
            model = fit_model(name, known, penalty)
        except NoDataError:
            continue  # the first part of a short fit may hold too little; later parts do not
        for one in fits:
            asked = inner.asks(one.course.times_ms)
            began = one.labels.events_ms
            events += int(inner.asks(began).sum())
            for direction in (0, 1):
                raw.append(cumulate(hazard_at(model, one.course, direction, asked)))
                happened.append(one.labels.within(direction)[asked])
                day.append(one.course.times_ms[asked] // DAY_MS)
    return _Later(np.concatenate(raw), np.concatenate(happened), np.concatenate(day), events)


def _per_event(later: _Later) -> float:
    return float(later.losses().sum() / max(later.events, 1))


def _simplest(tried: Mapping[str, tuple[float, _Later]]) -> str:
    """Return the simplest model that is within one standard error of the best; days are drawn."""
    losses = {name: later.losses() for name, (_, later) in tried.items()}
    reference = tried[CANDIDATES[0]][1]
    if reference.events < LEAST_EVENTS:
        return CANDIDATES[0]
    best = min(losses, key=lambda name: float(losses[name].sum()))
    _, day = np.unique(reference.day, return_inverse=True)
    for name in CANDIDATES:
        if losses[name].size != losses[best].size:
            continue
        daily = np.bincount(day, losses[name] - losses[best])
        if daily.sum() <= np.sqrt(((daily - daily.mean()) ** 2).sum()):
            return name
    return best


def _calibrations(later: _Later) -> tuple[Calibration, ...]:
    found = []
    for k in range(len(HORIZONS_H)):
        happened = later.happened[:, k]
        known = ~np.isnan(happened)
        found.append(
            calibrate(later.raw[known, k], happened[known], later.events)
            if known.any()
            else UNCHANGED
        )
    return tuple(found)
