"""What ``checklist`` answers: eleven questions about one market at one moment.

In:  a lake, an instrument, a moment; the user's side, equity, risk and order size where stated.
Out: a `Situation`; plain values for JSON.
Free of any clock.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from forcedflow.answers.model import choose_model, follow_feed
from forcedflow.answers.times import iso_time
from forcedflow.asof.situation import lent_trained, read_situation
from forcedflow.errors import UsageError
from forcedflow.evaluate.signal_record import record_words
from forcedflow.instruments import Instrument
from forcedflow.playbook.checklist import ORDER_USD, RULES, Checklist, fill
from forcedflow.playbook.past_legs import PastLegs
from forcedflow.playbook.record import Scored
from forcedflow.playbook.regime import read_regime
from forcedflow.playbook.situation import Situation
from forcedflow.report.record_words import leg_record_words, regime_record_words
from forcedflow.store import Lake
from forcedflow.store.signal_record import newest_record
from forcedflow.units import Side

LEAST_SCENARIOS, MOST_SCENARIOS = 100, 100_000


@dataclass(frozen=True, slots=True)
class ChecklistOptions:
    """What a user states of themselves.

    Parameters
    ----------
    side : {"long", "short"}, optional
        Side of the position thought of; by default the way at risk is read off the signals.
    equity : float, optional
        [USD]
    risk : float, optional
        Share of the equity that may be lost. [%]
    order : float
        Size that slippage is asked for. [USD]
    scenarios : int
        Paths of the cascade.
    model : str, optional

    Raises
    ------
    UsageError
        If a figure is out of its range, or equity is stated without risk.
    """

    side: Side | None = None
    equity: float | None = None
    risk: float | None = None
    order: float = ORDER_USD
    scenarios: int = 2_000
    model: str | None = None

    def __post_init__(self) -> None:
        refuse(self.equity, self.risk, self.order, self.scenarios)


def ask(
    lake: Lake, instrument: Instrument, at_ms: int, options: ChecklistOptions
) -> dict[str, Any]:
    """Return the checklist of a market at a moment; errors as of `read`."""
    return answer(fill_in(lake, instrument, at_ms, options))


def fill_in(lake: Lake, instrument: Instrument, at_ms: int, options: ChecklistOptions) -> Checklist:
    """Return the filled checklist; errors as of `read`."""
    situation = read(lake, instrument, at_ms, options.model, options.scenarios, options.order)
    return fill(situation, options.equity, options.risk, options.side, options.order)


def read(
    lake: Lake,
    instrument: Instrument,
    at_ms: int,
    model: str | None,
    scenarios: int,
    order_usd: float,
) -> Situation:
    """Return the situation, with the weights that ``--model`` means or that were lent.

    Raises
    ------
    NoDataError
        If no open interest was known by then, or the weights asked for were not trained by then.
    """
    record = newest_record(lake.refreshed("artefacts"), instrument.venue, instrument.symbol, at_ms)
    if model is None:
        trained = lent_trained(lake, instrument, at_ms)
    else:
        trained = choose_model(lake, instrument, model, at_ms)
    if trained is not None:
        trained = follow_feed(lake, instrument, trained, at_ms)
    return read_situation(
        lake,
        instrument,
        at_ms,
        trained=trained,
        scenarios=scenarios,
        order_usd=order_usd,
        signal_records=None if record is None else record_words(record),
    )


def answer(checklist: Checklist) -> dict[str, Any]:
    """Return the lines with everything needed to judge them."""
    situation = checklist.situation
    mapped = situation.mapped
    return {
        "symbol": mapped.market.instrument.symbol,
        "venue": mapped.market.instrument.venue,
        "simulated": situation.simulated,
        "at": iso_time(situation.at_ms),
        "known_to": iso_time(mapped.known_ms),
        "mark_price": mapped.mark,
        "way_at_risk": {"direction": checklist.way.direction, "why": checklist.way.why},
        "checklist": checklist.row(),
        "unknown": list(checklist.unknown),
        "reasons": dict(situation.reasons),
        "records": _records(situation),
        "assumptions": {
            "estimate": "every verdict is the outcome of its stated rule; none foretells price",
            "rules": {key: dict(rules) for key, rules in RULES.items()},
            "order_usd": checklist.order_usd,
            "simulated": situation.simulated,
            "map": mapped.assumptions(),
            "signals_map": "stated prior: weights trained last week cannot say what was large last "
            "month",
        },
        "freshness": mapped.freshness(),
    }


def _records(situation: Situation) -> dict[str, Any]:
    """Return what plans and regimes came to; None where no record was over by then."""
    legs, regimes = situation.leg_record, situation.regime_record
    regime = read_regime(situation.features).regime
    return {
        "second_leg": None
        if legs is None
        else {
            "words": leg_record_words(legs),
            **_scored(legs.scored),
            **_rate(legs.past),
        },
        "regime": None
        if regimes is None
        else {
            "words": regime_record_words(regimes, regime),
            **_scored(regimes.scored),
            "rates": [asdict(rate) for rate in regimes.of(regime)],
        },
    }


def _scored(scored: Scored) -> dict[str, Any]:
    return {
        "symbols": list(scored.symbols),
        "from": iso_time(scored.from_ms),
        "to": iso_time(scored.to_ms),
        "simulated": scored.simulated,
    }


def _rate(past: PastLegs) -> dict[str, Any]:
    rate = past.net_rate()
    known = math.isfinite(rate.low_bps)
    return {
        "net_bps": round(rate.mean_bps, 2) if rate.n else None,
        "interval_95_bps": [round(rate.low_bps, 2), round(rate.high_bps, 2)] if known else None,
        "n": rate.n,
        "n_days": rate.n_days,
        "size_usd": past.size_usd,
    }


def refuse(equity: float | None, risk: float | None, order: float, scenarios: int) -> None:
    """Refuse what cannot be answered before anything is read.

    Raises
    ------
    UsageError
        If a figure is out of its range, or equity is stated without risk.
    """
    if (equity is None) != (risk is None):
        raise UsageError("--equity and --risk go together\nhint: --equity 10000 --risk 1")
    if equity is not None and not 0 < equity < math.inf:
        raise UsageError(f"{equity:g} USD is no equity\nhint: --equity 10000")
    if risk is not None and not 0 < risk <= 100:
        raise UsageError(f"{risk:g} % is no share of the equity\nhint: --risk 1")
    if not 0 < order < math.inf:
        raise UsageError(f"{order:g} USD is no order\nhint: --order 100000")
    if not LEAST_SCENARIOS <= scenarios <= MOST_SCENARIOS:
        raise UsageError(f"--scenarios is from {LEAST_SCENARIOS} to {MOST_SCENARIOS}")
