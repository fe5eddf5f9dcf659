"""The printed playbook of a situation in memory: picture, layout, PDF.

In:  nothing.   Out: `Result` rows.
The market is simulated. What is read from the lake and built once for every surface is not timed;
the plans, the picture and the sheet are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from benchmarks.checklist import simulated_situation
from benchmarks.measure import Budget, Result, measure
from forcedflow.pipeline import build_map
from forcedflow.playbook.checklist import fill
from forcedflow.playbook.leg_reading import read_second_leg
from forcedflow.playbook.playbook import Playbook, build_playbook
from forcedflow.playbook.situation import Situation
from forcedflow.playbook.styles import STYLES
from forcedflow.report.playbook_html import to_pdf

STYLE = STYLES["intraday"]

BUILT = "playbook from a situation"
PRINTED = "playbook to PDF"


def build(situation: Situation) -> Playbook:
    """Return the playbook of a situation whose picture is painted."""
    return build_playbook(situation, STYLE, fill(situation), read_second_leg(situation))


def run(budgets: dict[str, Budget], runs: int) -> Iterator[Result]:
    """Yield the playbook of one market at one moment, and its sheet."""
    situation = simulated_situation()
    mapped = build_map(situation.mapped.market, picture_span_ms=STYLE.picture_span_ms)
    situation = replace(situation, mapped=mapped)
    playbook = build(situation)
    to_pdf(playbook)  # fonts are looked for once
    for what, timing in (
        (BUILT, measure(lambda: situation, build, runs)),
        (PRINTED, measure(lambda: playbook, to_pdf, runs)),
    ):
        yield Result(
            group="playbook", what=what, size="one page", timing=timing, budget=budgets[what]
        )
