"""Evaluate: what the numbers were worth, each beside its null."""

from forcedflow.evaluate.map_scores import (
    Estimate,
    MapScore,
    quasi_poisson_deviance,
    score_gain,
    score_map,
)
from forcedflow.evaluate.path_only import PathOnlyRecord, score_path_only
from forcedflow.evaluate.stylised_facts import Fact, Facts, facts_table, measure_facts

__all__ = [
    "Estimate",
    "Fact",
    "Facts",
    "MapScore",
    "PathOnlyRecord",
    "facts_table",
    "measure_facts",
    "quasi_poisson_deviance",
    "score_gain",
    "score_map",
    "score_path_only",
]
