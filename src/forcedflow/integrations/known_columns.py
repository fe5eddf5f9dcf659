"""Columns of a feature table for strategies: what the map and the signals said, and when.

In:  a `FeatureTable`, map included.   Out: a Polars frame with one row per moment.
Pure: values in, values out; no I/O, no clock.

Every row is what was known at its ``known_ms``. Columns are judged on the whole table, yet each
moment rests on moments up to it alone: cut the table anywhere and no earlier row changes.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from forcedflow.features.table import FeatureTable
from forcedflow.playbook.regime import judge_regimes
from forcedflow.signals.registry import SIGNALS
from forcedflow.signals.score import LEAST_KNOWN, WEIGHTS
from forcedflow.signals.signal import BOTH, DOWN, ON, UNKNOWN, UP
from forcedflow.units import F8

COLUMNS = {
    "cluster_below_pct": "Distance down to the nearest cluster of longs. [%]",
    "cluster_above_pct": "Distance up to the nearest cluster of shorts. [%]",
    "cluster_below_sigma": "The same down in standard deviations of 24 h. [σ]",
    "cluster_above_sigma": "The same up. [σ]",
    "cluster_below_usd": "Estimated notional of that cluster of longs, if touched. [USD]",
    "cluster_above_usd": "Estimated notional of that cluster of shorts, if touched. [USD]",
    "mass_below_3pct": "Longs standing within 3 % below, over one side's open interest. [1]",
    "mass_above_3pct": "Shorts standing within 3 % above, likewise. [1]",
    "map_asymmetry": "Above minus below over both, within 3 %. [1]",
    "loading": "Share of the known weight of signals that is on; a count, no probability. [0–100]",
    "loading_down": "The same of signals that threaten down. [0–100]",
    "loading_up": "The same of signals that threaten up. [0–100]",
    "funding_8h": "Funding rate, scaled to 8 h; positive means longs pay. [1]",
    "sigma_day": "Deviation expected of the coming 24 h. [1]",
    "regime": "Name of the regime by stated rules; unknown or unclassified where none holds.",
}
"""What a strategy is given, by name."""


def known_columns(table: FeatureTable) -> pl.DataFrame:
    """Return the columns of `COLUMNS` at every moment of a table.

    Parameters
    ----------
    table : FeatureTable
        As `forcedflow.asof.signals.read_signal_table` reads it.

    Returns
    -------
    polars.DataFrame
        ``known_ms`` [UTC ms], increasing, then `COLUMNS`; NaN where a figure is unknown.
    """
    price_usd = table["open_interest"] * table["price"]
    made: dict[str, F8] = {
        f"cluster_{where}_usd": table[f"cluster_{where}_share"] * price_usd
        for where in ("below", "above")
    }
    made |= _loading(table)
    figures = {name: made.get(name, table[name]) for name in COLUMNS if name != "regime"}
    return pl.DataFrame({"known_ms": table.times_ms, **figures, "regime": _regimes(table)})


def _loading(table: FeatureTable) -> dict[str, F8]:
    """Return the loading score at every moment, by the rule of `forcedflow.signals.score`."""
    known = np.zeros(table.size)
    on = {"loading": np.zeros(table.size)}
    on |= {"loading_down": np.zeros(table.size), "loading_up": np.zeros(table.size)}
    for signal in SIGNALS:
        judged, weight = signal.judge(table), WEIGHTS[signal.name]
        known += weight * (judged.verdict != UNKNOWN)
        holds = judged.verdict == ON
        on["loading"] += weight * holds
        on["loading_down"] += weight * (holds & np.isin(judged.direction, (DOWN, BOTH)))
        on["loading_up"] += weight * (holds & np.isin(judged.direction, (UP, BOTH)))
    enough = (known > 0) & (known >= LEAST_KNOWN * sum(WEIGHTS.values()))
    share = np.where(enough, 100.0 / np.where(known > 0, known, 1.0), np.nan)
    return {name: share * weight for name, weight in on.items()}


def _regimes(table: FeatureTable) -> list[str]:
    """Return the regime at every moment: the first rule that holds, as the playbook has it."""
    judged = judge_regimes(table)
    verdicts = np.stack([state.verdict for state in judged.values()])
    names = np.array([*judged, "unknown", "unclassified"])
    untold = (verdicts == UNKNOWN).any(axis=0)
    otherwise = np.where(untold, len(judged), len(judged) + 1)
    holds = verdicts == ON
    chosen: list[str] = names[np.where(holds.any(axis=0), holds.argmax(axis=0), otherwise)].tolist()
    return chosen
