"""The scorecard of event timing: our probability beside every opponent's, and beside placebos.

In:  feature tables of markets, spans. [UTC ms]   Out: rows of the product ``timing``; `Timed`.
Pure: values in, values out; randomness is a seed; no I/O, no clock.

``bits_per_event`` is the log loss over the moments that an event followed: what the forecast costs
per such moment; its gain is against each opponent. ``brier_skill``, ``miscalibration`` (over
uncertainty, CORP), ``reliability_slope``, ``pr_auc`` beside the base rate, alarms at one a day and
one a week per symbol (``recall``, ``precision``, ``lead_h``), ``molchan_skill`` and
``cost_loss_value``.
``n`` is hours, ``n_days`` calendar days on which an event began. Intervals are of whole calendar
days drawn again, over symbols and sides together. Nothing passes below `LEAST_EVENT_DAYS`.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from forcedflow.errors import NoDataError
from forcedflow.evaluate.scorecard import Gain, Row
from forcedflow.evaluate.signal_card import POOLED, Scope
from forcedflow.evaluate.timing_walk import Walked, permuted_labels, stale_map, walk_timing
from forcedflow.evaluate.timing_worth import LEAST_EVENTS, Asked, alarm_worth, bits_per_event, worth
from forcedflow.features.table import FeatureTable
from forcedflow.forecast.alarms import (
    AlarmRecord,
    alarm_record,
    trailing_thresholds,
)
from forcedflow.forecast.chain_event import NAME as CHAIN
from forcedflow.forecast.chain_event import lay_chain_sample
from forcedflow.forecast.course import Sample, lay_samples
from forcedflow.forecast.events import C2, C2_ABSOLUTE, EventRule, find_onsets
from forcedflow.forecast.labels import DIRECTIONS, SIGNS, F8x3
from forcedflow.forecast.rows import HORIZONS_H, lay_rows
from forcedflow.forecast.scores import (
    reliability,
)
from forcedflow.forecast.splits import WEEK_MS, walk_forward
from forcedflow.forecast.timing import BASELINES, CHOSEN, DISTANCE, INPUTS
from forcedflow.units import DAY_MS, F8, HOUR_MS

PRODUCT = "timing"

LEAST_EVENT_DAYS = 100
"""Calendar days with an event below which nothing is claimed."""

BUDGETS: Mapping[str, float] = {"day": 1.0, "week": 1.0 / 7.0}
"""Alarms allowed per symbol, both directions together. [1/d]"""

# The map's own gain, whichever model was chosen: over all but the map, and over price history.
_OURS = ("map", "trees")
_AGAINST_OURS = ("climatology", "features", "price_history")

_FAR_MS = 40 * 365 * DAY_MS
"""What sets one market's clock apart from the next, where alarms of several are told together."""

_PERMUTATION_SEED = 47


@dataclass(slots=True)
class Timed:
    """What rows rest on.

    Parameters
    ----------
    rows : list of Row
    counted : dict
        By event: events and days per symbol in the fit and in the scored span, the base rate, what
        was chosen in each fit, reliability curves, and what the comparison could have seen.
    """

    rows: list[Row] = field(default_factory=list)
    counted: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Part:
    """Which markets and which directions a row is about."""

    symbol: str
    venue: str
    side: str
    markets: tuple[int, ...]
    ways: tuple[int, ...]


def timing_rows(
    tables: Mapping[Scope, FeatureTable],
    fit_to_ms: int,
    from_ms: int,
    to_ms: int,
    rules: Sequence[EventRule] = (C2, C2_ABSOLUTE),
    learned: Collection[Scope] | None = None,
) -> list[Row]:
    """Return the rows of `score_timing`."""
    return score_timing(tables, fit_to_ms, from_ms, to_ms, rules, learned).rows


def score_timing(
    tables: Mapping[Scope, FeatureTable],
    fit_to_ms: int,
    from_ms: int,
    to_ms: int,
    rules: Sequence[EventRule] = (C2, C2_ABSOLUTE),
    learned: Collection[Scope] | None = None,
    refit_ms: int = WEEK_MS,
    *,
    chains: bool = True,
    placebos: bool = True,
    asked: Collection[Scope] | None = None,
) -> Timed:
    """Return how good the probabilities of events were.

    Parameters
    ----------
    tables : mapping of Scope to FeatureTable
        With the map's columns and the placebo's where they are known.
    fit_to_ms : int
        End of the first fit. [UTC ms]
    from_ms, to_ms : int
        Span asked about, from inclusive, to exclusive. [UTC ms]
    rules : sequence of EventRule
    asked : collection of Scope, optional
        Markets that rows are about, and that are pooled; all by default. The others only teach.
    learned : collection of Scope, optional
        Markets that fits may read; all by default. A coin hold-out leaves some out, and ends the
        first fit and every later one before the span: ``refit_ms`` as long as the span.
    refit_ms : int
        Time between fits. [ms]
    chains : bool
        Whether the trader's event is scored after the rules.
    placebos : bool
        Whether permuted labels and the stale map are walked too.

    Returns
    -------
    Timed
        Not adjusted for the number of tests: `forcedflow.evaluate.scorecard.adjust` does, over all
        rows of a scorecard.

    Raises
    ------
    NoDataError
        If no market has a labelled hour of any event in the first fit.
    """
    folds = walk_forward(fit_to_ms, from_ms, to_ms, refit_ms)
    taught = None if learned is None else {f"{one.venue} {one.symbol}" for one in learned}
    over = tuple(tables) if asked is None else asked
    found = Timed()
    rows = {one: lay_rows(own, one.symbol, one.venue) for one, own in tables.items()}
    together = [lay_samples(own, rows[one], rules) for one, own in tables.items()]
    laid = {rule.name: [own[k] for own in together] for k, rule in enumerate(rules)}
    if chains:
        laid[CHAIN] = [lay_chain_sample(own, s.symbol, s.venue) for s, own in tables.items()]
    for event, samples in laid.items():
        if not any(one.labels.known.any() for one in samples):
            continue  # forced closes, or a map, are held of none of these markets
        # Where the map names the event, who does not know how far it is would be no opponent.
        names = [name for name in (*INPUTS, CHOSEN) if name != DISTANCE or event == CHAIN]
        try:
            walked = walk_timing(samples, folds, names, taught)
        except NoDataError as error:
            # One event may be known later than another: forced closes than open interest.
            found.counted[event] = {"missing": str(error).split("\n", maxsplit=1)[0]}
            continue
        card = _Card(list(tables), samples, walked, event, from_ms, to_ms, over)
        found.rows += card.rows()
        if placebos:
            stale = walk_timing(stale_map(samples), folds, ("map",), taught)
            found.rows += card.against_stale(stale)
            mixed = permuted_labels(samples, _PERMUTATION_SEED)
            again = walk_timing(mixed, folds, ("climatology", "map"), taught)
            found.rows += _Card(list(tables), mixed, again, event, from_ms, to_ms, over).permuted()
        found.counted[event] = card.counted()
    if found.counted and all("missing" in told for told in found.counted.values()):
        raise NoDataError(next(iter(found.counted.values()))["missing"])
    for rule in rules:
        if "event_days" in found.counted.get(rule.name, {}):
            found.counted[rule.name]["events_at_other_thresholds"] = {
                other.name: sum(_events(own, other, from_ms, to_ms) for own in tables.values())
                for other in rule.variants()
            }
    return found


@dataclass(frozen=True, slots=True)
class _Card:
    """One event's forecasts, and the rows made of them."""

    scopes: Sequence[Scope]
    samples: Sequence[Sample]
    walked: Walked
    event: str
    from_ms: int
    to_ms: int
    asked: Collection[Scope]

    def rows(self) -> list[Row]:
        found: list[Row] = []
        for part in self._parts():
            for k, hours in enumerate(HORIZONS_H):
                asked = self._asked(part, k)
                if asked.happened.sum() < 1:
                    continue
                opponents = (*BASELINES, DISTANCE) if self.event == CHAIN else BASELINES
                pairs = [(CHOSEN, baseline) for baseline in opponents]
                if part.symbol == POOLED:
                    pairs += [(ours, theirs) for ours in _OURS for theirs in _AGAINST_OURS]
                found += [self._gain(part, hours, asked, *pair) for pair in pairs]
                if part.side == POOLED:
                    found += self._others(part, k, asked)
        return found

    def against_stale(self, stale: Walked) -> list[Row]:
        found = []
        both = {**self.walked.probability, "stale_map": stale.probability["map"]}
        for k, hours in enumerate(HORIZONS_H):
            asked = self._asked(self._whole, k, both)
            if asked.happened.sum() >= 1:
                found.append(self._gain(self._whole, hours, asked, "map", "stale_map"))
        return found

    def permuted(self) -> list[Row]:
        found = []
        for k, hours in enumerate(HORIZONS_H):
            asked = self._asked(self._whole, k)
            if asked.happened.sum() >= 1:
                row = self._gain(self._whole, hours, asked, "map", "climatology")
                found.append(_renamed(row, "permuted labels"))
        return found

    def counted(self) -> dict[str, Any]:
        symbols = {}
        for scope, sample in zip(self.scopes, self.samples, strict=True):
            events = sample.labels.events_ms
            within = (events >= self.from_ms) & (events < self.to_ms)
            fit = events[events < self.walked.folds[0].fit_to_ms]
            symbols[scope.symbol] = {
                "events_in_first_fit": int(fit.size),
                "events": int(within.sum()),
                "days": int(np.unique(events[within] // DAY_MS).size),
                "down": int((sample.labels.sign[within] < 0).sum()),
            }
        curves, seen = {}, {}
        for k, hours in enumerate(HORIZONS_H):
            asked = self._asked(self._whole, k)
            if asked.happened.sum() < LEAST_EVENTS:
                continue
            curve = reliability(asked.said[CHOSEN], asked.happened, bins=8, overlap=hours)
            curves[f"{hours}h"] = {
                name: np.round(getattr(curve, name), 5).tolist()
                for name in ("said", "happened", "low", "high", "n")
            } | {"base_rate": round(float(asked.happened.mean()), 5)}
            # What is chosen may be the climatology itself; the map's model never is.
            gain = bits_per_event(asked, "map", "climatology")
            half = (gain.high - gain.low) / 2
            seen[f"{hours}h"] = {
                "half_width_bits": round(half, 4),
                # Half-widths shrink with the root of the days.
                "days_for_a_tenth_of_a_bit": math.ceil(asked.event_days * (half / 0.1) ** 2)
                if math.isfinite(half)
                else None,
            }
        return {
            "symbols": symbols,
            "event_days": self._asked(self._whole, 0).event_days,
            "chosen": [one.name for one in self.walked.fits.get(CHOSEN, [])],
            "fits": len(self.walked.folds),
            "reliability": curves,
            "power": seen,
        }

    @property
    def _whole(self) -> _Part:
        venues = {scope.venue for scope in self.scopes}
        venue = venues.pop() if len(venues) == 1 else POOLED
        every = tuple(i for i, one in enumerate(self.scopes) if one in self.asked)
        return _Part(POOLED, venue, POOLED, every, (0, 1))

    def _parts(self) -> Iterator[_Part]:
        whole = self._whole
        markets = [(whole.symbol, whole.venue, whole.markets)]
        markets += [(self.scopes[i].symbol, self.scopes[i].venue, (i,)) for i in whole.markets]
        for symbol, venue, members in markets:
            yield _Part(symbol, venue, POOLED, members, (0, 1))
            for way, direction in enumerate(DIRECTIONS):
                yield _Part(symbol, venue, direction, members, (way,))

    def _asked(
        self, part: _Part, k: int, said: Mapping[str, Sequence[F8x3]] | None = None
    ) -> Asked:
        said = self.walked.probability if said is None else said
        each: dict[str, list[F8]] = {name: [] for name in said}
        happened, day, days = [], [], []
        for i in part.markets:
            labels, times = self.samples[i].labels, self.samples[i].course.times_ms
            for way in part.ways:
                label = labels.within(way)[:, k]
                known = ~np.isnan(label)
                for own in said.values():
                    known &= ~np.isnan(own[i][way, :, k])
                happened.append(label[known])
                day.append(times[known] // DAY_MS)
                for name, own in said.items():
                    each[name].append(own[i][way, known, k])
                events = labels.events_ms[labels.sign == SIGNS[way]]
                days.append(events[(events >= self.from_ms) & (events < self.to_ms)] // DAY_MS)
        return Asked(
            {name: np.concatenate(parts) for name, parts in each.items()},
            np.concatenate(happened),
            np.concatenate(day),
            int(np.unique(np.concatenate(days)).size),
        )

    def _gain(self, part: _Part, hours: int, asked: Asked, ours: str, baseline: str) -> Row:
        gain = bits_per_event(asked, ours, baseline)
        return self._row(part, hours, asked, ours, baseline, "bits_per_event", gain)

    def _others(self, part: _Part, k: int, asked: Asked) -> list[Row]:
        found = worth(asked, CHOSEN, "climatology")
        if asked.event_days >= LEAST_EVENTS:
            for name, per_day in BUDGETS.items():
                ours, theirs = (
                    self._alarms(part, k, one, per_day) for one in (CHOSEN, "climatology")
                )
                found += alarm_worth(ours, theirs, name, "climatology")
        return [
            self._row(part, HORIZONS_H[k], asked, CHOSEN, one.baseline, one.metric, one.gain)
            for one in found
        ]

    def _alarms(self, part: _Part, k: int, model: str, per_day: float) -> AlarmRecord:
        said, thresholds, times, events = [], [], [], []
        for place, (i, way) in enumerate((i, way) for i in part.markets for way in part.ways):
            sample = self.samples[i]
            own = self.walked.probability[model][i][way, :, k]
            asked = ~np.isnan(own)
            label = sample.labels.within(way)[asked, k]
            apart = place * _FAR_MS
            limit = trailing_thresholds(own[asked], sample.course.times_ms[asked], per_day / 2)
            # Hours that are not scored sound no alarm either: what runs already is no news.
            said.append(np.where(np.isnan(label), np.nan, own[asked]))
            thresholds.append(limit)
            times.append(sample.course.times_ms[asked] + apart)
            events.append(sample.labels.events_ms[sample.labels.sign == SIGNS[way]] + apart)
        return alarm_record(
            np.concatenate(said),
            np.concatenate(thresholds),
            np.concatenate(times),
            np.concatenate(events),
            HORIZONS_H[k] * HOUR_MS,
        )

    def _row(
        self,
        part: _Part,
        hours: int,
        asked: Asked,
        model: str,
        baseline: str,
        metric: str,
        gain: Gain,
    ) -> Row:
        horizon = f"{hours}h"
        name = self.event if model == CHOSEN else f"{self.event} {model}"
        tested = metric == "bits_per_event" and asked.event_days >= LEAST_EVENT_DAYS
        return Row(
            id=f"{PRODUCT}-{part.venue}-{part.symbol}-{part.side}-{horizon}-{metric}-{baseline}"
            f":{name}",
            product=PRODUCT,
            event=self.event,
            symbol=part.symbol,
            venue=part.venue,
            side=part.side,
            horizon=horizon,
            inputs=list(INPUTS["trees" if model == CHOSEN else model]),
            model=model,
            baseline=baseline,
            metric=metric,
            n=int(asked.happened.size),
            n_days=asked.event_days,
            value=_finite(gain.value),
            baseline_value=_finite(gain.baseline_value),
            gain=_finite(gain.gain),
            ci=[_finite(gain.low), _finite(gain.high)],
            p=gain.p,
            pass_=bool(gain.low > 0) if tested else None,
        )


def _events(table: FeatureTable, rule: EventRule, from_ms: int, to_ms: int) -> int:
    began = table.times_ms[find_onsets(table, rule).first]
    return int(((began >= from_ms) & (began < to_ms)).sum())


def _renamed(row: Row, model: str) -> Row:
    return msgspec.structs.replace(row, model=model, id=f"{row.id} {model}", pass_=None, p=None)


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else value
