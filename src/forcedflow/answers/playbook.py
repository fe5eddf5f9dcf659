"""What ``playbook`` answers: one market at one moment on one page, with what makes it void.

In:  a lake, an instrument, a moment; the user's style, equity, risk, order and position.
Out: a `Playbook`; plain values for JSON.
Free of any clock.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from forcedflow.answers import checklist, forecast
from forcedflow.answers.figures import known
from forcedflow.answers.times import iso_time
from forcedflow.errors import UsageError
from forcedflow.instruments import Instrument
from forcedflow.pipeline import build_map
from forcedflow.playbook.checklist import ORDER_USD, fill
from forcedflow.playbook.leg_reading import read_second_leg
from forcedflow.playbook.playbook import Playbook, build_playbook
from forcedflow.playbook.position import plan_position
from forcedflow.playbook.situation import Situation
from forcedflow.playbook.styles import STYLES
from forcedflow.store import Lake
from forcedflow.units import Side

StyleName: TypeAlias = Literal["scalp", "intraday", "swing"]


@dataclass(frozen=True, slots=True)
class PlaybookOptions:
    """What a user chooses.

    Parameters
    ----------
    style : {"scalp", "intraday", "swing"}
    equity : float, optional
        [USD]
    risk : float, optional
        Share of the equity that may be lost. [%]
    entry, size, side : float, float, {"long", "short"}, optional
        A position thought of, all three or none. [quote per base, base coins]
    order : float, optional
        Size that costs are of; by default that of the position, else `ORDER_USD`. [USD]
    scenarios : int
        Paths of the cascade.
    model : str, optional

    Raises
    ------
    UsageError
        If a figure is out of its range, or one of those that go together is missing.
    """

    style: StyleName = "intraday"
    equity: float | None = None
    risk: float | None = None
    entry: float | None = None
    size: float | None = None
    side: Side | None = None
    order: float | None = None
    scenarios: int = 2_000
    model: str | None = None

    def __post_init__(self) -> None:
        _ = self.position  # refused here, before anything is read
        checklist.refuse(self.equity, self.risk, self.order_usd, self.scenarios)

    @property
    def position(self) -> tuple[Side, float, float] | None:
        """Return side, entry and size of the position, if one is stated."""
        entry, size, side = self.entry, self.size, self.side
        if entry is None and size is None and side is None:
            return None
        if entry is None or size is None or side is None:
            raise UsageError(
                "--entry, --size and --side go together\nhint: --entry 70000 --size 0.5 --side long"
            )
        for name, figure in (("--entry", entry), ("--size", size)):
            if not 0 < figure < math.inf:
                raise UsageError(
                    f"{name} {figure:g} is not positive\nhint: --entry 70000 --size 0.5"
                )
        return side, entry, size

    @property
    def order_usd(self) -> float:
        """Return the size that costs are of. [USD]"""
        if self.order is not None:
            return self.order
        return ORDER_USD if self.position is None else self.position[1] * self.position[2]


def ask(lake: Lake, instrument: Instrument, at_ms: int, options: PlaybookOptions) -> dict[str, Any]:
    """Return the page's figures for a market at a moment; errors as of `read`."""
    return answer(read(lake, instrument, at_ms, options))


def read(lake: Lake, instrument: Instrument, at_ms: int, options: PlaybookOptions) -> Playbook:
    """Return the playbook of a market at a moment, its heatmap painted.

    Raises
    ------
    NoDataError
        If no open interest was known by then, or the weights asked for were not trained by then.
    """
    situation = checklist.read(
        lake, instrument, at_ms, options.model, options.scenarios, options.order_usd
    )
    return make(situation, options)


def make(situation: Situation, options: PlaybookOptions) -> Playbook:
    """Return the playbook of a situation, its heatmap painted."""
    style = STYLES[options.style]
    old = situation.mapped
    # The same market, mixture and moment: the same map, and its picture besides.
    mapped = build_map(old.market, picture_span_ms=style.picture_span_ms, trained=old.trained)
    situation = replace(situation, mapped=mapped)
    stated, order_usd = options.position, options.order_usd
    position = None if stated is None else plan_position(situation, style, *stated)
    side = None if stated is None else stated[0]
    record = situation.leg_record
    return build_playbook(
        situation,
        style,
        fill(situation, options.equity, options.risk, side, order_usd),
        read_second_leg(
            situation,
            past=None if record is None else record.past,
            size_usd=order_usd,
            liquidations=situation.liquidations,
        ),
        position,
    )


def answer(playbook: Playbook) -> dict[str, Any]:
    """Return the page's figures with everything needed to judge them."""
    situation, leg = playbook.situation, playbook.leg
    cascade = situation.cascade
    return {
        **checklist.answer(playbook.checklist),
        "style": {
            "name": playbook.style.name,
            "horizon_ms": playbook.style.horizon_ms,
            "invalidation_sigma": playbook.style.invalidation_sigma,
            "buffer_sigma": playbook.style.buffer_sigma,
            "confirmation": playbook.style.confirmation,
        },
        "no_trade": playbook.no_trade,
        "reason": playbook.reason,
        "plans": {plan.direction: plan.row() for plan in playbook.plans},
        "rules": [rule.row() for rule in playbook.rules],
        "leverage": {cap.side: cap.row() for cap in playbook.caps},
        "position": None if playbook.position is None else playbook.position.row(),
        "regime": playbook.regime.row(),
        "forecast": None if situation.forecast is None else forecast.answer(situation.forecast),
        "signals": [reading.row() for reading in situation.readings],
        "loading": playbook.loading.row(),
        "pressure_gauge": known(playbook.gauge),
        "crowding": known(playbook.crowding),
        "zones": [zone.row() for zone in situation.zones],
        "dominoes": None
        if cascade is None
        else [domino.row() for way in (cascade.down, cascade.up) for domino in way.dominoes],
        "second_leg": {
            "state": leg.state,
            "is_open": leg.is_open,
            "since_ignition_ms": leg.since_ignition_ms,
            "share_bottomed": leg.share_bottomed,
            "n_past": leg.n_past,
            "past_of": leg.past_of,
            "no_trade": leg.verdict.no_trade,
            "reason": leg.verdict.reason,
            "size_usd": leg.size_usd,
        },
        "base_rates": None
        if cascade is None
        else [
            {
                "direction": rate.direction,
                "small_pct": 100 * rate.small,
                "large_pct": 100 * rate.large,
                "within_ms": rate.within_ms,
                "n": rate.n,
                "grew": rate.grew,
                "interval_80": rate.interval(),
            }
            for rate in cascade.base_rates
        ],
        "missing_levels": list(playbook.missing),
        "input_age_s": {
            name: None if age is None else age / 1000
            for name, age in situation.features.input_age_ms.items()
        },
        "at": iso_time(situation.at_ms),
        "words": "educational and analytical, not advice; places no orders",
    }
