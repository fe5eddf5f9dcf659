"""Self-excitation: how many forced closes one forced close is followed by, by timing."""

from forcedflow.cascade.hawkes.baseline import (
    Baseline,
    flat_baseline,
    with_hours,
    with_volatility,
)
from forcedflow.cascade.hawkes.fit import (
    HawkesFit,
    fit_bursts,
    fit_counts,
    fit_thinned,
    fit_times,
)
from forcedflow.cascade.hawkes.goodness import Goodness, check, rescaled_waits
from forcedflow.cascade.hawkes.model import Events, HawkesModel
from forcedflow.cascade.hawkes.prepared import prepare
from forcedflow.cascade.hawkes.timing import Timing, read_timing
from forcedflow.cascade.hawkes.uncertainty import Interval, branching_interval

__all__ = [
    "Baseline",
    "Events",
    "Goodness",
    "HawkesFit",
    "HawkesModel",
    "Interval",
    "Timing",
    "branching_interval",
    "check",
    "fit_bursts",
    "fit_counts",
    "fit_thinned",
    "fit_times",
    "flat_baseline",
    "prepare",
    "read_timing",
    "rescaled_waits",
    "with_hours",
    "with_volatility",
]
