"""The playbook: one situation, read in one style, with everything that belongs on its page.

In:  `Situation`, `Style`, checklist, second leg, what the user stated.   Out: `Playbook`.
Pure: values in, values out; no I/O, no clock, no global state.

Every surface (page, Markdown, JSON) is written from one `Playbook`, so that no two can disagree.
"""

from __future__ import annotations

from dataclasses import dataclass

from forcedflow.playbook.checklist import Checklist
from forcedflow.playbook.leg_reading import LegReading
from forcedflow.playbook.plan import Plan, Rule, build_plans, judge_rules
from forcedflow.playbook.position import (
    SIZE_USD,
    LeverageCap,
    PlannedPosition,
    cap_leverage,
)
from forcedflow.playbook.regime import RegimeReading, read_regime
from forcedflow.playbook.situation import Situation
from forcedflow.playbook.styles import Style
from forcedflow.playbook.triggers import Kind, Trigger, find_triggers, missing_triggers
from forcedflow.signals.funding_bias import crowding
from forcedflow.signals.pressure import gauge_now
from forcedflow.signals.score import Loading, load
from forcedflow.units import SIDES


@dataclass(frozen=True, slots=True)
class Playbook:
    """Everything on one page.

    Parameters
    ----------
    situation : Situation
        With the heatmap of the style's span where it was painted.
    style : Style
    checklist : Checklist
    leg : LegReading
    triggers : tuple of Trigger
        Nearest first, those of every style.
    missing : tuple of str
        Levels that are not known.
    plans : pair of Plan
        Down, up.
    rules : tuple of Rule
    regime : RegimeReading
    caps : pair of LeverageCap
        Of a long and a short of `SIZE_USD` at the mark.
    loading : Loading
    gauge : float
        Pressure's rank among the trailing thirty days; NaN where unknown. [0–100]
    crowding : float
        Rank of funding's size, below zero where shorts pay; NaN where unknown. [1]
    position : PlannedPosition, optional
        The user's own, where one was stated.
    """

    situation: Situation
    style: Style
    checklist: Checklist
    leg: LegReading
    triggers: tuple[Trigger, ...]
    missing: tuple[Kind, ...]
    plans: tuple[Plan, Plan]
    rules: tuple[Rule, ...]
    regime: RegimeReading
    caps: tuple[LeverageCap, LeverageCap]
    loading: Loading
    gauge: float
    crowding: float
    position: PlannedPosition | None = None

    @property
    def no_trade(self) -> bool:
        """Return whether neither plan has a record that speaks for it."""
        return all(plan.no_trade for plan in self.plans)

    @property
    def reason(self) -> str:
        """Return why there is no trade; of the plan that has a record where one has."""
        if not self.no_trade:
            return next(plan.reason for plan in self.plans if not plan.no_trade)
        return self.leg.verdict.reason


def build_playbook(
    situation: Situation,
    style: Style,
    checklist: Checklist,
    leg: LegReading,
    position: PlannedPosition | None = None,
) -> Playbook:
    """Return the playbook of a situation.

    Parameters
    ----------
    situation : Situation
    style : Style
    checklist : Checklist
        Of the same situation.
    leg : LegReading
        Likewise.
    position : PlannedPosition, optional
        Likewise.

    Returns
    -------
    Playbook

    Raises
    ------
    ValueError
        If the checklist is of another situation.
    """
    if checklist.situation.at_ms != situation.at_ms:
        raise ValueError("the checklist is of another moment than the playbook")
    mark = situation.mark
    long, short = (cap_leverage(situation, style, side, mark, SIZE_USD / mark) for side in SIDES)
    return Playbook(
        situation=situation,
        style=style,
        checklist=checklist,
        leg=leg,
        triggers=find_triggers(situation),
        missing=missing_triggers(situation.features),
        plans=build_plans(situation, style, leg),
        rules=judge_rules(situation, style, leg, (long, short)),
        regime=read_regime(situation.features),
        caps=(long, short),
        loading=load(situation.readings),
        gauge=gauge_now(situation.features),
        crowding=crowding(situation.features),
        position=position,
    )
