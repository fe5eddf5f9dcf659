"""A fitted map as it is kept: its record on the last part of its fit, a card in words, the file.

In:  a `FittedMap`.   Out: `InnerRecord`, sentences, a `MapArtefact`.
Pure: values in, values out; no I/O, no clock.

The last part of the fit is scored once by a fit that ends before it, so that the card has a record
which the weights it speaks of did not see.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forcedflow.evaluate.map_card import Scope, map_rows, score_span
from forcedflow.evaluate.map_fit import FittedMap
from forcedflow.evaluate.map_trial import LEAST_INTERVALS, OURS, hold_trial
from forcedflow.evaluate.scorecard import Row
from forcedflow.positions.background import EXCURSION_SPANS_MS
from forcedflow.positions.bands import HIGH, LOW
from forcedflow.positions.mixture import gamma_quantile
from forcedflow.store.artefacts import AtomIdentity, MapArtefact
from forcedflow.units import DAY_MS, HOUR_MS, MINUTE_MS

INNER_DAYS = 14
"""Longest last part of the fit that is scored by a fit that ends before it; a quarter at most."""


@dataclass(frozen=True, slots=True)
class InnerRecord:
    """How a fit that ends before the last part of the fit did on it.

    Parameters
    ----------
    from_ms, to_ms : int
        The part. [UTC ms]
    rows : tuple of Row
        Both sides together: D² against each opponent, predicted over actual.
    coverage : float
        Share of side-intervals whose liquidations lay inside the 10–90 % band. [1]
    """

    from_ms: int
    to_ms: int
    rows: tuple[Row, ...]
    coverage: float

    def row(self, metric: str, baseline: str) -> Row:
        """Return one of the rows."""
        return next(r for r in self.rows if (r.metric, r.baseline) == (metric, baseline))


def inner_record(fitted: FittedMap) -> InnerRecord | None:
    """Return the record on the last part of the fit; None where too little lies before it."""
    prepared, evidence, fit_to_ms = fitted.prepared, fitted.evidence, fitted.fit_to_ms
    ends = prepared.end_ms[prepared.end_ms <= fit_to_ms]
    span = min(INNER_DAYS * DAY_MS, (fit_to_ms - int(ends[0])) // 4 // DAY_MS * DAY_MS)
    from_ms = fit_to_ms - span
    if span <= 0 or (ends <= from_ms).sum() < LEAST_INTERVALS or not (ends > from_ms).any():
        return None
    trial = hold_trial(prepared, from_ms)
    if not (prepared.target[prepared.end_ms > from_ms].sum(axis=0) > 0).all():
        return None
    instrument = evidence.market.instrument
    scope = Scope(instrument.symbol, instrument.venue, evidence.targets, evidence.flows.inputs)
    scored = score_span(trial, from_ms, fit_to_ms)
    rows = [
        row
        for row in map_rows(scored, scope, evidence.length_ms)
        if row.side == "pooled" and (row.metric == "d2" or row.id.endswith("predicted_actual-none"))
    ]
    part = (prepared.end_ms > from_ms) & (prepared.end_ms <= fit_to_ms)
    expected = trial.expected[OURS][part]
    level = expected / trial.static[OURS][part]
    spread = level * trial.mixture.spread(prepared.designs[OURS][part])
    deviation = np.sqrt(spread**2 + trial.mixture.dispersion * expected)
    low, high = (
        gamma_quantile(expected.ravel(), deviation.ravel(), probability)
        for probability in (LOW, HIGH)
    )
    target = prepared.target[part].ravel()
    inside = float(((target >= low) & (target <= high)).mean())
    return InnerRecord(from_ms, fit_to_ms, tuple(rows), inside)


def artefact_of(fitted: FittedMap, inner: InnerRecord | None, created: str) -> MapArtefact:
    """Return a fitted map as it is stored.

    Parameters
    ----------
    fitted : FittedMap
    inner : InnerRecord, optional
        Its record, where there is one.
    created : str
        The time now, UTC; the caller's clock.
    """
    evidence, mixture, atoms = fitted.evidence, fitted.mixture, fitted.evidence.atoms
    instrument = evidence.market.instrument
    return MapArtefact(
        created=created,
        venue=instrument.venue,
        symbol=instrument.symbol,
        fit_to_ms=fitted.fit_to_ms,
        horizon_ms=evidence.length_ms,
        n=mixture.n,
        targets=evidence.targets,
        inputs=list(evidence.flows.inputs),
        simulated=evidence.simulated,
        data=evidence.parts(),
        atoms=AtomIdentity(
            leverage=atoms.leverage.tolist(),
            half_life_days=atoms.half_lives_days[atoms.class_of].tolist(),
            role=[atoms.roles[role] for role in atoms.role_of],
        ),
        weight=mixture.weight.tolist(),
        events=mixture.events.tolist(),
        informed=mixture.informed.tolist(),
        spans_ms=list(EXCURSION_SPANS_MS),
        background=mixture.background.tolist(),
        dispersion=mixture.dispersion.tolist(),
        level=fitted.level,
        card=card_of(fitted, inner),
        complete_feed=evidence.complete_feed(fitted.fit_to_ms),
    )


def card_of(fitted: FittedMap, inner: InnerRecord | None) -> list[str]:
    """Return what a fitted map is, what it rests on, what it is worth and where it ends.

    Parameters
    ----------
    fitted : FittedMap
    inner : InnerRecord, optional
        Its record, where there is one.
    """
    evidence, n = fitted.evidence, fitted.mixture.n
    instrument = evidence.market.instrument
    ends = fitted.prepared.end_ms
    first, last = int(ends[0]), int(ends[ends <= fitted.fit_to_ms][-1])
    what = (
        f"Weights per side of {evidence.atoms.size} atoms (leverage × closing half-life) of "
        f"{instrument.venue} {instrument.symbol}, learned from {evidence.targets}: {n:,} "
        f"intervals of {_span(evidence.length_ms)}, {_utc(first)} to {_utc(last)}."
    )
    level = (
        f"Level at the end of the fit {fitted.level:.2f}: realised over expected, with a half-life "
        "of 14 days."
    )
    limits = (
        f"The prior decides {fitted.prior_share:.0%} of what clusters were expected to lose, and "
        "nearly all below about 5×: such tiers are hardly ever swept."
    )
    lines = [what, level, _record_line(inner), limits]
    if evidence.simulated:
        lines.insert(0, "SIMULATED: of a simulated exchange, no real market.")
    if not _beats_price_history(inner):
        lines.append(
            "A price-history map until shown otherwise: a gain over the same fit without any open "
            "interest or volume is not shown."
        )
    return lines


def _record_line(inner: InnerRecord | None) -> str:
    if inner is None:
        return "No record: too little lies before the part of the fit that would be scored."
    path, history = inner.row("d2", "path_only"), inner.row("d2", "unif")
    ratio = inner.row("predicted_actual", "none")
    return (
        f"On its last {_span(inner.to_ms - inner.from_ms)}, by a fit that ends before them: D² "
        f"{_number(path.value)}; path only {_number(path.baseline_value)}, {_gain(path)}; price "
        f"history alone {_number(history.baseline_value)}, {_gain(history)}; predicted over "
        f"actual {_number(ratio.value)}; {inner.coverage:.0%} of side-intervals inside the "
        f"10–90 % band; {path.n_days} days."
    )


def _gain(row: Row) -> str:
    low, high = row.ci
    return f"gain {_number(row.gain)} [{_number(low)}, {_number(high)}]"


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f}"


def _beats_price_history(inner: InnerRecord | None) -> bool:
    return inner is not None and bool(inner.row("d2", "unif").pass_)


def _span(ms: int) -> str:
    for unit, length in (("d", DAY_MS), ("h", HOUR_MS), ("min", MINUTE_MS)):
        if ms % length == 0:
            return f"{ms // length} {unit}"
    return f"{ms} ms"


def _utc(ms: int) -> str:
    return str(np.datetime64(ms, "ms").astype("datetime64[m]")).replace("T", " ") + "Z"
