"""The map's scorecard: what our expectations were worth beside every opponent's.

In:  a `Trial` and the intervals to score.   Out: `Row` values.
Pure: values in, values out; no I/O, no clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
import numpy as np

from forcedflow.errors import NoDataError
from forcedflow.evaluate.map_scores import days_of, quasi_poisson_deviance
from forcedflow.evaluate.map_trial import OURS, Trial
from forcedflow.evaluate.placebos import PLACEBOS
from forcedflow.evaluate.scorecard import Gain, Row, bits_of, ratio_gain, ratio_value
from forcedflow.units import DAY_MS, F8, HOUR_MS, I8, MINUTE_MS, F8x2

BASELINES = (
    "path_only",
    "unif",
    "roll7",
    "incumbent",
    "incumbent_scaled",
    "incumbent_floor",
    "constant",
)
_DECILES = 10
_RELIABLE = (0.8, 1.25)


@dataclass(frozen=True, slots=True)
class Scope:
    """What a set of rows is about.

    Parameters
    ----------
    symbol, venue : str
    targets : str
        Whose liquidations they are, in words.
    inputs : tuple of str
        What our expectation rests on.
    """

    symbol: str
    venue: str
    targets: str
    inputs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Scored:
    """Rows of one trial inside the scored span, ``m`` of them."""

    end_ms: I8
    target: F8x2
    expected: dict[str, F8x2]
    reference: F8x2
    dispersion: F8

    @property
    def day(self) -> I8:
        """Return each row's UTC day."""
        return days_of(self.end_ms)


def score_span(trial: Trial, from_ms: int, to_ms: int) -> Scored:
    """Return the part of a trial that ends in ``(from, to]``.

    Raises
    ------
    NoDataError
        If that is empty.
    ValueError
        If it reaches into the fit.
    """
    end = trial.prepared.end_ms
    if from_ms < trial.fit_to_ms:
        raise ValueError("the scored span may not begin before the end of the fit")
    rows = (end > from_ms) & (end <= to_ms)
    if not rows.any():
        raise NoDataError("no interval with liquidations and a path lies in the scored span")
    fit = end <= trial.fit_to_ms
    reference = np.broadcast_to(trial.prepared.target[fit].mean(axis=0), (int(rows.sum()), 2))
    return Scored(
        end[rows],
        trial.prepared.target[rows],
        {name: expected[rows] for name, expected in trial.expected.items()},
        reference,
        trial.mixture.dispersion,
    )


def joined(parts: list[Scored]) -> Scored:
    """Return consecutive spans as one, as a walk forward scores them."""
    return Scored(
        np.concatenate([part.end_ms for part in parts]),
        np.concatenate([part.target for part in parts]),
        {
            name: np.concatenate([part.expected[name] for part in parts])
            for name in parts[0].expected
        },
        np.concatenate([part.reference for part in parts]),
        parts[-1].dispersion,
    )


def map_rows(scored: Scored, scope: Scope, length_ms: int) -> Iterator[Row]:
    """Yield the map's rows: gains per side and pooled, allocation, calibration.

    Placebos are among the baselines where they took part in the trial.
    """
    horizon = _horizon(length_ms)
    placebos = [name for name in PLACEBOS if name in scored.expected]
    for side, columns in (("long", [0]), ("short", [1]), ("pooled", [0, 1])):
        target = scored.target[:, columns]
        ours = scored.expected[OURS][:, columns]
        deviance = quasi_poisson_deviance(target, ours)
        reference = quasi_poisson_deviance(target, scored.reference[:, columns]).sum(axis=1)
        for baseline in (*BASELINES, *placebos):
            theirs = quasi_poisson_deviance(target, scored.expected[baseline][:, columns])
            d2 = ratio_gain(
                deviance.sum(axis=1), theirs.sum(axis=1), reference, scored.day, rising=True
            )
            yield _row(scored, scope, side, horizon, "d2", baseline, d2)
            # Bits per effective event: log likelihood over how many events of size phi there were.
            events = (target / scored.dispersion[columns]).sum(axis=1)
            gain = ratio_gain(
                bits_of(deviance / scored.dispersion[columns]),
                bits_of(theirs / scored.dispersion[columns]),
                events,
                scored.day,
                rising=False,
            )
            yield _row(scored, scope, side, horizon, "information_gain_bits", baseline, gain)
        if length_ms < DAY_MS:
            for baseline in ("path_only", "unif", "roll7", "constant", *placebos):
                gain = _allocation(scored, columns, baseline)
                yield _row(scored, scope, side, horizon, "allocation_bits", baseline, gain)
        yield from _calibration(scored, scope, side, columns, horizon)


def _allocation(scored: Scored, columns: list[int], baseline: str) -> Gain:
    """Bits per dollar for saying in which intervals of a day its liquidations fell."""
    target = scored.target[:, columns].sum(axis=1)
    _, which = np.unique(scored.day, return_inverse=True)

    def surprise(expected: F8x2) -> F8:
        total = expected[:, columns].sum(axis=1)
        share = total / np.bincount(which, total)[which]
        bits: F8 = -target * np.log2(share)
        return bits

    return ratio_gain(
        surprise(scored.expected[OURS]),
        surprise(scored.expected[baseline]),
        target,
        scored.day,
        rising=False,
    )


def _calibration(
    scored: Scored, scope: Scope, side: str, columns: list[int], horizon: str
) -> Iterator[Row]:
    """Predicted over actual: in all, by month, by decile of the prediction, in the top percent."""
    expected = scored.expected[OURS][:, columns].sum(axis=1)
    actual = scored.target[:, columns].sum(axis=1)
    groups: list[tuple[str, np.ndarray[tuple[int], np.dtype[np.bool_]]]] = [
        ("", np.ones(actual.size, dtype=np.bool_))
    ]
    months = (scored.end_ms - 1).astype("datetime64[ms]").astype("datetime64[M]")
    groups += [(f":{month}", months == month) for month in np.unique(months)]
    edges = np.quantile(expected, np.linspace(0, 1, _DECILES + 1))
    decile = np.clip(np.searchsorted(edges, expected, side="right") - 1, 0, _DECILES - 1)
    groups += [(f":decile {d + 1}", decile == d) for d in range(_DECILES)]
    top = expected >= np.quantile(expected, 0.99)
    groups.append((":top 1 %", top))
    for suffix, rows in groups:
        if not actual[rows].sum() > 0:
            continue
        value = ratio_value(expected[rows], actual[rows], scored.day[rows])
        row = _row(scored, scope, side, horizon, "predicted_actual", "none", value, suffix)
        yield _replace_counts(row, int(rows.sum()), int(np.unique(scored.day[rows]).size))


def _row(
    scored: Scored,
    scope: Scope,
    side: str,
    horizon: str,
    metric: str,
    baseline: str,
    gain: Gain,
    suffix: str = "",
) -> Row:
    return map_row(
        scope,
        side,
        horizon,
        metric,
        baseline,
        gain,
        n=int(scored.target.shape[0] * (2 if side == "pooled" else 1)),
        n_days=int(np.unique(scored.day).size),
        suffix=suffix,
    )


def map_row(
    scope: Scope,
    side: str,
    horizon: str,
    metric: str,
    baseline: str,
    gain: Gain,
    *,
    n: int,
    n_days: int,
    suffix: str = "",
    event: str | None = None,
) -> Row:
    """Return one row of the map's scorecard; it passes where the whole interval is above zero.

    A ratio without an opponent passes where it is reliable.
    """
    reliable = _RELIABLE[0] <= gain.value <= _RELIABLE[1]
    passed = reliable if gain.gain is None else bool(gain.low > 0)
    return Row(
        id=f"map-{scope.symbol}-{side}-{horizon}-{metric}-{baseline}{suffix}",
        product="map",
        event=event,
        symbol=scope.symbol,
        venue=scope.venue,
        side=side,
        horizon=horizon,
        inputs=[*scope.inputs, f"targets: {scope.targets}"],
        model=OURS,
        baseline=baseline,
        metric=metric,
        n=n,
        n_days=n_days,
        value=gain.value,
        baseline_value=gain.baseline_value,
        gain=gain.gain,
        ci=[gain.low, gain.high],
        p=gain.p,
        pass_=passed,
    )


def _replace_counts(row: Row, n: int, n_days: int) -> Row:
    return msgspec.structs.replace(row, n=n, n_days=n_days)


def _horizon(length_ms: int) -> str:
    """Write a bar's length as the contract does: 30m, 1h, 24h is 1d."""
    if length_ms % DAY_MS == 0:
        return f"{length_ms // DAY_MS}d"
    if length_ms % HOUR_MS == 0:
        return f"{length_ms // HOUR_MS}h"
    return f"{length_ms // MINUTE_MS}m"
